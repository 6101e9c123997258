"""A game server as it runs: its port, its address, the end of its sessions."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.testing import RaisingMemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.dedicated.service import GameServerService
from matchd.dedicated.sessions import Sessions
from matchd.errors import StartupError
from matchd.matches.exchange import Answer, Exchanges
from tests.support.network import Network

BODY = b'{"players":["a","b"],"game_mode":"Normal_1v1","loading_session_id":"s1"}'


class GameServerServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = Network()
        self.changes = 0
        self.exchanges = Exchanges(self.network.reactor, timeout=5.0)

    def changed(self) -> None:
        self.changes += 1

    def service(self, advertised: str = "10.0.0.4:7777") -> GameServerService:
        reactor = self.network.reactor
        endpoint = TCP4ServerEndpoint(reactor, 7000)
        sessions = Sessions(2, 60.0)
        return GameServerService(
            reactor, Background(reactor), endpoint, sessions, advertised=advertised, on_change=self.changed
        )

    def create(self) -> Answer:
        url = "http://127.0.0.1:7000/session/create"
        asked = Deferred.fromCoroutine(self.exchanges.ask("POST", url, BODY))
        self.network.settle()
        return self.successResultOf(asked)

    def test_players_are_sent_where_it_says(self) -> None:
        """The advertised address is what a match's players get."""
        service = self.service()
        service.startService()
        self.assertEqual(service.address, "10.0.0.4:7777")
        self.assertIn(b'"server_address":"10.0.0.4:7777"', self.create().body)
        self.successResultOf(service.stopService())

    def test_sessions_end(self) -> None:
        """After their time, to a fraction of a second, and it is told as a change."""
        service = self.service()
        service.startService()
        self.create()
        self.assertEqual((service.sessions.count, self.changes), (1, 1))
        self.network.advance(59.8)
        self.assertEqual((service.sessions.count, self.changes), (1, 1))
        self.network.advance(0.4)
        self.assertEqual((service.sessions.count, self.changes), (0, 2))
        self.network.advance(60)
        self.assertEqual(self.changes, 2)
        self.successResultOf(service.stopService())

    def test_the_end_leaves_nothing(self) -> None:
        """No port, no connection, no timer."""
        service = self.service()
        service.startService()
        self.create()
        self.assertEqual(self.network.open, 1)
        self.successResultOf(service.stopService())
        self.network.settle()
        self.assertEqual(self.network.open, 0)
        self.successResultOf(self.exchanges.close())
        for _, factory, *_ in self.network.reactor.tcpServers:
            factory.doStop()
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_nobody_could_be_told_where(self) -> None:
        """A server that listens on every address has to be told which one to give to players."""
        service = self.service(advertised="")
        error = self.assertRaises(StartupError, service.startService)
        self.assertEqual(str(error), "--address: needed, because --listen does not name one IP address")
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_no_address_yet(self) -> None:
        """Before it has started, nobody is sent anywhere."""
        error = self.assertRaises(StartupError, lambda: self.service(advertised="").address)
        self.assertEqual(str(error), "the game server has no address yet")

    def test_the_port_is_in_use(self) -> None:
        """Whoever starts it learns that at once."""
        reactor = RaisingMemoryReactor(listenException=CannotListenError("127.0.0.1", 7000, OSError("in use")))
        background = Background(self.network.reactor)
        endpoint = TCP4ServerEndpoint(reactor, 7000)
        service = GameServerService(self.network.reactor, background, endpoint, Sessions(1, 60.0))
        self.assertRaises(CannotListenError, service.startService)
        self.assertFalse(service.running)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])
