"""What nobody waits for: it is counted, its errors are told, and it never stops anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background, Loop
from matchd.errors import StoreUnavailable


class BackgroundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.background = Background(Clock())

    async def wait(self, deferred: Deferred[None]) -> None:
        await deferred

    async def break_down(self, error: Exception) -> None:
        raise error

    def test_what_is_under_way_is_counted(self) -> None:
        """By name, and only until it has ended."""
        waiting: list[Deferred[None]] = [Deferred() for _ in range(3)]
        for name, deferred in zip(("draw", "draw", "sweep"), waiting, strict=True):
            self.background.spawn(name, self.wait(deferred))
        self.assertEqual(self.background.running, {"draw": 2, "sweep": 1})
        waiting[0].callback(None)
        self.assertEqual(self.background.running, {"draw": 1, "sweep": 1})
        self.background.cancel_all()
        self.assertEqual(self.background.running, {})

    def test_what_ends_at_once(self) -> None:
        """Work that waits for nothing is done when ``spawn`` returns."""
        self.successResultOf(self.background.spawn("quick", self.wait(succeed(None))))
        self.assertEqual(self.background.running, {})

    def test_trouble_that_is_expected(self) -> None:
        """An outage is one line of warning, and a count."""
        with capturedLogs() as logged:
            self.successResultOf(self.background.spawn("draw", self.break_down(StoreUnavailable("connection refused"))))
        self.assertEqual(
            [(e["log_level"].name, e["task"], e["reason"]) for e in logged], [("warn", "draw", "connection refused")]
        )
        self.assertEqual(self.background.failures, {"draw": 1})

    def test_trouble_that_is_a_bug(self) -> None:
        """Anything else is logged with its traceback, and counted."""
        for _ in range(2):
            self.successResultOf(self.background.spawn("draw", self.break_down(ZeroDivisionError())))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(self.background.failures, {"draw": 2})

    def test_cancelling_is_no_trouble(self) -> None:
        """What is cancelled when a node stops gets to clean up, and leaves no trace in log or counts."""
        cleaned: list[bool] = []

        async def work() -> None:
            try:
                await Deferred()
            finally:
                cleaned.append(True)

        ended = self.background.spawn("work", work())
        with capturedLogs() as logged:
            self.background.cancel_all()
        self.successResultOf(ended)
        self.assertEqual((cleaned, logged, self.background.failures), ([True], [], {}))


class LoopTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.background = Background(self.clock)
        self.turns: list[float] = []
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def loop(self, work: Callable[[], Awaitable[None]] | None = None, jitter: float = 0.0) -> Loop:
        """A loop that turns every two seconds, give or take."""
        loop = Loop(self.background, "turn", 2.0, work or self.turn, jitter)
        self.addCleanup(loop.stop)
        return loop

    async def turn(self) -> None:
        self.turns.append(self.clock.seconds())

    def test_every_interval(self) -> None:
        """The first turn comes after one interval, unless it is wanted now."""
        self.loop().start()
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.turns, [2.0, 4.0])
        self.loop().start(now=True)
        self.assertEqual(self.turns[2:], [5.0])

    def test_an_error_stops_nothing(self) -> None:
        """A turn that fails is counted, and the next one comes as ever."""

        async def turn() -> None:
            await self.turn()
            raise StoreUnavailable("away") if len(self.turns) < 3 else ZeroDivisionError

        self.loop(turn).start()
        self.clock.pump([2.0] * 4)
        self.assertEqual(self.turns, [2.0, 4.0, 6.0, 8.0])
        self.assertEqual(self.background.failures, {"turn": 4})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_turns_never_overlap(self) -> None:
        """A turn that takes longer than the interval delays the next one."""
        slow: Deferred[None] = Deferred()

        async def turn() -> None:
            await self.turn()
            if len(self.turns) == 1:
                await slow

        self.loop(turn).start()
        self.clock.pump([1.0] * 9)
        self.assertEqual(self.turns, [2.0])
        slow.callback(None)
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.turns, [2.0, 10.0, 12.0])

    def test_stopping(self) -> None:
        """After it was stopped no turn comes; to stop one that does not run does no harm."""
        loop = self.loop()
        loop.stop()
        loop.start()
        self.clock.advance(2)
        loop.stop()
        loop.stop()
        self.clock.advance(100)
        self.assertEqual(self.turns, [2.0])

    def test_many_nodes_do_not_run_in_step(self) -> None:
        """Each has intervals of its own, a tenth more or less."""
        for _ in range(50):
            self.background = Background(self.clock)
            self.loop(jitter=0.1).start()
        self.clock.advance(1.799)
        self.assertEqual(self.turns, [])
        self.clock.pump([0.01] * 41)
        self.assertEqual(len(self.turns), 50)
        self.assertGreater(len(set(self.turns)), 10)

    def test_the_loops_of_one_node_do(self) -> None:
        """A process that sleeps wakes up once for all of them."""
        for _ in range(50):
            self.loop(jitter=0.1).start()
        for _ in range(3):
            self.clock.advance(self.clock.getDelayedCalls()[0].getTime() - self.clock.seconds())
        self.assertEqual(len(self.turns), 150)
        self.assertEqual(len(set(self.turns)), 3)
