"""Timers by a clock of their own, whatever the time of day is set to."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import DelayedCall, ReactorBase
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from matchd.clock import go_by

REACTORS: list[type[Any]] = [EPollReactor, PollReactor, SelectReactor, AsyncioSelectorReactor]
HOUR = 3600.0


class StillReactor(ReactorBase):
    """A reactor without sockets, which runs what is due when it is told to."""

    def installWaker(self) -> None:
        """There is nobody to wake."""


class ClockCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.wall, self.steady = Clock(), Clock()
        self.wall.advance(1.8e9)
        self.steady.advance(77)
        self.reactor: Any = StillReactor()
        self.reactor.seconds = self.wall.seconds
        self.done: list[str] = []

    def later(self, seconds: float, what: str) -> Any:
        return self.reactor.callLater(seconds, self.done.append, what)

    def passes(self, seconds: float) -> list[str]:
        """What was done in these seconds."""
        self.done.clear()
        self.wall.rightNow += seconds
        self.steady.rightNow += seconds
        self.reactor.runUntilCurrent()
        return list(self.done)


class StepTests(ClockCase):
    """The wall clock is set, the other one is not."""

    def setUp(self) -> None:
        super().setUp()
        go_by(self.reactor, self.steady.seconds)

    def test_set_back(self) -> None:
        """A timer does not wait until the clock has made up for it."""
        self.later(5, "timer")
        self.wall.rightNow -= HOUR
        self.assertEqual(self.reactor.timeout(), 5)
        self.assertEqual(self.passes(4), [])
        self.assertEqual(self.passes(2), ["timer"])

    def test_set_forward(self) -> None:
        """A timer is not due before its time."""
        self.later(5, "timer")
        self.wall.rightNow += HOUR
        self.assertEqual(self.passes(4), [])
        self.assertEqual(self.passes(2), ["timer"])

    def test_what_is_put_off(self) -> None:
        """A timer that is reset or delayed goes by the same clock."""
        put_off, delayed = self.later(5, "reset"), self.later(5, "delayed")
        self.wall.rightNow -= HOUR
        put_off.reset(2)
        delayed.delay(3)
        self.assertEqual(self.passes(3), ["reset"])
        self.assertEqual(self.passes(6), ["delayed"])

    def test_loops(self) -> None:
        """What is repeated goes on."""
        loop = LoopingCall(self.done.append, "turn")
        loop.clock = self.reactor
        loop.start(1, now=False)
        self.addCleanup(loop.stop)
        for step in (-10, -HOUR, HOUR):
            self.wall.rightNow += step
            self.assertEqual([self.passes(1) for _ in range(3)], [["turn"]] * 3)


class BeforeTests(ClockCase):
    """Timers that were there before."""

    def test_planned_before(self) -> None:
        """Each stays as far away as it was, in its order, also beside one that was cancelled."""
        for seconds in (5, 1, 3):
            self.later(seconds, f"after {seconds}")
        cancelled = self.later(2, "never")
        self.assertEqual(self.passes(0.5), [])
        cancelled.cancel()
        self.later(4, "new")
        go_by(self.reactor, self.steady.seconds)
        self.later(0.25, "first")
        self.assertEqual(
            [self.passes(1) for _ in range(5)], [["first", "after 1"], [], ["after 3"], ["new"], ["after 5"]]
        )

    def test_twice(self) -> None:
        """Nothing changes where it was done before."""
        self.later(5, "timer")
        for _ in range(2):
            go_by(self.reactor, self.steady.seconds)
        self.assertEqual((self.passes(4.5), self.passes(1)), ([], ["timer"]))


class TwistedTests(SynchronousTestCase):
    """What is relied on in Twisted."""

    def test_every_reactor(self) -> None:
        """Whichever is chosen, its clock and its timers are those of ``ReactorBase``."""
        for kind in REACTORS:
            for name in ("callLater", "runUntilCurrent", "timeout", "seconds"):
                if (kind, name) != (AsyncioSelectorReactor, "callLater"):  # that one calls the other, and sets an alarm
                    self.assertIs(getattr(kind, name), getattr(ReactorBase, name), f"{kind.__name__}.{name}")

    def test_main_loop(self) -> None:
        """It goes by the clock that it is given, while the other one stands still."""
        reactor: Any = EPollReactor()
        self.addCleanup(reactor._poller.close)
        reactor.seconds = Clock().seconds
        go_by(reactor)
        reactor.callLater(0.02, reactor.stop)
        reactor.run(installSignalHandlers=False)
        self.assertFalse(reactor.running)

    def test_monotonic(self) -> None:
        """Without another one it is the system's monotonic clock, for each delayed call too."""
        reactor: Any = StillReactor()
        go_by(reactor)
        self.assertIs(reactor.seconds, time.monotonic)
        call: DelayedCall = reactor.callLater(5, lambda: None)
        self.assertLess(abs(call.getTime() - time.monotonic() - 5), 1)
