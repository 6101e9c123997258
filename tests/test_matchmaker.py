"""When matches are drawn."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.matches.matchmaker import Matchmaker
from matchd.metrics import Metrics
from matchd.model import GameMode
from matchd.store.answers import Drawn

DUEL, DUOS = GameMode("Duel"), GameMode("Duos", (2, 2))
NOTHING = Drawn(0, 1, False, ())


class SlowStore:
    """A store that draws when the test says so."""

    def __init__(self) -> None:
        self.modes: list[str] = []
        self.waiting: list[Deferred[Drawn]] = []

    def draw(self, mode: GameMode) -> Deferred[Drawn]:
        self.modes.append(mode.name)
        self.waiting.append(Deferred())
        return self.waiting[-1]


class MatchmakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.background = Background(self.clock)
        self.metrics = Metrics(("Duel", "Duos"))
        self.store: Any = SlowStore()
        modes = {mode.name: mode for mode in (DUEL, DUOS)}
        self.matchmaker = Matchmaker(self.store, modes, self.background, self.metrics, 0.5)
        self.addCleanup(self.background.cancel_all)

    def answer(self, drawn: Drawn | Exception) -> None:
        answered = self.store.waiting.pop(0)
        (answered.errback if isinstance(drawn, Exception) else answered.callback)(drawn)

    def test_at_once(self) -> None:
        """Nobody waits for a tick when a queue is known to be full enough."""
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.modes, ["Duel"])

    def test_after_who_came(self) -> None:
        """What the store drew when somebody came is counted; where it left enough for more, that is drawn at once."""
        self.matchmaker.drew("Duel", Drawn(1, 1, False, (40, 0)))
        self.matchmaker.drew("Duos", Drawn(0, 9, True, ()))
        self.assertEqual(self.store.modes, [])
        self.matchmaker.drew("Duel", Drawn(100, 3, False, (0,)))
        self.assertEqual(self.store.modes, ["Duel"])
        self.assertIn(b'matchd_matches_formed_total{mode="Duel"} 101.0', self.metrics.render())

    def test_the_tick(self) -> None:
        """Every mode is looked at twice a second, whether anybody asked for it or not."""
        self.matchmaker.start()
        self.addCleanup(self.matchmaker.stop)
        self.clock.pump([0.05] * 12)
        self.assertEqual(self.store.modes, ["Duel", "Duos"])

    def test_one_call_at_a_time(self) -> None:
        """However often a mode is woken while it is drawn: the draw under way sees to all that."""
        for _ in range(5):
            self.matchmaker.wake("Duel")
        self.matchmaker.wake("Duos")
        self.assertEqual(self.store.modes, ["Duel", "Duos"])
        self.answer(NOTHING)
        self.assertEqual(self.store.modes, ["Duel", "Duos"])
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.modes, ["Duel", "Duos", "Duel"])

    def test_until_nothing_more_can_be_drawn(self) -> None:
        """A long queue takes several calls; where the game servers are the limit it does not."""
        self.matchmaker.wake("Duos")
        self.answer(Drawn(100, 403, False, ()))
        self.answer(Drawn(100, 3, False, ()))
        self.assertEqual(self.store.modes, ["Duos", "Duos"])
        self.matchmaker.wake("Duos")
        self.answer(Drawn(20, 403, True, ()))
        self.assertEqual((self.store.modes, self.store.waiting), (["Duos"] * 3, []))

    def test_while_the_store_is_away(self) -> None:
        """A draw that failed is no error; the next one is made as ever."""
        self.matchmaker.wake("Duel")
        self.matchmaker.wake("Duel")
        self.answer(StoreUnavailable("away"))
        self.assertEqual((self.store.modes, self.background.failures), (["Duel"], {}))
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.modes, ["Duel", "Duel"])

    def test_after_a_bug(self) -> None:
        """Even a draw that failed in some unforeseen way does not keep its mode from being drawn again."""
        self.matchmaker.wake("Duel")
        self.answer(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.modes, ["Duel", "Duel"])

    def test_modes_of_others(self) -> None:
        """A mode that only other nodes serve is theirs to draw."""
        self.matchmaker.wake("Chess")
        self.assertEqual(self.store.modes, [])

    def test_stopping(self) -> None:
        """A node that goes down draws no more."""
        self.matchmaker.start()
        self.matchmaker.stop()
        self.matchmaker.wake("Duel")
        self.clock.advance(10)
        self.assertEqual((self.store.modes, self.clock.getDelayedCalls()), ([], []))

    def test_what_is_measured(self) -> None:
        """Matches, those who still wait, and for how long the others had."""
        self.matchmaker.wake("Duel")
        self.answer(Drawn(2, 1, False, (500, 250, 125, 125)))
        expected = {
            'matchd_matches_formed_total{mode="Duel"} 2.0',
            'matchd_queue_length{mode="Duel"} 1.0',
            'matchd_waiting_seconds_count{mode="Duel"} 4.0',
            'matchd_waiting_seconds_sum{mode="Duel"} 1.0',
        }
        self.assertEqual(expected - set(self.metrics.render().decode().splitlines()), set())
