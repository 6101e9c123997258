"""Attacks on the players' port of a real node: honest players play on, little is taken of the attacker, he is cut.

How long honest players wait depends on what else the machine does, and the attacker is on it too: `python -m
bench.abuse` measures that. Here it is counted what an attacker gets: his connections, and the bytes taken from him.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.abuse.__main__ import MOST_GROWTH
from bench.abuse.attacks import ATTACKS, BOTNET, REQUEST, Attack, Toll
from bench.abuse.strikes import VICTIM, carry_out, node, strike
from bench.frames import TEXT, frame
from matchd.websocket.addresses import AT_ONCE_SECONDS
from matchd.websocket.limits import DEFAULTS

SECONDS = 2.0
HONEST = 20.0
"""Players a second: what a machine that does other things too can bear."""
MOST_TAKEN = 131_072
"""Bytes of one connection, most of them in the kernel's buffers at either end."""

MOST_ANSWERED = 10_000
"""Bytes of answers on one connection: to 80 messages, of which half are refused."""


def attack(name: str) -> Attack:
    """The one with this name."""
    return next(attack for attack in (*ATTACKS, *BOTNET) if attack.name == name)


def most_welcomed(attack: Attack, toll: Toll) -> float:
    """How many connections the addresses of an attack may have made in its time, by the limits."""
    return len(attack.hosts) * DEFAULTS.address_handshakes_per_second * (AT_ONCE_SECONDS + toll.seconds)


class AbuseTests(SynchronousTestCase):
    """From addresses that are not trusted."""

    def assert_survives(self, name: str, seconds: float = SECONDS) -> None:
        """Every honest player has had his answers, or this raises."""
        with node() as (port, child):
            damage = strike(attack(name), port, child.pid, seconds, HONEST)
            self.assertIsNone(child.status)
            self.assertNotIn("Traceback", child.stdout + child.stderr)
        self.assertLessEqual(damage.grown, MOST_GROWTH, damage)
        self.assert_bounded(attack(name), damage.toll)

    def assert_bounded(self, attack: Attack, toll: Toll) -> None:
        """He has got what the limits say, and not more."""
        self.assertLessEqual(toll.welcomed, most_welcomed(attack, toll), toll)
        self.assertLessEqual(toll.sent, MOST_TAKEN * toll.opened, toll)
        self.assertLessEqual(toll.heard, MOST_ANSWERED * toll.opened, toll)
        self.assertGreater(toll.cut + toll.unanswered, 0, toll)

    def test_slow_handshakes(self) -> None:
        """T10: two thousand sockets that say a byte a second."""
        self.assert_survives("slow handshakes")

    def test_endless_headers(self) -> None:
        """T11: requests whose head never ends."""
        self.assert_survives("endless headers")

    def test_connection_flood(self) -> None:
        """T18: connections as fast as they can be made."""
        self.assert_survives("connection flood")

    def test_message_flood(self) -> None:
        """T17: messages as fast as they can be sent."""
        self.assert_survives("message flood")

    def test_fragment_flood(self) -> None:
        """T14: a message in empty pieces without end."""
        self.assert_survives("fragment flood")

    def test_ping_flood(self) -> None:
        """T17: pings as fast as they can be sent."""
        self.assert_survives("ping flood")

    def test_a_reader_that_does_not_read(self) -> None:
        """T15, T16: answers that nobody takes."""
        self.assert_survives("a reader that does not read", seconds=6)  # two of them are for the closing handshake

    def test_a_thousand_who_say_nothing(self) -> None:
        """T19: those that are let in are cut when they have said nothing for long enough, the others at once."""
        self.assert_survives("a thousand who say nothing")

    def test_a_botnet(self) -> None:
        """T18: connections from 250 addresses, of which each keeps within its limits for a while."""
        self.assert_survives("250 addresses: connections")

    def test_shut_out(self) -> None:
        """T18: after a while who floods finds nobody there, and others still do."""
        with node() as (port, _):
            for _ in range(10):
                if carry_out(attack("message flood"), port, SECONDS).unanswered:
                    break
            else:
                self.fail("the attacker was not shut out")
            with socket.create_connection((VICTIM, port), timeout=20) as sock:
                sock.sendall(REQUEST)
                hear(sock, b"101 Switching Protocols")

    def test_a_node_without_limits(self) -> None:
        """Where the attacker is trusted he gets more: what the others assert can fail."""
        crowd = attack("a thousand who say nothing")
        with node(trusted="127.0.0.0/8") as (port, _):
            for _ in range(10):
                if (toll := carry_out(crowd, port, SECONDS)).welcomed > most_welcomed(crowd, toll):
                    break
            self.assertRaises(self.failureException, self.assert_bounded, crowd, toll)


class DescriptorTests(SynchronousTestCase):
    """T18: a process that may have few files open."""

    def test_no_descriptor_is_left(self) -> None:
        """Who is here plays on while sockets come for which there is no descriptor, and others come in afterwards."""
        with node() as (port, child), socket.create_connection((VICTIM, port), timeout=20) as here:
            here.sendall(REQUEST)
            hear(here, b"\r\n\r\n")
            taken = len(list(Path(f"/proc/{child.pid}/fd").iterdir()))
            resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (taken + 20, taken + 20))
            crowd = [self._visitor(port, f"127.0.0.{number % 9 + 2}") for number in range(200)]
            here.sendall(frame(TEXT, b'{"type":"enqueue","player_id":"here","game_mode":"Duel"}'))
            hear(here, b'"queued"')
            for sock in crowd:
                sock.close()
            self._comes_in(port)
            self.assertIsNone(child.status)
            self.assertNotIn("Traceback", child.stdout + child.stderr)

    def _comes_in(self, port: int) -> None:
        """Within a while: the sockets that have gone are closed one after the other."""
        for _ in range(20):
            with contextlib.suppress(OSError), socket.create_connection((VICTIM, port), timeout=20) as sock:
                sock.sendall(REQUEST)
                hear(sock, b"101 Switching Protocols")
                return
            time.sleep(0.5)
        self.fail("nobody comes in any more")

    def _visitor(self, port: int, host: str) -> socket.socket:
        return socket.create_connection((VICTIM, port), timeout=20, source_address=(host, 0))


def hear(sock: socket.socket, text: bytes) -> None:
    """Return once the socket has brought this text."""
    heard = b""
    while text not in heard:
        data = sock.recv(65536)
        if not data:
            raise ConnectionError("an honest player was cut")
        heard += data
