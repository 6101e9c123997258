"""How a node asks Redis: by a script, until when the question counts, and what an error means.

Every question raises StoreUnavailable where the store can't be reached or refuses to write, and NodeFenced where the
other nodes have given this one up. Questions of players carry the moment after which they are void, so that nothing
they asked for happens once they were told that it did not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from matchd.errors import NodeFenced, StoreError, StoreUnavailable
from matchd.store.scripts import Script, load_all
from matchd.store.servicetime import ServiceTime

PATIENCE_MS = 2_000
"""How long a player's question stays valid on its way to the store."""


NEEDED = "matchd needs Redis 7.0 or later, or Valkey 7.2 or later"


class Commands(Protocol):
    """What the store needs of its connection: a command goes out, a reply or a failure comes back."""

    def execute(self, *args: bytes | str | int) -> Deferred[Any]:
        """One command; fails at once with StoreUnavailable while there is no connection."""


def _is_too_old(failure: Failure) -> bool:
    """Tell whether a script was refused for its first line, ``#!lua``, which Redis before 7.0 does not know."""
    text = str(failure.value)
    return failure.check(StoreError) is not None and "compiling script" in text and "near '#'" in text


async def _version(connection: Commands) -> str:
    """Ask the server for its version; it may not tell."""
    try:
        info = await connection.execute("INFO", "server")
    except StoreError:
        return "an older one"
    match = re.search(rb"^redis_version:([\w.-]+)", info, re.MULTILINE)
    return match[1].decode() if match else "an older one"


class ScriptRunner:
    """Runs scripts for one ``node``, on keys that begin with ``prefix``; ``on_fenced`` hears when it is given up."""

    def __init__(self, commands: Commands, clock: IReactorTime, prefix: str, node: str) -> None:
        self.node = node
        self.prefix = prefix
        self.on_fenced: Callable[[], None] = lambda: None
        self._commands = commands
        self._clock = clock
        self._scripts = load_all()
        self._service_time = ServiceTime(clock)
        self.leeway_ms = 0
        """How much longer questions stay valid; for tests, in which the node's clock stands still."""

    async def read(self, command: str, key: str, *rest: bytes | str | int) -> Any:
        """A command on one key, given without the prefix, that changes nothing.

        Raises StoreError, which names the key, where the key is of another kind.
        """
        try:
            return await self._translated(self._commands.execute(command, self.prefix + key, *rest))
        except StoreError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            raise StoreError(f"WRONGTYPE the key {self.prefix}{key} is not of matchd") from None

    async def time(self) -> int:
        """Service time (ms), by which every moment in the store is to be understood."""
        seconds, micros = map(int, await self._translated(self._commands.execute("TIME")))
        return seconds * 1000 + micros // 1000 + int(await self.read("GET", "clock_offset") or 0)

    async def look(self, script: str, *args: str | int) -> Any:
        """A script that changes nothing."""
        return await self._run(script, *args)

    async def _load(self, connection: Commands) -> None:
        loading = [connection.execute("SCRIPT", "LOAD", script.text) for script in self._scripts.values()]
        for _, outcome in await DeferredList(loading, consumeErrors=True):  # all at once: one round trip
            if isinstance(outcome, Failure):
                if _is_too_old(outcome):
                    raise StoreError(f"{NEEDED}; this is {await _version(connection)}")
                outcome.raiseException()

    async def _ask(self, name: str, *args: str | int) -> Any:
        """Run a script on behalf of somebody who is told that it failed if the answer does not come in time."""
        if not self._service_time.known:
            raise StoreUnavailable("the store's clock is not known yet")
        return await self._eval(self._commands, name, self._not_after(), *args)

    async def _run(self, name: str, *args: str | int) -> Any:
        """Run a script that may as well take effect late, but for a moment in which the store's clock may be wrong."""
        return await self._eval(self._commands, name, -self._not_after(), *args)

    def _not_after(self) -> int:
        return self._service_time.now() + PATIENCE_MS + self.leeway_ms if self._service_time.known else 0

    async def _eval(self, commands: Commands, name: str, not_after: int, *args: str | int) -> Any:
        script: Script = self._scripts[name]
        rest = (1, self.prefix, self.node, not_after, *args)
        try:
            return await self._translated(commands.execute("EVALSHA", script.sha, *rest))
        except StoreError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await self._translated(commands.execute("EVAL", script.text, *rest))

    async def _translated(self, reply: Deferred[Any]) -> Any:
        try:
            return await reply
        except StoreError as error:
            if str(error).startswith("FENCED"):
                self.on_fenced()
                raise NodeFenced("this node was given up by the others") from None
            if str(error).startswith("LATE"):
                raise StoreUnavailable("the store answered too late") from None
            raise
