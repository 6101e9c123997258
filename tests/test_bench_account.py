"""The account of a generator's players: from which moment each step counts, and who was overtaken."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.account import account, formed, settled
from bench.books import Books
from bench.scenarios.starved import overtakers, used
from bench.walker import Way


class AccountTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.books = Books({"Duel": (1, 1)}, 0.0)

    def way(self, player: str, intended: float, session: str = "s", **moments: float) -> Way:
        """A player's way; those who have ``found`` their match were told of the game of their session."""
        way = Way(self.books.begin(player, "Duel", intended), intended, loading_session=session, **moments)
        if way.found:
            self.books.found(way.wish, f"game-{session}", "127.0.0.1:7000", way.found)
        return way

    def test_counts_from_the_last(self) -> None:
        """A match could not start before its last player had come, nor be found before its last one had loaded."""
        ways = [
            self.way("a", 1.0, enqueued=1.0, started=5.25, loaded=6.0, found=8.5),
            self.way("b", 5.0, enqueued=5.0, started=5.5, loaded=8.0, found=8.25),
        ]
        self.assertEqual((list(formed(ways)), list(settled(ways))), ([0.25, 0.5], [0.5, 0.25]))

    def test_a_stalled_server(self) -> None:
        """Who was kept from enqueuing has waited since he was to enqueue: what a server delays is its own."""
        ways = [self.way(p, 1.0, enqueued=4.0, queued=4.5, started=5.0, loaded=5.0, found=6.0) for p in "ab"]
        found = account(ways, self.books.report(9.0))
        self.assertEqual(found.millis["enqueue to match"]["p50"], 5000.0)
        self.assertEqual(found.millis["last enqueue to start"]["p50"], 4000.0)
        self.assertEqual(found.millis["late"]["p99"], 3000.0)
        self.assertEqual((found.matched, found.seconds, found.per_second, found.wrong), (2, 5.0, 0.4, []))
        self.assertIn("every match is valid", str(found))

    def test_lost(self) -> None:
        """Who has no match at the end is told; the others' steps count."""
        ways = [self.way("a", 1.0, enqueued=1.0), self.way("b", 1.0, "t", started=2.0, loaded=2.0, found=3.0)]
        found = account(ways, self.books.report(9.0))
        self.assertEqual((found.players, found.matched, len(found.wrong)), (2, 1, 2))
        self.assertIn("2 things are wrong", str(found))

    def test_nobody(self) -> None:
        """An account of nobody has no figures, and no rate."""
        found = account([], self.books.report(9.0))
        self.assertEqual((found.per_second, found.millis), (0.0, {}))

    def test_overtaken(self) -> None:
        """Whoever asked after another was in the queue, and was started before him, has overtaken him."""
        first = self.way("first", 1.0, enqueued=1.0, queued=1.5, started=9.0)
        beside = self.way("beside", 1.25, enqueued=1.25, queued=1.75, started=3.0)
        second = self.way("second", 2.0, enqueued=2.0, queued=2.5, started=5.0)
        third = self.way("third", 3.0, enqueued=3.0, queued=3.5, started=9.0)
        self.assertEqual(overtakers([first, beside, second, third]), [second])
        second.started = 8.96
        self.assertEqual(overtakers([first, beside, second, third]), [])

    def test_how_much_of_the_slots_time_was_used(self) -> None:
        """Between the first match and the last: here one of two slots was free for half of it."""
        ways = [
            self.way("a", 0, "s1", found=10), self.way("b", 0, "s1", found=10),
            self.way("c", 0, "s2", found=10), self.way("d", 0, "s3", found=14), self.way("e", 0, "s4", found=18),
            self.way("f", 0, "", started=3),
        ]  # fmt: skip
        self.assertEqual(used(ways, 2, 4.0), 0.75)
        self.assertEqual(used(ways[:2], 2, 4.0), 0)
