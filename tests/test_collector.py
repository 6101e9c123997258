"""The garbage collector under matchd's hand: it lets go of what is gone, and looks at nothing that stays."""

from __future__ import annotations

import gc
import weakref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.collector import FREEZE_SECONDS, FULL_SECONDS, GROWN, Collector
from tests.support.conversations import Conversation

SECOND = FREEZE_SECONDS * 1.2
"""Give or take the jitter of a loop."""


class Cycle:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


class CollectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.formerly = gc.get_threshold()
        self.clock = Clock()
        self.collector = Collector(Background(self.clock))
        self.collector.start()
        self.addCleanup(self.collector.stop)

    def test_what_is_gone_soon_is_freed(self) -> None:
        """A cycle that lives no longer than a request is freed within a second, or two."""
        cycle = weakref.ref(Cycle())
        self.clock.advance(SECOND)
        self.assertIsNone(cycle())

    def test_what_stays_is_looked_at_once(self) -> None:
        """After a second it is frozen: a full collection has nothing to look at."""
        kept = [[] for _ in range(1000)]
        self.assertGreater(len(gc.get_objects()), len(kept))
        self.clock.advance(SECOND)
        self.assertLess(len(gc.get_objects()), len(kept))

    def test_what_was_frozen_goes_when_nothing_refers_to_it(self) -> None:
        """As ever: without the collector."""
        kept = Cycle()
        self.clock.advance(SECOND)
        kept.itself = None  # type: ignore[assignment]
        gone = weakref.ref(kept)
        del kept
        self.assertIsNone(gone())

    def test_a_cycle_that_was_frozen_is_freed_in_an_hour(self) -> None:
        """If there is more than there was."""
        kept = Cycle()
        self.clock.advance(SECOND)
        gone = weakref.ref(kept)
        del kept
        for _ in range(3):
            self.clock.advance(SECOND)
        self.assertIsNotNone(gone())
        more = [[] for _ in range(int(gc.get_freeze_count() * (GROWN - 1)) + 1000)]
        self.clock.advance(SECOND)
        self.clock.advance(FULL_SECONDS * 1.2)
        self.assertIsNone(gone())
        del more

    def test_stopped(self) -> None:
        """Everything is as Python has it."""
        self.assertNotEqual(gc.get_threshold(), self.formerly)
        self.collector.stop()
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (self.formerly, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NoCycleTests(Conversation):
    """What would have to wait for the collector, and does not."""

    def test_a_session_that_is_over(self) -> None:
        """However it ended, whatever it said: the player who waited, loaded, was matched, was in another's way."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        a, b, _ = self.matched()
        waits, older = self.queued("waits"), self.queued("twice")
        newer = self.queued("twice")
        wrong = self.connect("wrong").say_raw(b"nonsense")
        sessions = [weakref.ref(player.session) for player in (a, b, waits, older, newer)]
        for player in (a, b, waits, older, newer):
            player.vanish()
            del player.session
        self.service.advance(5)
        self.assertEqual([session() for session in sessions], [None] * 5)
        del wrong
