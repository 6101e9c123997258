"""Eight attacks on the players' port of a real node: honest players play on, its memory stays, the attacker is cut.

How long honest players wait depends on what else the machine does, and the attacker is on it too: here it is bounded
loosely. `python -m bench.abuse` measures it.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.abuse import ATTACKS, MOST_GROWTH, REQUEST, VICTIM, Attack, frame, listening, node, strike

SECONDS = 1.5
UNNOTICED = 3.0
"""Seconds that an honest player may wait for once without noticing, on a machine that does other things too."""


def attack(name: str) -> Attack:
    """The one with this name."""
    return next(attack for attack in ATTACKS if attack.name == name)


class AbuseTests(SynchronousTestCase):
    """Each from an address of its own, which is not trusted."""

    def assert_survives(self, name: str) -> None:
        with node() as (port, child):
            damage = strike(attack(name), port, child.pid, SECONDS)
            self.assertIsNone(child.status)
        self.assertLessEqual(damage.meanwhile, max(2 * damage.before, damage.before + UNNOTICED), damage)
        self.assertLessEqual(damage.grown, MOST_GROWTH, damage)
        self.assertGreater(damage.toll.cut, 0, damage)

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
        self.assert_survives("a reader that does not read")

    def test_a_thousand_who_say_nothing(self) -> None:
        """T19: those that are let in are cut when they have said nothing for long enough, the others at once."""
        self.assert_survives("a thousand who say nothing")


class DescriptorTests(SynchronousTestCase):
    """T18: a process that may have few files open."""

    def test_no_descriptor_is_left(self) -> None:
        """Who is here plays on while sockets come for which there is no descriptor, and others come in afterwards."""
        with node() as (port, child), socket.create_connection((VICTIM, port), timeout=20) as here:
            hear = listening(here)
            here.sendall(REQUEST)
            hear(b"\r\n\r\n")
            taken = len(list(Path(f"/proc/{child.pid}/fd").iterdir()))
            resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (taken + 20, taken + 20))
            crowd = [self._visitor(port, f"127.0.0.{number % 9 + 2}") for number in range(200)]
            here.sendall(frame(b'{"type":"enqueue","player_id":"here","game_mode":"M0"}'))
            hear(b'"queued"')
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
                listening(sock)(b"101 Switching Protocols")
                return
            time.sleep(0.5)
        self.fail("nobody comes in any more")

    def _visitor(self, port: int, host: str) -> socket.socket:
        return socket.create_connection((VICTIM, port), timeout=20, source_address=(host, 0))
