"""The operators' port while somebody holds more connections than there is room for."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from matchd.operators.access import Access
from matchd.operators.site import site
from tests.support.loopback import ask
from tests.support.operators import Browser, MadeUpNode, Reply, Wire, error, hang_up
from tests.support.waiting import until

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
MODES = b"GET /v1/modes HTTP/1.1\r\nHost: localhost\r\n\r\n"
FULL = (503, error("too many connections"))
HEARTBEAT = b'{"address":"10.0.0.4:7777"}'
ROOM = 4


class CrowdTests(SynchronousTestCase):
    """Who has to go, and who stays."""

    def setUp(self) -> None:
        self.node = MadeUpNode()
        self.browser = Browser(self.node, max_connections=ROOM)

    def silent(self, sent: bytes = b"", host: str = "127.0.0.1") -> tuple[Any, Wire]:
        """A new connection from ``host`` that says only ``sent``."""
        channel, wire = self.browser.site.buildProtocol(None), Wire(peerAddress=IPv4Address("TCP", host, 40000))
        channel.makeConnection(wire)
        channel.dataReceived(sent)
        return channel, wire

    def waiting(self) -> tuple[Any, Wire]:
        """A new connection that waits for the node's answer."""
        self.node.pending = self.node.pending or Deferred()
        return self.silent(MODES)

    def answered(self, sent: bytes = LIVE) -> None:
        """A new client gets its answer."""
        self.assertEqual(200, Reply.read(self.browser.send(sent)).status)

    def test_oldest_silent_connection_makes_room(self) -> None:
        """For one connection too many the oldest one that has asked nothing is cut, and the new one is answered."""
        wires = [self.silent()[1] for _ in range(ROOM)]
        for gone in range(1, ROOM + 1):
            self.silent()
            self.assertEqual([wire.aborted for wire in wires], [True] * gone + [False] * (ROOM - gone))
        self.answered()
        self.assertEqual(ROOM - 1, len(self.browser.site.connections))

    def test_slow_requests_are_silent(self) -> None:
        """Who sends the beginning of a request, or of a body, has asked nothing yet."""
        head = b"PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
        for sent in (LIVE[:-1], head, head, b"G"):
            self.silent(sent)
        self.answered()

    def test_refused_connections_are_silent(self) -> None:
        """Who was refused and does not close keeps nobody out."""
        head = b"PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
        for _ in range(2 * ROOM):
            self.silent(head)
        self.answered()
        self.assertLessEqual(len(self.browser.site.connections), ROOM)

    def test_unread_answers_are_silent(self) -> None:
        """Who does not read the answer keeps nobody out, and goes after those who have asked nothing for longer."""
        _, first = self.silent()
        wires = [self.silent(LIVE)[1] for _ in range(ROOM - 1)]
        self.silent()
        self.assertEqual([first.aborted, *(wire.aborted for wire in wires)], [True] + [False] * (ROOM - 1))
        self.silent()
        self.assertEqual([wire.aborted for wire in wires], [True] + [False] * (ROOM - 2))

    def test_who_waits_for_an_answer_stays(self) -> None:
        """However many silent ones come, a request that is being answered is answered."""
        _, wire = self.waiting()
        for _ in range(5 * ROOM):
            self.silent()
        self.assertFalse(wire.aborted)
        self.node.pending.callback(None)
        self.assertEqual(200, Reply.read(wire.value()).status)

    def test_reads_leave_room_for_heartbeats(self) -> None:
        """Reads that wait for the store take three quarters of the room at most: the rest is refused at once."""
        for _ in range(3):
            self.waiting()
        self.assertEqual(FULL, tuple(Reply.read(self.browser.send(MODES))))
        self.answered()
        self.node.pending = None
        self.assertEqual(200, self.browser.ask("PUT", "/v1/servers/a", HEARTBEAT).status)

    def test_full_of_heartbeats(self) -> None:
        """Where every connection waits for the store, one more is told so."""
        self.node.pending = Deferred()
        put = b"PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 27\r\n\r\n" + HEARTBEAT
        held = [self.silent(put) for _ in range(ROOM)]
        self.assertEqual(FULL, tuple(Reply.read(self.browser.send(LIVE))))
        self.assertEqual([wire.aborted for _, wire in held], [False] * ROOM)
        hang_up(held[0][0])
        self.answered()

    def test_address_with_the_most_makes_room(self) -> None:
        """A newcomer who is about to ask is not cut for those of another address, who hold more."""
        _, honest = self.silent(host="10.0.0.1")
        for _ in range(5 * ROOM):
            self.silent(host="10.6.6.6")
        self.assertFalse(honest.aborted)

    def test_wrong_token(self) -> None:
        """Without the token the port is held by nobody either."""
        self.browser = Browser(self.node, "s3cret", ROOM)
        for _ in range(5 * ROOM):
            self.silent(MODES)
        self.answered()


class _Holding(Protocol):
    """Holds a connection and says nothing."""

    lost = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The node has cut it."""
        self.lost = True


class RealSocketTests(TestCase):
    """Real connections of one peer that has no token."""

    timeout = 30
    HELD = 600

    async def test_heartbeats_and_health_while_one_peer_holds_every_connection(self) -> None:
        """600 silent connections are open or cut; game servers and load balancers are answered all the time."""
        node = MadeUpNode()
        port = reactor.listenTCP(0, site(node, Access("s3cret"), reactor), interface="127.0.0.1", backlog=1000)
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        held: list[_Holding] = []
        for _ in range(self.HELD // 50):
            held += await gatherResults([self._hold(number) for _ in range(50)])
            self.assertEqual(200, (await ask(number, "GET", "/health/ready")).status)
            reply = await ask(number, "PUT", "/v1/servers/eu-1", HEARTBEAT, Authorization="Bearer s3cret")
            self.assertEqual(200, reply.status, reply.text)
        await until(lambda: sum(each.lost for each in held) >= self.HELD - 512)
        self.assertFalse(held[-1].lost)
        for each in held:
            each.transport.abortConnection()
        await until(lambda: all(each.lost for each in held) and not port.factory.connections)

    def _hold(self, port: int) -> Deferred[_Holding]:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(_Holding))
