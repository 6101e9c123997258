"""The attacks, and the process that carries one out as fast as a core lets it, or at a given pace."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bench.frames import CLOSE, PING, TEXT, frame

REQUEST = (
    b"GET /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ONE = ("127.0.0.2",)
MANY = tuple(f"127.1.0.{number}" for number in range(1, 251))
SEND_BYTES = 16_384
"""What the kernel keeps of what an attacker says, so that what he could say is what was taken of it."""
WELCOME = b"HTTP/1.1 101"
GO_AWAY = (4008).to_bytes(2, "big")
"""The close code of who floods: there is nothing more to be had from such a connection."""
CONNECTING_SECONDS = 1.0
"""How long an attacker waits for his socket to be let in before he tries another."""

PART = b"\x01\x80" + bytes(4)
"""The first frame, an empty one, of a text message."""
FURTHER = b"\x00\x80" + bytes(4)
"""One that continues it."""


@dataclass(frozen=True, slots=True)
class Attack:
    """``sockets`` at once say ``first``, and ``again`` every ``pause`` seconds; who is ``tireless`` replaces them.

    They come from the addresses ``hosts``, in turn.
    """

    name: str
    sockets: int
    first: bytes
    again: bytes = b""
    pause: float = 0.0
    reads: bool = True
    tireless: bool = True
    hosts: Sequence[str] = ONE


ATTACKS = (
    Attack("slow handshakes", 2000, b"G", b"E", pause=1.0, tireless=False),
    Attack("endless headers", 8, b"GET /ws/ HTTP/1.1\r\n", b"X: " + b"a" * 1000),
    Attack("connection flood", 100, REQUEST + frame(CLOSE, b"")),
    Attack("message flood", 50, REQUEST, frame(TEXT, b'{"type":"dequeue"}') * 50),
    Attack("fragment flood", 50, REQUEST + PART, FURTHER * 100),
    Attack("ping flood", 50, REQUEST, frame(PING, b"p" * 100) * 50),
    Attack("a reader that does not read", 50, REQUEST, frame(PING, b"p" * 100) * 50, reads=False),
    Attack("a thousand who say nothing", 1000, REQUEST, tireless=False),
)
BOTNET = (
    Attack("250 addresses: connections", 250, REQUEST + frame(CLOSE, b""), hosts=MANY),
    Attack("250 addresses: messages", 250, REQUEST, frame(TEXT, b'{"type":"dequeue"}') * 50, hosts=MANY),
)


@dataclass(slots=True)
class Toll:
    """What an attacker did in so many ``seconds``, and what became of his sockets.

    Some were ``welcomed`` as WebSockets, some ``cut``; of the ``unanswered`` nobody took any notice. ``sent`` are the
    bytes that the other side took, ``heard`` those that it answered.
    """

    seconds: float = 0.0
    opened: int = 0
    welcomed: int = 0
    cut: int = 0
    unanswered: int = 0
    sent: int = 0
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many sockets and bytes a second at most."""

    sockets: float = 1e9
    bytes: float = 1e12

    @classmethod
    def of(cls, toll: Toll) -> Pace:
        """That of an attack that was."""
        return cls(toll.opened / toll.seconds, toll.sent / toll.seconds)


UNBOUNDED = Pace()


class Attacker:
    """Carries an attack out."""

    def __init__(self, attack: Attack, target: tuple[str, int], pace: Pace) -> None:
        self.toll = Toll()
        self._attack = attack
        self._target = target
        self._pace = pace
        self._selector = selectors.DefaultSelector()
        self._resting: deque[tuple[float, socket.socket]] = deque()
        self._connecting: deque[tuple[float, socket.socket]] = deque()
        self._both = selectors.EVENT_WRITE | (selectors.EVENT_READ if attack.reads else 0)
        self._missing = attack.sockets
        self._began = time.monotonic()

    def attack(self, seconds: float, patience: float) -> Toll:
        """Go on for so long, and then, with ``patience``, until somebody was cut."""
        while (elapsed := time.monotonic() - self._began) < seconds + (0 if self._is_noticed else patience):
            self.toll.seconds = elapsed
            self._open_missing()
            self._wake_up()
            self._give_up()
            for key, events in self._selector.select(0.01):
                if key.fileobj in self._selector.get_map():  # it may have been given up meanwhile
                    self._turn(key, events)
        self._selector.close()
        return self.toll

    @property
    def _is_noticed(self) -> bool:
        return self.toll.cut + self.toll.unanswered > 0

    def _open_missing(self) -> None:
        allowed = self._attack.sockets + self._pace.sockets * self.toll.seconds - self.toll.opened
        for _ in range(min(self._missing, int(allowed), 100)):
            self._missing -= 1
            self._open()

    def _open(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        sock.bind((self._attack.hosts[self.toll.opened % len(self._attack.hosts)], 0))
        sock.setblocking(False)
        self.toll.opened += 1
        self._selector.register(sock, self._both, iter([self._attack.first]))
        self._connecting.append((time.monotonic() + CONNECTING_SECONDS, sock))
        try:
            sock.connect_ex(self._target)
        except OSError:
            self._lose(sock)

    def _wake_up(self) -> None:
        """Those whose pause is over have something to say again."""
        while self._resting and self._resting[0][0] <= time.monotonic():
            self._watch(self._resting.popleft()[1], self._both)

    def _give_up(self) -> None:
        """Close the sockets that nobody let in."""
        while self._connecting and self._connecting[0][0] <= time.monotonic():
            sock = self._connecting.popleft()[1]
            if sock.fileno() >= 0 and sock in self._selector.get_map() and not is_connected(sock):
                self.toll.unanswered += 1
                self._replace(sock)

    def _turn(self, key: selectors.SelectorKey, events: int) -> None:
        sock: socket.socket = key.fileobj  # type: ignore[assignment]
        try:
            is_over = events & selectors.EVENT_READ and not self._hear(sock)
            if not is_over and events & selectors.EVENT_WRITE:
                self._say(sock, next(key.data, self._attack.again))
        except BlockingIOError:
            return
        except OSError:
            is_over = True
        if is_over:
            self._lose(sock)

    def _hear(self, sock: socket.socket) -> bool:
        """Whether it is still open, as far as can be seen."""
        if not self._attack.reads:
            return not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        heard = sock.recv(65536)
        self.toll.welcomed += heard.startswith(WELCOME)
        self.toll.heard += len(heard)
        return bool(heard) and GO_AWAY not in heard

    def _say(self, sock: socket.socket, words: bytes) -> None:
        if self.toll.sent > self._pace.bytes * self.toll.seconds + len(words):
            time.sleep(0.001)
            return
        if words:
            self.toll.sent += sock.send(words)
        if not words or self._attack.pause:
            self._watch(sock, selectors.EVENT_READ)
        if self._attack.pause:
            self._resting.append((time.monotonic() + self._attack.pause, sock))

    def _watch(self, sock: socket.socket, events: int) -> None:
        if sock.fileno() >= 0 and (key := self._selector.get_map().get(sock)):
            self._selector.modify(sock, events, key.data)

    def _lose(self, sock: socket.socket) -> None:
        self.toll.cut += 1
        self._replace(sock)

    def _replace(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()
        self._missing += self._attack.tireless


def is_connected(sock: socket.socket) -> bool:
    """Whether somebody has let it in, and it was not cut since."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
