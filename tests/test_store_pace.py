"""How often and how long a link tries, by a clock of the test's own."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.store.address import parse
from matchd.store.link import CommandLink


class PaceTests(SynchronousTestCase):
    """The link's own clock, without a server."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.background = Background(self.reactor)
        self.link = CommandLink(self.reactor, self.background, parse("redis://127.0.0.1:7000"))
        self.link.start()

    def connect_silently(self) -> StringTransportWithDisconnection:
        """The other side of the connection that is being made."""
        _, _, factory, _, _ = self.reactor.tcpClients[-1]
        transport = StringTransportWithDisconnection()
        transport.protocol = factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        return transport

    def connect(self) -> StringTransportWithDisconnection:
        """The same, once it has said that it is a primary."""
        transport = self.connect_silently()
        transport.protocol.dataReceived(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
        transport.protocol.dataReceived(b"$-1\r\n")  # it takes writes
        transport.clear()
        return transport

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.link.stop()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_round_trip(self) -> None:
        """About every 3 s the server is asked for a sign of life, and the time that took is told."""
        trips: list[float] = []
        self.link.round_trip = trips.append
        transport = self.connect()
        self.reactor.advance(3.5)
        self.assertEqual(transport.value(), b"*1\r\n$4\r\nPING\r\n")
        self.reactor.advance(0.1)
        transport.protocol.dataReceived(b"+PONG\r\n")
        self.assertEqual(len(trips), 1)
        self.assertAlmostEqual(trips[0], 0.1)
        self.stop()

    def test_half_open(self) -> None:
        """A connection whose other side vanished without a word is found within 6 s, though nobody asks anything."""
        self.connect()
        self.assertTrue(self.link.up)
        self.reactor.pump([0.25] * 24)
        self.assertEqual((self.link.up, self.link.problem), (False, "no answer within 2 s"))
        self.assertEqual(self.background.failures, {})
        self.stop()

    def test_silent_server(self) -> None:
        """A server that accepts and says nothing is left after 2 s."""
        self.connect_silently()
        self.reactor.pump([0.25] * 8)
        self.assertEqual(self.link.problem, "no answer within 2 s")
        self.stop()

    def test_pace(self) -> None:
        """The first tries follow quickly, later ones about every second, for ever; also when each gets a connection."""
        for _ in range(40):
            self.connect_silently()
            self.reactor.pump([0.25] * 8)
            before = len(self.reactor.tcpClients)
            self.reactor.advance(1.25)
            self.assertEqual(len(self.reactor.tcpClients), before + 1)
        self.stop()

    def test_recovered(self) -> None:
        """Once it was up, the next try is a quick one again."""
        for _ in range(10):
            self.connect_silently()
            self.reactor.pump([0.25] * 13)
        transport = self.connect()
        transport.loseConnection()
        before = len(self.reactor.tcpClients)
        self.reactor.advance(0.07)
        self.assertEqual(len(self.reactor.tcpClients), before + 1)
        self.stop()

    def test_lost_in_a_row(self) -> None:
        """A command that is sent because another failed does not reach a dead connection."""
        transport = self.connect()
        failures: list[object] = []

        def again(failure: object) -> None:
            self.link.execute("INCR", "b").addErrback(failures.append)

        self.link.execute("INCR", "a").addErrback(again)
        transport.loseConnection()
        self.assertEqual(len(failures), 1)
        self.stop()

    def test_failing_while_down(self) -> None:
        """While there is no connection a command fails before anything is waited for."""
        self.failureResultOf(self.link.execute("PING"), StoreUnavailable)
        self.stop()
