"""How late the reactor is, as it is measured."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.lag import LOOK_SECONDS, Lag


class LagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.seen: list[float] = []
        self.lag = Lag(self.clock, lambda seconds: self.seen.append(round(seconds, 6)))
        self.lag.start()

    def test_in_time(self) -> None:
        """A reactor with time to spare is never late."""
        self.clock.pump([LOOK_SECONDS] * 20)
        self.assertEqual(self.seen, [0.0] * 20)

    def test_late(self) -> None:
        """A stall is told once, by what it was too long; then all is well again."""
        self.clock.advance(LOOK_SECONDS + 0.3)
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.seen, [0.3, 0.0])

    def test_a_clock_that_is_set_back(self) -> None:
        """Is no lag below zero."""
        self.clock.rightNow = -10
        self.clock.advance(0)
        self.clock.advance(11)
        self.assertTrue(all(seconds >= 0 for seconds in self.seen), self.seen)

    def test_stopped(self) -> None:
        """Nothing is left behind."""
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.lag.stop()
