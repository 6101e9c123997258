"""Bytes go out at once, or at the end of the turn, whole, and in order, whatever the socket takes."""

from __future__ import annotations

import contextlib
import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from matchd.prompt import Outgoing, write
from tests.support.waiting import until


class _Server(Protocol):
    def __init__(self) -> None:
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class SocketTests(TestCase):
    async def setUp(self) -> None:
        self.server = _Server()
        port: IListeningPort = reactor.listenTCP(0, Factory.forProtocol(lambda: self.server), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.client = socket.create_connection(("127.0.0.1", port.getHost().port), timeout=10)
        self.addCleanup(self._end)
        await self.server.made
        self.client.setblocking(False)

    def _end(self) -> Deferred[None]:
        self.client.close()
        self.server.transport.abortConnection()
        return self.server.lost

    async def received(self, length: int) -> bytes:
        received = bytearray()

        def all_there() -> bool:
            with contextlib.suppress(BlockingIOError):
                received.extend(self.client.recv(1 << 20))
            return len(received) >= length

        await until(all_there, 20)
        return bytes(received)

    def test_at_once(self) -> None:
        """A message is with the client before the reactor turns: Twisted's transport is as this relies on."""
        write(self.server.transport, b"hello")
        self.assertEqual(self.client.recv(100), b"hello")

    async def test_more_than_the_socket_takes(self) -> None:
        """What the socket does not take at once follows, in order."""
        pieces = [bytes([number]) * 200_000 for number in range(40)]
        for piece in pieces:
            write(self.server.transport, piece)
        self.assertEqual(await self.received(8_000_000), b"".join(pieces))

    async def test_behind_what_waits(self) -> None:
        """What was written to the transport before is not overtaken."""
        self.server.transport.write(b"first ")
        write(self.server.transport, b"second")
        self.assertEqual(await self.received(12), b"first second")

    async def test_what_is_said_in_one_turn_goes_out_together(self) -> None:
        """As soon as the turn is over, and in order; then it begins anew."""
        outgoing = Outgoing(self.server.transport, reactor)
        for words in ([b"one ", b"two ", b"three"], [b"four"]):
            sent: list[bytes] = []
            self.patch(self.server.transport, "writeSomeData", lambda data, sent=sent: sent.append(data) or len(data))
            for word in words:
                outgoing.write(word)
            self.assertEqual(sent, [])
            await deferLater(reactor, 0)
            self.assertEqual(sent, [b"".join(words)])

    async def test_what_nobody_hears_any_more(self) -> None:
        """What was said in the turn in which the connection was lost, is lost with it."""
        outgoing = Outgoing(self.server.transport, reactor)
        outgoing.write(b"hello?")
        self.server.transport.abortConnection()
        await self.server.lost
        await deferLater(reactor, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_nobody_there(self) -> None:
        """A client that is gone is found gone, once."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.client.close()
        for _ in range(3):
            write(self.server.transport, b"hello?")
        await self.server.lost
        write(self.server.transport, b"too late")
        self.assertEqual(self.flushLoggedErrors(), [])


class OtherTransportTests(SynchronousTestCase):
    def test_written(self) -> None:
        """Any other transport, such as one with TLS, is written to as ever."""
        transport = StringTransport()
        write(transport, b"hello")
        Outgoing(transport, Clock()).write(b", you")
        self.assertEqual(transport.value(), b"hello, you")
