"""The players' port as a whole: who is let in, who is counted, and how it ends."""

from __future__ import annotations

from itertools import pairwise

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, serverFromString
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from matchd.background import Background
from matchd.messages import CloseCode
from matchd.websocket.conversation import Outlet
from matchd.websocket.gateway import Gateway
from matchd.websocket.limits import Limits
from tests.support.wire import CLOSE, TEXT, Listener, PortCase, frame, request, server_frames

SMALL = Limits(max_connections=3, overflow=2)


class FullTests(PortCase):
    def test_who_comes_on_top_is_told_to_try_later(self) -> None:
        """In a way that any client understands, and without a conversation."""
        port = self.port(SMALL)
        for _ in range(3):
            port.open()
        client = port.visitor()
        client.say(b"m")
        self.assertEqual(client.closed, (4013, "this node is full: try again later"))
        self.assertEqual((len(port.listeners), port.gateway.connections), (3, 3))
        self.assertEqual(port.gateway.refused, {"full": 1})

    def test_beyond_that_a_503_must_do(self) -> None:
        """Which costs less; and beyond that not even that is said."""
        port = self.port(SMALL)
        for _ in range(3):
            port.open()
        for _ in range(2):
            self.assertEqual(port.visitor().closed, (4013, "this node is full: try again later"))
        for _ in range(2):
            client = port.visitor()
            self.assertEqual(client.status, "HTTP/1.1 503 Service Unavailable")
            self.assertEqual(client.rest, b"maximum number of connections reached\n")
        self.assertIsNone(port.gateway.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)))
        self.assertEqual(port.gateway.refused, {"full": 5})

    def test_sockets_that_say_nothing_take_no_place_of_a_player(self) -> None:
        """They only take a place of the overflow, for five seconds."""
        port = self.port(SMALL)
        for _ in range(2):
            port.client()
        for _ in range(3):
            self.assertIsNone(port.open()[0].closed)

    def test_who_leaves_makes_room(self) -> None:
        """At once."""
        port = self.port(SMALL)
        clients = [port.open()[0] for _ in range(3)]
        clients[0].hang_up()
        self.assertIsNone(port.open()[0].closed)
        self.assertEqual(port.gateway.connections, 3)


class DrainingTests(PortCase):
    def test_new_connections_are_sent_elsewhere(self) -> None:
        """Those that are open stay as they are."""
        port = self.port()
        old, listener = port.open()
        port.gateway.refuse(CloseCode.DRAINING)
        client = port.visitor()
        self.assertEqual(client.status, "HTTP/1.1 101 Switching Protocols")
        self.assertEqual(client.closed, (4000, "this node is going down: connect again elsewhere"))
        old.say(b"m")
        self.assertEqual(listener.received, [b"m"])
        self.assertEqual((len(port.listeners), port.gateway.refused), (1, {"draining": 1}))

    def test_a_refused_connection_ends_like_any_other(self) -> None:
        """When the client answers, or two seconds later."""
        port = self.port()
        port.gateway.refuse(CloseCode.DRAINING)
        polite, rude = port.visitor(), port.visitor()
        polite.feed(frame((4000).to_bytes(2, "big"), CLOSE))
        self.assertTrue(polite.wire.disconnecting)
        port.clock.advance(2)
        self.assertTrue(rude.wire.aborted)
        self.assertFalse(polite.gone)
        port.hang_up()
        self.assertEqual(port.gateway.closed, {})

    def test_a_node_may_change_its_mind(self) -> None:
        """Such as one that the others had given up, and that is back."""
        port = self.port()
        port.gateway.refuse(CloseCode.DRAINING)
        port.gateway.refuse(None)
        self.assertIsNone(port.open()[0].closed)


