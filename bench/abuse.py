"""``python -m bench.abuse``: what honest players notice while somebody abuses the players' port, and what it costs.

A node runs with its default limits. Four honest players on 127.0.0.1, which is trusted, ask for a place and leave
it, over and over; eight attacks, one after the other, come from 127.0.0.2, which is not. Of each is told how long the
slowest one in a hundred honest answers took before and meanwhile, how much the node's memory grew, and how
many of the attacker's sockets were cut.
"""

from __future__ import annotations

import argparse
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing import Process, Queue
from pathlib import Path

from tests.support.children import Child, twistd
from tests.support.valkey import free_port

VICTIM = "127.0.0.1"
ATTACKER = "127.0.0.2"
HONEST = 4
MOST_GROWTH = 20 * 2**20
SETTINGS = "\n".join([
    "[limits]",
    f'trusted_networks = ["{VICTIM}/32"]',
    "idle_seconds = 3",
    *(f"[modes.M{number}]" for number in range(HONEST)),
])  # fmt: skip
REQUEST = (
    b"GET /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A short frame of a client, masked with zeros."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


@dataclass(frozen=True, slots=True)
class Attack:
    """``sockets`` at once say ``first``, and ``again`` every ``pause`` seconds; who is ``tireless`` replaces them."""

    name: str
    sockets: int
    first: bytes
    again: bytes = b""
    pause: float = 0.0
    reads: bool = True
    tireless: bool = True


ATTACKS = (
    Attack("slow handshakes", 2000, b"G", b"E", pause=1.0, tireless=False),
    Attack("endless headers", 8, b"GET /ws/ HTTP/1.1\r\n", b"X: " + b"a" * 1000),
    Attack("connection flood", 100, REQUEST + frame(b"", 0x88)),
    Attack("message flood", 50, REQUEST, frame(b'{"type":"dequeue"}') * 50),
    Attack("fragment flood", 50, REQUEST + frame(b"", 0x01), frame(b"", 0x00) * 100),
    Attack("ping flood", 50, REQUEST, frame(b"p" * 100, 0x89) * 50),
    Attack("a reader that does not read", 50, REQUEST, frame(b"p" * 100, 0x89) * 50, reads=False),
    Attack("a thousand who say nothing", 1000, REQUEST, tireless=False),
)


@dataclass(slots=True)
class Toll:
    """What became of an attacker's sockets."""

    opened: int = 0
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """What an attack did: the 99th percentile of honest answers (s), memory (bytes), what became of its sockets."""

    before: float
    meanwhile: float
    grown: int
    toll: Toll

    def __str__(self) -> str:
        times = f"p99 {self.before * 1000:6.1f} -> {self.meanwhile * 1000:6.1f} ms"
        return f"{times}   {self.grown / 2**20:+6.1f} MiB   {self.toll.opened} sockets, {self.toll.cut} cut"


# the attacker


class Attacker:
    """Carries an attack out, in a process of its own."""

    def __init__(self, attack: Attack, port: int) -> None:
        self.toll = Toll()
        self._attack = attack
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._due: dict[socket.socket, float] = {}

    def attack(self, seconds: float) -> Toll:
        """Go on for so long."""
        end = time.monotonic() + seconds
        for _ in range(self._attack.sockets):
            self._open()
        while (now := time.monotonic()) < end:
            if not self._due and not self._attack.tireless:
                time.sleep(0.05)
            for key, events in self._selector.select(0.05):
                sock: socket.socket = key.fileobj  # type: ignore[assignment]
                if not self._turn(sock, events, now):
                    self._lose(sock)
        return self.toll

    def _open(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ATTACKER, 0))
        sock.setblocking(False)
        sock.connect_ex((VICTIM, self._port))
        self._selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, iter([self._attack.first]))
        self._due[sock] = 0.0
        self.toll.opened += 1

    def _turn(self, sock: socket.socket, events: int, now: float) -> bool:
        """What it is this socket's turn to do; False when it has been cut."""
        attack = self._attack
        try:
            if events & selectors.EVENT_READ and attack.reads and not sock.recv(65536):
                return False
            if events & selectors.EVENT_WRITE and now >= self._due[sock]:
                said = next(self._selector.get_key(sock).data, attack.again)
                self._due[sock] = now + attack.pause
                if said:
                    sock.send(said)
                else:
                    self._selector.modify(sock, selectors.EVENT_READ, iter(()))
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def _lose(self, sock: socket.socket) -> None:
        self.toll.cut += 1
        self._selector.unregister(sock)
        del self._due[sock]
        sock.close()
        if self._attack.tireless:
            self._open()


