"""A store that may delete players is warned of."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import StoreError, StoreUnavailable
from matchd.store import eviction
from tests.support.blocking import BlockingCommands
from tests.support.valkey import shared_valkey
from tests.support.world import outcome


class Says:
    """Commands that have one reply to all."""

    def __init__(self, reply: bytes | Exception) -> None:
        self._reply = reply

    def execute(self, *args: bytes | str | int) -> Deferred[Any]:
        return fail(self._reply) if isinstance(self._reply, Exception) else succeed(self._reply)


class EvictionTests(SynchronousTestCase):
    """What the log says of the store's ``maxmemory-policy``."""

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def logged(self, commands: Any) -> list[tuple[LogLevel, str]]:
        self.events.clear()
        outcome(eviction.check(commands))
        return [(event["log_level"], formatEvent(event)) for event in self.events]

    def test_real(self) -> None:
        """A store that keeps everything is no news; one that evicts is."""
        server = shared_valkey()
        self.addCleanup(server.ask, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        commands = BlockingCommands(server.path)
        self.addCleanup(commands.close)
        self.assertEqual(self.logged(commands), [])
        for policy in ("allkeys-lru", "volatile-ttl"):
            server.ask("CONFIG", "SET", "maxmemory-policy", policy)
            text = f"redis: by its maxmemory-policy, {policy}, it may delete players; set noeviction"
            self.assertEqual(self.logged(commands), [(LogLevel.warn, text)])

    def test_unknown(self) -> None:
        """Where the user may not ask, or the answer does not say, the log says that too."""
        text = "redis: can't see its maxmemory-policy; make sure that it is noeviction"
        for reply in (StoreError("NOPERM this user has no permissions"), b"# Memory\r\nused_memory:1\r\n"):
            self.assertEqual(self.logged(Says(reply)), [(LogLevel.info, text)])

    def test_away(self) -> None:
        """A store that has just gone says nothing of its policy."""
        self.assertEqual(self.logged(Says(StoreUnavailable("gone"))), [])
