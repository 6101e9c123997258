"""Who is shut out, when, and for how long."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.outcasts import Outcasts


class OutcastsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.outcasts = Outcasts(1, 10, seconds=5)

    def offend(self, now: float, times: int = 11, name: str = "a") -> list[bool]:
        return [self.outcasts.offends(name, now) for _ in range(times)]

    def test_who_offends_too_often(self) -> None:
        """Ten at once are borne; the eleventh is one too many, and told once."""
        self.assertEqual(self.offend(0, 13), [False] * 10 + [True] + [False] * 2)
        self.assertEqual([self.outcasts.are("a", now) for now in (0, 4.9, 5)], [True, True, False])

    def test_one_a_second_is_borne_for_ever(self) -> None:
        """It is a rate."""
        self.assertNotIn(True, [self.outcasts.offends("a", now) for now in range(100)])

    def test_others_are_not_shut_out(self) -> None:
        """Each address for itself."""
        self.offend(0)
        self.assertFalse(self.outcasts.are("b", 0))

    def test_some_offences_weigh_more(self) -> None:
        """Two of six are more than ten."""
        self.assertEqual([self.outcasts.offends("a", 0, 6), self.outcasts.offends("a", 0, 6)], [False, True])

    def test_twice_as_long_each_time(self) -> None:
        """Up to 32 times as long."""
        now, terms = 0.0, []
        for _ in range(8):
            self.offend(now, 20)
            until = self.outcasts.all(now)["a"]
            terms.append(until - now)
            now = until
        self.assertEqual(terms, [5, 10, 20, 40, 80, 160, 160, 160])

    def test_who_keeps_quiet_begins_anew(self) -> None:
        """For as long as he was shut out."""
        self.offend(0)
        self.offend(9.9)
        self.assertEqual(self.outcasts.all(9.9), {"a": 19.9})
        self.offend(30)
        self.assertEqual(self.outcasts.all(30), {"a": 35})

    def test_who_was_shut_out_is_forgotten(self) -> None:
        """Nothing is kept of him."""
        self.offend(0)
        self.assertEqual((self.outcasts.all(9.9), len(self.outcasts._terms)), ({}, 1))
        self.assertEqual((self.outcasts.all(10), len(self.outcasts._terms)), ({}, 0))

    def test_bounded(self) -> None:
        """Twenty thousand addresses at once take no more room than ten thousand."""
        for number in range(20_000):
            self.outcasts.offends(str(number), 0, 11)
        self.assertEqual(len(self.outcasts._terms), 10_000)

    def test_never(self) -> None:
        """With 0 seconds nobody is shut out."""
        self.outcasts = Outcasts(1, 10, seconds=0)
        self.assertNotIn(True, self.offend(0, 100))
