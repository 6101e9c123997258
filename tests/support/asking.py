"""A game server client in a network in memory; each test says what the game server does."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import SessionRefused, SessionUncertain
from matchd.matches.gameserver import CreateSession, GameServerClient
from matchd.model import GameSession
from tests.support.network import Network, Script, ScriptedServer, ScriptedServers, response

ADDRESS = "127.0.0.1:7000"
REQUEST = CreateSession(("a", "b"), "Normal_1v1", "s1", (("a",), ("b",)))
MADE = response("200 OK", b'{"session_id":"g1","server_address":"10.0.0.4:7777"}')
GAME = GameSession("g1", "10.0.0.4:7777")


def silence(server: ScriptedServer, head: bytes, body: bytes) -> None:
    """The script of a server that never answers."""


class Asking(SynchronousTestCase):
    """A client in a network in memory; each test says what the game server at port 7000 does."""

    def setUp(self) -> None:
        self.network = Network()
        self.client = GameServerClient(self.network.reactor)
        self.addCleanup(self.leave_nothing)

    def leave_nothing(self) -> None:
        """Once closed, the client has no connection and no timer left."""
        self.client.close()
        self.network.settle()
        self.assertEqual(self.network.open, 0)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def serve(self, script: Script) -> ScriptedServers:
        servers = ScriptedServers(script)
        self.network.listen(7000, servers)
        return servers

    def create(self, address: str = ADDRESS) -> Deferred[GameSession]:
        asked = Deferred.fromCoroutine(self.client.create_session(address, REQUEST))
        self.network.settle()
        return asked

    def end(self, session: str = "s1") -> Deferred[None]:
        asked = Deferred.fromCoroutine(self.client.end_session(ADDRESS, session))
        self.network.settle()
        return asked

    def assert_refused(self, asked: Deferred[Any], text: str) -> None:
        self.assertEqual(str(self.failureResultOf(asked, SessionRefused).value), text)

    def assert_uncertain(self, asked: Deferred[Any], text: str) -> None:
        self.assertEqual(str(self.failureResultOf(asked, SessionUncertain).value), text)