class CloseAllTests(PortCase):
    def test_everyone_is_told(self) -> None:
        """With the same code and reason."""
        port = self.port()
        clients = [port.open()[0] for _ in range(3)]
        told = Deferred.fromCoroutine(port.gateway.close_all(CloseCode.DRAINING, "good bye"))
        self.assertEqual([client.closed for client in clients], [(4000, "good bye")] * 3)
        port.clock.advance(0)
        self.successResultOf(told)
        port.hang_up()
        self.assertEqual(port.gateway.closed, {4000: 3})

    def test_not_all_in_one_turn_of_the_reactor(self) -> None:
        """Others must get their turn; who leaves meanwhile is not missed, and who is new may stay."""
        port = self.port()
        clients = [port.open()[0] for _ in range(1200)]
        told = Deferred.fromCoroutine(port.gateway.close_all(CloseCode.DRAINING, "good bye"))
        newcomer, _ = port.open()
        next(client for client in clients if client.closed is None).hang_up()
        counts: list[int] = []

        def count() -> None:
            counts.append(sum(client.closed is not None for client in clients))
            if not told.called:
                port.clock.callLater(0, count)

        count()
        port.clock.advance(0)
        self.successResultOf(told)
        self.assertEqual((counts[0], counts[-1]), (500, 1199))
        self.assertLessEqual(max(later - earlier for earlier, later in pairwise(counts)), 500)
        self.assertIsNone(newcomer.closed)

    def test_when_the_last_has_gone_the_port_is_vacant(self) -> None:
        """Or when nobody was there."""
        port = self.port()
        self.successResultOf(port.gateway.vacant())
        first, second = port.open()[0], port.open()[0]
        vacant = port.gateway.vacant()
        first.hang_up()
        self.assertNoResult(vacant)
        second.hang_up()
        self.successResultOf(vacant)

    def test_who_does_not_answer_does_not_hold_up_the_end(self) -> None:
        """Two seconds after it was told its socket is dropped."""
        port = self.port()
        client, _ = port.open()
        told = Deferred.fromCoroutine(port.gateway.close_all(CloseCode.DRAINING, "good bye"))
        port.clock.advance(2)
        self.successResultOf(told)
        self.assertTrue(client.wire.aborted)


class CountingTests(PortCase):
    def test_connections_are_those_with_a_conversation(self) -> None:
        """Not those that are still shaking hands, and not those that were refused."""
        port = self.port()
        port.client()
        client, _ = port.open()
        port.client().feed(request("/nope"))
        self.assertEqual(port.gateway.connections, 1)
        client.hang_up()
        self.assertEqual(port.gateway.connections, 0)

    def test_each_end_is_counted_once_by_its_code(self) -> None:
        """Ours, or 1000 or 1006."""
        port = self.port()
        for end in (b"\x81\x00", frame(b"\xff"), frame(b"x", 2), frame(b"m") * 100, frame(b"", CLOSE), b""):
            client, _ = port.open()
            client.feed(end)
            client.hang_up()
        self.assertEqual(port.gateway.closed, {1002: 1, 1007: 1, 4002: 1, 4008: 1, 1000: 1, 1006: 1})


class ReactorTests(SynchronousTestCase):
    def test_every_timer_is_of_the_reactor_that_it_was_given(self) -> None:
        """Autobahn would take the global one; a port in a test must not."""
        reactor = MemoryReactorClock()
        gateway = Gateway(Background(reactor), lambda outlet: self.fail("nobody is there"))
        reactor.listenTCP(8080, gateway)
        connection = gateway.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        assert connection is not None
        connection._connectionMade()
        self.assertEqual([call.getTime() for call in reactor.getDelayedCalls()], [5.0])


class _Flood(Protocol):
    """A client that says all it has to say at once, and remembers what it hears until the end."""

    heard = b""

    def __init__(self, flood: bytes) -> None:
        self._flood = flood
        self.over: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(request() + self._flood)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(self.heard)


class RealSocketTests(TestCase):
    async def test_over_tcp_a_flood_is_answered_and_who_does_not_read_is_dropped(self) -> None:
        """What depends on how a real transport buffers, pauses and closes."""
        listeners: list[Listener] = []

        def converse(outlet: Outlet) -> Listener:
            listeners.append(Listener(outlet))
            return listeners[-1]

        gateway = Gateway(Background(reactor), converse, Limits(close_seconds=0.2))
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(gateway)
        self.addCleanup(port.stopListening)
        door = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)

        flood = await connectProtocol(door, _Flood(frame(b'{"type":"dequeue"}') * 1000))
        frames = server_frames((await flood.over).partition(b"\r\n\r\n")[2])
        self.assertEqual([opcode for opcode, _ in frames], [TEXT] * 40 + [CLOSE])
        self.assertEqual(frames[-1][1], (4008).to_bytes(2, "big") + b"too many messages")

        deaf = await connectProtocol(door, _Flood(b""))
        deaf.transport.pauseProducing()
        for _ in range(2000):
            if gateway.connections == 0 and len(listeners) == 2:
                break
            listeners[-1].outlet.send(b"x" * 65_536)
            await deferLater(reactor, 0)
        deaf.transport.resumeProducing()
        await deaf.over
        self.assertEqual([listener.times_lost for listener in listeners], [1, 1])
        self.assertEqual(gateway.closed, {4008: 1, 1006: 1})
