"""A TCP proxy on a link: it looks at what goes by, and can hold it, drop it, fall silent or cut the link.

What is held waits in the proxy, the ends of connections with it, so to both sides the network is just slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from typing import Protocol as Interface

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from tests.grid.wire import anything

Cut = Callable[[bytes], int]


class Tap(Interface):
    """Looks at one connection's messages just before each goes on; it may hold the link then."""

    def up(self, message: bytes) -> None:
        """A message from the one who connected."""

    def down(self, message: bytes) -> None:
        """A message to the one who connected."""


class Blind:
    """A tap that sees nothing."""

    def up(self, message: bytes) -> None:
        """Nothing."""

    def down(self, message: bytes) -> None:
        """Nothing."""


class Flow:
    """One direction of one connection, message by message; ``None`` is its end, well or badly."""

    def __init__(self, is_held: Callable[[], bool], cut: Cut, look: Callable[[bytes], None], sink: End) -> None:
        self.sink = sink
        self._is_held = is_held
        self._cut = cut
        self._look = look
        self._buffer = b""
        self._waiting: deque[bytes] = deque()
        self._seen = False
        self._ended: Failure | None = None

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data
        while self._buffer and (length := self._cut(self._buffer)):
            self._waiting.append(self._buffer[:length])
            self._buffer = self._buffer[length:]
        self.run()

    def end(self, reason: Failure) -> None:
        """No more will come."""
        self._ended = reason
        self.run()

    def drop(self) -> None:
        """Forget what waits."""
        self._buffer = b""
        self._waiting.clear()
        self._seen = False

    def run(self) -> None:
        """Pass on what may go on now."""
        while self._waiting and not self._is_held() and self.sink.ready:
            if not self._seen:
                self._seen = True
                self._look(self._waiting[0])
                continue
            self._seen = False
            self.sink.write(self._waiting.popleft())
        if self._ended and not self._waiting and not self._is_held():
            self.sink.finish(self._ended)


class End(Protocol):
    """One of the two sockets of a connection through the proxy; ``flow`` takes what it receives."""

    transport: Any

    def __init__(self) -> None:
        self.ready = False
        self.flow: Flow
        self.on_ready: Callable[[], None] = lambda: None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.ready = True
        self.on_ready()

    def dataReceived(self, data: bytes) -> None:
        self.flow.feed(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ready = False
        self.flow.end(reason)

    def write(self, data: bytes) -> None:
        """Pass these on."""
        self.transport.write(data)

    def finish(self, reason: Failure) -> None:
        """The other side has ended: so does this one, in the same way."""
        if self.ready and isinstance(reason.value, ConnectionDone):
            self.transport.loseConnection()
        else:
            self.abort()

    def abort(self) -> None:
        """Reset it."""
        if self.transport is not None:
            self.transport.abortConnection()


class Passage:
    """One connection through the proxy: ``near`` to the one who connected, ``far`` to the server.

    Nothing goes through while it is ``held``, or the link is.
    """

    def __init__(self, link: Link, tap: Tap) -> None:
        self.tap = tap
        self.held = False
        self.near, self.far = End(), End()
        self.up = Flow(lambda: self.held or link.held, link.cut, tap.up, self.far)
        self.down = Flow(lambda: self.held or link.held, link.cut, tap.down, self.near)
        self.near.flow, self.far.flow = self.up, self.down
        self.near.on_ready, self.far.on_ready = self._dial, self._connected
        self._target = link.target

    def _dial(self) -> None:
        reactor.connectTCP("127.0.0.1", self._target, _Dial(self))

    def _connected(self) -> None:
        if self.near.ready:
            self.run()
        else:
            self.far.abort()

    @property
    def over(self) -> bool:
        """Whether both ends are gone."""
        return not (self.near.ready or self.far.ready)

    def run(self) -> None:
        """Pass on what may go on now."""
        self.up.run()
        self.down.run()

    def reset(self) -> None:
        """Cut it on both sides; what was on its way is lost."""
        self.up.drop()
        self.down.drop()
        self.near.abort()
        self.far.abort()


class _Dial(ClientFactory):
    noisy = False

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    def buildProtocol(self, addr: IAddress | None) -> End:
        return self._passage.far

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._passage.down.end(reason)


class Link(ServerFactory):
    """A proxy before ``target``, a port of this machine; ``port`` is where to connect instead."""

    noisy = False

    def __init__(self, name: str, target: int, cut: Cut = anything, tap: Callable[[Link], Tap] = lambda _: Blind()):
        self.name = name
        self.target = target
        self.cut = cut
        self.held = False
        self.passages: list[Passage] = []
        self._tap = tap
        self._listening = reactor.listenTCP(0, self, interface="127.0.0.1")
        address = self._listening.getHost()
        assert isinstance(address, IPv4Address)
        self.port = address.port

    def buildProtocol(self, addr: IAddress | None) -> End:
        self.passages = [passage for passage in self.passages if not passage.over]
        passage = Passage(self, self._tap(self))
        self.passages.append(passage)
        return passage.near

    def hold(self) -> None:
        """Nothing goes through any more, not even the end of a connection."""
        self.held = True

    def release(self) -> None:
        """Everything goes through, what was held first."""
        self.held = False
        for passage in list(self.passages):
            passage.run()

    def drop_requests(self) -> None:
        """What is on its way from the one who connected is lost."""
        for passage in self.passages:
            passage.up.drop()

    def drop_replies(self) -> None:
        """What is on its way to the one who connected is lost."""
        for passage in self.passages:
            passage.down.drop()

    def reset(self) -> None:
        """Cut every connection on both sides."""
        self.held = False
        for passage in self.passages:
            passage.reset()

    def close(self) -> None:
        """Listen no more, and cut what there is."""
        self._listening.stopListening()
        self.reset()
