"""Service time as a node knows it, and how it notices that the clock of Redis was set."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.store.servicetime import ServiceTime


class ServiceTimeTests(SynchronousTestCase):
    """A node whose clock says 100 s when service time is 5,000,000 ms."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.time = ServiceTime(self.clock)

    def test_unknown(self) -> None:
        """Before a script has told the time it is not known, and no clock can be called wrong."""
        self.assertEqual((self.time.known, self.time.now()), (False, 0))
        self.assertIsNone(self.time.correction(5_000_000, 100))
        self.time.learn(5_000_000, 100)
        self.time.forget()
        self.assertFalse(self.time.known)

    def test_goes_on(self) -> None:
        """It goes on as the node's clock does."""
        self.time.learn(5_000_000, 100)
        self.clock.advance(7.5)
        self.assertEqual((self.time.known, self.time.now()), (True, 5_007_500))

    def test_reply_read_late(self) -> None:
        """A reply that was read late does not make it slow, nor look like a clock that was set."""
        self.time.learn(5_000_000, 100)
        self.clock.advance(60)
        self.assertEqual(self.time.correction(5_001_000, 101), 0)
        self.time.learn(5_001_000, 101)
        self.assertEqual(self.time.now(), 5_060_000)

    def test_slow_and_fast_clocks(self) -> None:
        """Where the node's clock runs a little faster or slower than the store's, it follows."""
        self.time.learn(5_000_000, 100)
        for told in (5_000_900, 5_002_100):
            self.clock.advance(1)
            self.assertEqual(self.time.correction(told, self.clock.seconds()), 0)
            self.time.learn(told, self.clock.seconds())
            self.assertEqual(self.time.now(), told)

    def test_clock_set(self) -> None:
        """It knows by how much the clock was set, in either direction."""
        self.time.learn(5_000_000, 100)
        self.clock.advance(1)
        for step in (-3_600_000, -5_000, 5_000, 3_600_000):
            self.assertEqual(self.time.correction(5_001_000 + step, 101), -step)

    def test_long_gap(self) -> None:
        """Time that has passed for the node, too, has passed."""
        self.time.learn(5_000_000, 100)
        self.clock.advance(3600)
        self.assertEqual(self.time.correction(8_600_000, 3700), 0)
