"""When matches are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.errors import StoreError, StoreUnavailable
from matchd.matches.matchmaker import MOST_MODES, Matchmaker
from matchd.metrics import Metrics
from matchd.model import GameMode
from matchd.store.answers import Drawn

DUEL, DUOS = GameMode("Duel"), GameMode("Duos", (2, 2))
MANY = {f"m{number}": GameMode(f"m{number}") for number in range(1000)}
NOTHING = Drawn(0, 1, False, ())
Answer = Drawn | StoreError


class SlowStore:
    """A store that draws when the test says so, and until then counts what it was asked."""

    def __init__(self) -> None:
        self.to_draw: list[str] = []
        self.looks = self.counts = 0
        self.drawn: list[list[str]] = []
        self.waiting: list[Deferred[Sequence[Answer]]] = []

    def undrawn(self) -> Deferred[list[str]]:
        self.looks += 1
        return succeed(list(self.to_draw))

    def draw_in_turn(self, modes: Sequence[GameMode]) -> Deferred[Sequence[Answer]]:
        self.drawn.append([mode.name for mode in modes])
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def look(self, script: str) -> Deferred[list[tuple[bytes, int]]]:
        self.counts += 1
        return succeed([(b"accepted", 7), (b"queued Duel", 3)])


class MatchmakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.background = Background(self.clock)
        self.metrics = Metrics(("Duel", "Duos"))
        self.store: Any = SlowStore()
        modes = {mode.name: mode for mode in (DUEL, DUOS)} | MANY
        self.matchmaker = Matchmaker(self.store, modes, self.background, self.metrics, 0.5)
        self.addCleanup(self.background.cancel_all)

    def answer(self, *drawn: Answer) -> None:
        self.store.waiting.pop(0).callback(drawn)

    def test_at_once(self) -> None:
        """Nobody waits for a tick when a queue is known to be full enough."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.drawn, [["Duel"]])

    def test_together(self) -> None:
        """All modes that wait are drawn by one call, so that the store gives the slots to those who wait longest."""
        self.store.to_draw = ["Duos", "Duel"]
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.drawn, [["Duos", "Duel"]])

    def test_after_who_came(self) -> None:
        """What the store drew when somebody came is counted; where it left enough for more, that is drawn at once."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.drew("Duel", Drawn(1, 1, False, (40, 0)))
        self.matchmaker.drew("Duos", Drawn(0, 9, True, ()))
        self.assertEqual(self.store.drawn, [])
        self.matchmaker.drew("Duel", Drawn(100, 3, False, (0,)))
        self.assertEqual(self.store.drawn, [["Duel"]])
        self.assertIn(b'matchd_matches_formed_total{mode="Duel"} 101.0', self.metrics.render())

    def test_after_who_came_out_of_turn(self) -> None:
        """Where free slots are for those who wait longer in another mode, that one is drawn at once."""
        self.store.to_draw = ["Duos", "Duel"]
        self.matchmaker.drew("Duel", Drawn(0, 2, False, (), others_first=True))
        self.assertEqual(self.store.drawn, [["Duos", "Duel"]])

    def test_the_tick(self) -> None:
        """What the store knows as undrawn is looked at twice a second, whether anybody asked for it or not."""
        self.store.to_draw = ["Duos"]
        self.matchmaker.start()
        self.addCleanup(self.matchmaker.stop)
        self.clock.pump([0.05] * 12)
        self.assertEqual(self.store.drawn, [["Duos"]])

    def test_where_nothing_happens(self) -> None:
        """However many modes there are: a tick is one look, and now and then one for the metrics."""
        self.matchmaker.start()
        self.addCleanup(self.matchmaker.stop)
        self.clock.pump([0.05] * 220)
        self.assertEqual((self.store.drawn, self.store.counts), ([], 2))
        self.assertLessEqual(self.store.looks, 24)
        self.assertIn(b'matchd_queue_length{mode="Duel"} 3.0', self.metrics.render())

    def test_one_call_at_a_time(self) -> None:
        """However often it is woken while it draws: it looks once more when that is over."""
        self.store.to_draw = ["Duel"]
        for _ in range(5):
            self.matchmaker.wake("Duel")
        self.matchmaker.wake("Duos")
        self.assertEqual(self.store.drawn, [["Duel"]])
        self.store.to_draw = ["Duos"]
        self.answer(NOTHING)
        self.assertEqual(self.store.drawn, [["Duel"], ["Duos"]])
        self.answer(NOTHING)
        self.assertEqual((self.store.drawn, self.store.looks), ([["Duel"], ["Duos"]], 2))
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.looks, 3)

    def test_until_nothing_more_can_be_drawn(self) -> None:
        """A long queue takes several calls; where the game servers are the limit it does not."""
        self.store.to_draw = ["Duos", "Duel"]
        self.matchmaker.wake("Duos")
        self.answer(Drawn(100, 403, False, ()), NOTHING)
        self.answer(Drawn(100, 3, False, ()))
        self.assertEqual((self.store.drawn, self.store.waiting), ([["Duos", "Duel"], ["Duos"]], []))
        self.matchmaker.wake("Duos")
        self.answer(Drawn(20, 403, True, ()), Drawn(0, 9, True, ()))
        self.assertEqual((self.store.drawn[2:], self.store.waiting), ([["Duos", "Duel"]], []))

    def test_while_it_is_not_the_turn_of_its_modes(self) -> None:
        """Where another node's mode is to be drawn first, it does not ask on and on."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.wake("Duel")
        self.answer(Drawn(0, 9, False, (), others_first=True))
        self.assertEqual((self.store.drawn, self.store.waiting), ([["Duel"]], []))

    def test_very_many_modes(self) -> None:
        """One call draws a bounded number of modes; the others come next, unless game servers are the limit."""
        self.store.to_draw = list(MANY)
        self.matchmaker.wake("m0")
        self.answer(*[NOTHING] * MOST_MODES)
        self.answer(*[Drawn(0, 2, True, ())] * MOST_MODES)
        self.assertEqual(self.store.drawn, [list(MANY)[:MOST_MODES], list(MANY)[MOST_MODES : 2 * MOST_MODES]])

    def test_while_the_store_is_away(self) -> None:
        """A draw that failed is no error; the next one is made as ever."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.wake("Duel")
        self.store.waiting.pop().errback(StoreUnavailable("away"))
        self.assertEqual((self.store.drawn, self.background.failures), ([["Duel"]], {}))
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.drawn, [["Duel"]] * 2)

    def test_after_a_bug(self) -> None:
        """Even a draw that failed in some unforeseen way keeps nothing from being drawn again."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.wake("Duel")
        self.store.waiting.pop().errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.drawn, [["Duel"]] * 2)

    def test_a_mode_that_fails(self) -> None:
        """Where one mode can't be drawn the others are counted all the same, and the failure is told."""
        self.store.to_draw = ["Duos", "Duel"]
        self.matchmaker.wake("Duel")
        self.answer(StoreError("WRONGTYPE"), Drawn(2, 1, False, ()))
        self.assertEqual(self.background.failures, {"draw": 1})
        self.assertIn(b'matchd_matches_formed_total{mode="Duel"} 2.0', self.metrics.render())

    def test_modes_of_others(self) -> None:
        """A mode that only other nodes serve is theirs to draw."""
        self.store.to_draw = ["Chess"]
        self.matchmaker.wake("Chess")
        self.assertEqual(self.store.looks, 0)
        self.matchmaker.wake("Duel")
        self.assertEqual(self.store.drawn, [])

    def test_stopping(self) -> None:
        """A node that goes down draws no more."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.start()
        self.matchmaker.stop()
        self.matchmaker.wake("Duel")
        self.clock.advance(10)
        self.assertEqual((self.store.looks, self.clock.getDelayedCalls()), (0, []))

    def test_what_is_measured(self) -> None:
        """Matches, those who still wait, and for how long the others had."""
        self.store.to_draw = ["Duel"]
        self.matchmaker.wake("Duel")
        self.answer(Drawn(2, 1, False, (500, 250, 125, 125)))
        expected = {
            'matchd_matches_formed_total{mode="Duel"} 2.0',
            'matchd_queue_length{mode="Duel"} 1.0',
            'matchd_waiting_seconds_count{mode="Duel"} 4.0',
            'matchd_waiting_seconds_sum{mode="Duel"} 1.0',
        }
        self.assertEqual(expected - set(self.metrics.render().decode().splitlines()), set())
