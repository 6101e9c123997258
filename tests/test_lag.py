"""How late the reactor is, as it is measured."""

from __future__ import annotations

from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.lag import LOOK_SECONDS, Lag, LagOfTurns, lag
from matchd.turns import ShortTurns


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


class Sleep:
    """A poller in which time passes: ``oversleeps`` says by how much longer than it was asked for."""

    def __init__(self, clock: Clock) -> None:
        self.oversleeps = 0.0
        self._clock = clock

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        self._clock.advance(max(0.0, timeout) + self.oversleeps)
        return []


class LagOfTurnsTests(SynchronousTestCase):
    """The same, seen without looking."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sleep = Sleep(self.clock)
        self.turns = ShortTurns(self.sleep, self.clock.seconds)
        self.seen: list[float] = []
        self.lag = LagOfTurns(self.turns, lambda seconds: self.seen.append(round(seconds, 6)))
        self.lag.start()

    def turn(self, sleeps: float, works: float = 0.0) -> None:
        """The reactor sleeps, and then it works."""
        self.turns.poll(sleeps, 1)
        self.clock.advance(works)

    def over(self) -> list[float]:
        """What was seen when the last turn is over."""
        self.turns.poll(0, 1)
        return self.seen

    def test_a_reactor_that_sleeps(self) -> None:
        """Is never late: as many looks as there would have been, and all in time."""
        for _ in range(4):
            self.turn(5.5 * LOOK_SECONDS, LOOK_SECONDS / 100)
        self.assertEqual(self.over(), [0.0] * 22)

    def test_late(self) -> None:
        """A stall is told once, by what it was too long; then all is well again."""
        self.turn(LOOK_SECONDS / 2, LOOK_SECONDS / 2 + 0.3)
        self.turn(1.5 * LOOK_SECONDS)
        self.assertEqual(self.over(), [0.3, 0.0])

    def test_overslept(self) -> None:
        """A process that is not woken when its timer is due, as on a machine that is too busy, is late too."""
        self.sleep.oversleeps = 0.2
        self.turn(LOOK_SECONDS)
        self.sleep.oversleeps = 0.0
        self.assertEqual(self.over(), [0.2])

    def test_nothing_to_wait_for(self) -> None:
        """Who sleeps until something comes can't oversleep."""
        self.sleep.oversleeps = 2.5 * LOOK_SECONDS
        self.turn(-1)
        self.sleep.oversleeps = 0.0
        self.assertEqual(self.over(), [0.0] * 2)

    def test_stopped(self) -> None:
        """Nothing is seen any more."""
        self.lag.stop()
        self.turn(1.0, 1.0)
        self.assertEqual(self.over(), [])

    def test_which_reactors_have_it(self) -> None:
        """The one of Linux; the others look."""
        reactor: Any = EPollReactor()
        self.addCleanup(reactor._poller.close)
        self.assertIsInstance(lag(reactor, self.seen.append), LagOfTurns)
        self.assertIsInstance(lag(self.clock, self.seen.append), Lag)
