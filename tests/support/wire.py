"""A player's end of a connection, in memory: raw bytes to a gateway, and what it answers, taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle
from operator import xor

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.messages import CloseCode
from matchd.websocket.conversation import Outlet
from matchd.websocket.gateway import Gateway
from matchd.websocket.limits import DEFAULTS, Limits

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HEADERS = (
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


def request(path: str = "/ws/", *extra: str, headers: tuple[str, ...] = HEADERS) -> bytes:
    """A WebSocket's opening request."""
    return "\r\n".join([f"GET {path} HTTP/1.1", *headers, *extra, "", ""]).encode()


def frame(
    payload: bytes = b"", opcode: int = TEXT, first: int | None = None, mask: bytes = b"\x12\x34\x56\x78"
) -> bytes:
    """A masked frame as a client sends it; ``first`` is its first byte, if not that of a whole one of ``opcode``."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | length,))
    elif length < 65_536:
        head = b"\xfe" + length.to_bytes(2, "big")
    else:
        head = b"\xff" + length.to_bytes(8, "big")
    masked = bytes(map(xor, payload, cycle(mask)))
    return bytes((0x80 | opcode if first is None else first,)) + head + mask + masked


def fragments(*payloads: bytes) -> bytes:
    """One text message in as many frames."""
    last = len(payloads) - 1
    return b"".join(
        frame(payload, first=(0x80 if i == last else 0) | (TEXT if i == 0 else 0)) for i, payload in enumerate(payloads)
    )


def server_frames(data: bytes) -> list[tuple[int, bytes]]:
    """The frames (opcode, payload) in what a server sent after its handshake."""
    found = []
    while data:
        length, start = data[1], 2
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start], "big")
        found.append((data[0] & 15, data[start : start + length]))
        data = data[start + length :]
    return found


class Wire(StringTransport):
    """A transport that, like a real one, doesn't mind being told twice."""

    aborted = False

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()

    @property
    def reads(self) -> bool:
        """Whether bytes from the client are taken."""
        return self.producerState == "producing"


class Client:
    """One player's socket."""

    gone = False

    def __init__(self, factory: Factory, host: str = "127.0.0.1") -> None:
        address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, 50_000)
        self.wire = Wire(peerAddress=address)
        connection = factory.buildProtocol(address)
        if connection is None:
            self.wire.loseConnection()
            self.gone = True
            return
        self.connection: Protocol = connection
        connection.makeConnection(self.wire)

    def feed(self, data: bytes) -> None:
        """Send bytes."""
        self.connection.dataReceived(data)

    def say(self, *messages: bytes) -> None:
        """Send text messages, each in a chunk of its own."""
        for message in messages:
            self.feed(frame(message))

    def hang_up(self) -> None:
        """The socket goes, if it has not gone yet."""
        if not self.gone:
            self.gone = True
            self.connection.connectionLost(Failure(ConnectionDone()))

    @property
    def is_cut(self) -> bool:
        """Whether the server has hung up."""
        return bool(self.wire.disconnecting or self.wire.aborted)

    @property
    def head(self) -> str:
        """The answer to the opening request."""
        return self.wire.value().partition(b"\r\n\r\n")[0].decode()

    @property
    def status(self) -> str:
        """Its first line."""
        return self.head.partition("\r\n")[0]

    @property
    def rest(self) -> bytes:
        """All that came after it."""
        return self.wire.value().partition(b"\r\n\r\n")[2]

    @property
    def texts(self) -> list[bytes]:
        """The messages that came."""
        return [payload for opcode, payload in server_frames(self.rest) if opcode == TEXT]

    def heard(self, opcode: int) -> list[bytes]:
        """The payloads of the frames of this kind that came."""
        return [payload for kind, payload in server_frames(self.rest) if kind == opcode]

    @property
    def closed(self) -> tuple[int, str] | None:
        """The code and the reason that the server closed with, if it did; it does so once."""
        frames = self.heard(CLOSE)
        assert len(frames) < 2
        return (int.from_bytes(frames[0][:2], "big"), frames[0][2:].decode()) if frames else None


@dataclass
class Listener:
    """A conversation that remembers."""

    outlet: Outlet
    enqueued: bool = False
    received: list[bytes] = field(default_factory=list)
    presented: list[str] = field(default_factory=list)
    times_lost: int = 0

    def present(self, token: str) -> None:
        self.presented.append(token)

    def receive(self, frame: bytes) -> None:
        self.received.append(frame)
        if frame == b"break":
            raise RuntimeError("broken")
        if frame == b"bad":
            self.outlet.fault()
        if frame == b"close":
            self.outlet.close(CloseCode.SUPERSEDED, "as you wish")
        if frame.startswith(b"echo"):
            self.outlet.send(frame)

    def lost(self, code: int = 1006) -> None:
        self.times_lost += 1


class Port:
    """A gateway on a clock, without a socket, and everyone who talks to it."""

    def __init__(self, limits: Limits = DEFAULTS, origins: tuple[str, ...] = ()) -> None:
        self.clock = Clock()
        self.listeners: list[Listener] = []
        self.clients: list[Client] = []
        self.gateway = Gateway(Background(self.clock), self._converse, limits, origins)

    def _converse(self, outlet: Outlet) -> Listener:
        self.listeners.append(Listener(outlet))
        return self.listeners[-1]

    def client(self, host: str = "127.0.0.1") -> Client:
        """A new socket that has said nothing."""
        self.clients.append(Client(self.gateway, host))
        return self.clients[-1]

    def open(self, *extra: str) -> tuple[Client, Listener]:
        """A new WebSocket and its conversation."""
        client = self.client()
        client.feed(request("/ws/", *extra))
        return client, self.listeners[-1]

    def visitor(self, *extra: str, host: str = "127.0.0.1") -> Client:
        """A new WebSocket that may not get a conversation."""
        client = self.client(host)
        if not client.gone:
            client.feed(request("/ws/", *extra))
        return client

    def hang_up(self) -> None:
        """Everyone goes."""
        for client in self.clients:
            client.hang_up()

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """Let time go by."""
        self.clock.pump([step] * round(seconds / step))


class PortCase(SynchronousTestCase):
    """Tests with a port of their own, which must leave nothing behind."""

    def port(self, limits: Limits = DEFAULTS, origins: tuple[str, ...] = ()) -> Port:
        """A port; when the test has ended, everyone goes, and nothing may be left to do."""
        port = Port(limits, origins)
        self.addCleanup(self._leave, port)
        return port

    def _leave(self, port: Port) -> None:
        port.hang_up()
        self.assertEqual(port.gateway.connections, 0)
        self.assertEqual(port.clock.getDelayedCalls(), [])