def _attack(attack: Attack, port: int, seconds: float, answer: Queue[Toll]) -> None:
    answer.put(Attacker(attack, port).attack(seconds))


# the honest


def _honest(port: int, number: int, end: float, took: list[float]) -> None:
    """A player who asks for a place and leaves it, five times a second; each answer's time is noted."""
    with socket.create_connection((VICTIM, port), timeout=30) as sock:
        hear = listening(sock)
        sock.sendall(REQUEST)
        hear(b"\r\n\r\n")
        wish = frame(b'{"type":"enqueue","player_id":"h%d","game_mode":"M%d"}' % (number, number))
        while not took or time.monotonic() < end:
            for said, heard in ((wish, b'"queued"'), (frame(b'{"type":"dequeue"}'), b'"dequeued"')):
                began = time.monotonic()
                sock.sendall(said)
                hear(heard)
                took.append(time.monotonic() - began)
            time.sleep(0.15)


def listening(sock: socket.socket) -> Callable[[bytes], None]:
    """A function that returns once the socket has brought this text."""

    def hear(text: bytes) -> None:
        heard = b""
        while text not in heard:
            data = sock.recv(65536)
            if not data:
                raise ConnectionError("an honest player was cut")
            heard += data

    return hear


def p99(port: int, seconds: float) -> float:
    """How long (s) the slowest one in a hundred answers took honest players; raises if one of them was cut."""
    took: list[list[float]] = [[] for _ in range(HONEST)]
    end = time.monotonic() + seconds
    players = [
        threading.Thread(target=_honest, args=(port, number, end, took[number]), daemon=True)
        for number in range(HONEST)
    ]
    for player in players:
        player.start()
    for player in players:
        player.join(seconds + 40)
    if not all(took) or any(player.is_alive() for player in players):
        raise ConnectionError("an honest player got no answer")
    every = sorted(chain.from_iterable(took))
    return every[min(len(every) - 1, int(len(every) * 0.99))]


def resident(pid: int) -> int:
    """The memory (bytes) that a process takes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def strike(attack: Attack, port: int, pid: int, seconds: float) -> Damage:
    """Attack the node with this port and process, and measure what that does."""
    before, memory = p99(port, seconds), resident(pid)
    answer: Queue[Toll] = Queue()
    attacker = Process(target=_attack, args=(attack, port, seconds + 3, answer), daemon=True)
    attacker.start()
    time.sleep(0.5)
    meanwhile = p99(port, seconds)
    grown = resident(pid) - memory
    toll = answer.get(timeout=60)
    attacker.join(30)
    return Damage(before, meanwhile, grown, toll)


@contextmanager
def node() -> Iterator[tuple[int, Child]]:
    """A node with its default limits, but that 127.0.0.2 is not trusted: its port and its process."""
    with tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder) / "matchd.toml", free_port()
        config.write_text(SETTINGS)
        listen = f"tcp:{port}:interface={VICTIM}"
        child = twistd(Path(folder), "-n", "matchd", "--config", str(config), "--listen", listen, "--http", "none")
        try:
            child.wait_to_print("players: ")
            yield port, child
        finally:
            child.signal(signal.SIGTERM)
            child.ended()


def _strike_all(seconds: float, only: str) -> bool:
    well = True
    for attack in ATTACKS:
        if only in attack.name:
            with node() as (port, child):
                damage = strike(attack, port, child.pid, seconds)
            well = (
                well and damage.meanwhile <= 2 * damage.before and damage.grown <= MOST_GROWTH and damage.toll.cut > 0
            )
            print(f"{attack.name:<30} {damage}", flush=True)
    return well


def main() -> int:
    """Strike a node of our own with every attack; the status is 1 where honest players suffer."""
    parser = argparse.ArgumentParser(prog="python -m bench.abuse", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each is measured (10)")
    parser.add_argument("--only", default="", help="only attacks with this in their name")
    given = parser.parse_args()
    return 0 if _strike_all(given.seconds, given.only) else 1


if __name__ == "__main__":
    sys.exit(main())
