"""The books of a load: whatever goes wrong with a player's match is found in them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.books import Books, Report, Wish, quantile
from bench.load import shown

TEAMS = {"Duel": (1, 1), "Duos": (2, 2)}
PLACE = "127.0.0.1:7000"


class BooksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.books = Books(TEAMS, 100.0)

    def match(self, session: str, *players: str, mode: str = "Duel") -> list[Wish]:
        """Players wish for a match, and are told of this session a second later."""
        wishes = [self.books.begin(player, mode, 100.0) for player in players]
        for wish in wishes:
            self.books.found(wish, session, PLACE, 101.0)
        return wishes

    def report(self) -> Report:
        return self.books.report(110.0)

    def test_all_well(self) -> None:
        """Two players who were told the same are matched, and nothing is wrong."""
        self.match("g", "a", "b")
        report = self.report()
        self.assertEqual(report.wrong, [])
        self.assertEqual((report.wishes, report.matched, report.seconds), (2, 2, 1.0))
        self.assertEqual(report.waits, {"p50": 1.0, "p90": 1.0, "p99": 1.0, "p100": 1.0})
        self.assertEqual(report.per_second, 2.0)
        self.assertIn("load: every wish was answered once", shown(report))

    def test_lost(self) -> None:
        """Whoever still waits at the end is lost, and it is told what became of him."""
        wish = self.books.begin("a", "Duel", 100.0)
        self.books.note(wish, "queued", 100.5)
        self.assertEqual(self.report().wrong, ["waiting since 10.0 s: a for Duel: 0.50 queued"])
        self.assertEqual((self.books.oldest(), self.books.waiting()), (wish, {"Duel": 1}))
        self.assertIn("load: something is wrong", shown(self.report()))

    def test_left_over(self) -> None:
        """Whoever has left the queue is not lost; to leave after the match changes nothing."""
        self.books.give_up(self.books.begin("a", "Duel", 100.0))
        for wish in self.match("g", "b", "c"):
            self.books.give_up(wish)
        self.assertEqual((self.report().wrong, self.report().gave_up, self.books.oldest()), ([], 1, None))

    def test_told_twice(self) -> None:
        """One wish, two answers: doubled, be it the same session or another."""
        first, second = self.match("g", "a", "b")
        self.books.found(first, "h", PLACE, 102.0)
        self.books.found(second, "g", PLACE, 102.0)
        self.assertEqual(self.report().wrong, ["a was sent to h after g", "b was sent to g after g"])

    def test_told_to_some_only(self) -> None:
        """A match that one of two was told of is half a match; when he was told is kept."""
        self.match("g", "a")
        self.assertEqual(self.report().halves, [("session g of a at 1.0 s (a for Duel: )", 101.0)])
        self.assertEqual(self.report().wrong, ["only some were told of session g of a at 1.0 s (a for Duel: )"])

    def test_too_many(self) -> None:
        """Three players in a match of two."""
        self.match("g", "a", "b", "c")
        self.assertEqual(self.report().wrong, ["too many players in session g of a, b, c at 1.0 s (c for Duel: )"])

    def test_with_himself(self) -> None:
        """A player is matched with himself."""
        self.match("g", "a", "a")
        (problem,) = self.report().wrong
        self.assertEqual(problem, "a player twice in session g of a, a at 1.0 s (a for Duel: ; a for Duel: )")

    def test_other_modes(self) -> None:
        """Players who wished for different modes are in one match."""
        for player, mode in (("a", "Duel"), ("b", "Duos")):
            wish = self.books.begin(player, mode, 100.0)
            self.books.note(wish, "queued", 100.5)
            self.books.found(wish, "g", PLACE, 101.0)
        session = "session g of a, b at 1.0 s (a for Duel: 0.50 queued; b for Duos: 0.50 queued)"
        self.assertEqual(
            self.report().wrong, [f"players of several modes in {session}", f"only some were told of {session}"]
        )

    def test_other_places(self) -> None:
        """The two of a match were sent to different game servers."""
        (wish,) = self.match("g", "a")
        self.books.found(self.books.begin("b", "Duel", wish.began), "g", "127.0.0.1:7001", 101.0)
        (problem,) = self.report().wrong
        self.assertEqual(problem, "several addresses in session g of a, b at 1.0 s (a for Duel: ; b for Duel: )")

    def test_other_teams(self) -> None:
        """Both of a match were told that they are in the same team, or in one that the mode has not."""
        for session, teams in (("g", (0, 0)), ("h", (0, 2)), ("i", (1, 0))):
            for number, team in enumerate(teams):
                wish = self.books.begin(f"{session}{number}", "Duel", 100.0)
                self.books.found(wish, session, PLACE, 101.0, team)
        wrong = [problem.partition(" at ")[0] for problem in self.report().wrong]
        self.assertEqual(wrong, [f"teams of other sizes in session {name} of {name}0, {name}1" for name in "gh"])

    def test_slowest(self) -> None:
        """Of those who waited longest it is told what happened to them, the worst first."""
        for seconds in range(8):
            wish = self.books.begin(f"p{seconds}", "Duel", 100.0)
            self.books.note(wish, "match_found", 100.0 + seconds)
            self.books.found(wish, f"g{seconds // 2}", PLACE, 100.0 + seconds)
        self.assertEqual(
            self.report().slowest, [f"p{seconds} for Duel: {seconds}.00 match_found" for seconds in (7, 6, 5, 4, 3)]
        )


class QuantileTests(SynchronousTestCase):
    def test_quantiles(self) -> None:
        """The value that a share of all do not exceed."""
        hundred = [float(n) for n in range(1, 101)]
        self.assertEqual([quantile(hundred, q) for q in (0.5, 0.9, 0.99, 1.0)], [50.0, 90.0, 99.0, 100.0])
        self.assertEqual((quantile([7.0], 0.5), quantile([], 0.5)), (7.0, 0.0))
