"""How fast each of many may do something, and how little is kept of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.conduct import TokenBucket
from matchd.websocket.rates import Rates
from tests.support.properties import patient


class RatesTests(SynchronousTestCase):
    def test_so_many_at_once_and_then_so_many_a_second(self) -> None:
        """Five at once, and then two a second."""
        rates = Rates(2, 5)
        self.assertEqual([rates.take("a", 100) for _ in range(7)], [True] * 5 + [False] * 2)
        self.assertEqual([rates.take("a", 100.4), rates.take("a", 100.6), rates.take("a", 100.7)], [False, True, False])

    def test_everyone_has_his_own(self) -> None:
        """Who is too fast takes nothing from others."""
        rates = Rates(1, 1)
        self.assertEqual([rates.take(name, 0) for name in "aabb"], [True, False, True, False])

    def test_some_cost_more(self) -> None:
        """Bytes are counted by their number."""
        rates = Rates(100, 1000)
        self.assertEqual([rates.take("a", 0, size) for size in (600, 600, 400, 1)], [True, False, True, False])

    def test_who_is_calm_is_forgotten(self) -> None:
        """A full bucket takes no memory for longer than others come."""
        rates = Rates(10, 10)
        for i in range(100):
            rates.take(f"a{i}", 0)
        for i in range(60):
            rates.take("b", 10 + i)
        self.assertEqual(len(rates), 1)

    def test_a_flood_of_names_takes_no_more_memory(self) -> None:
        """Of more than there is room for, those who did least lately are forgotten."""
        rates = Rates(0.001, 1, most=1000)
        for i in range(100_000):
            self.assertTrue(rates.take(str(i), 0))
        self.assertLessEqual(len(rates), 1000)
        self.assertFalse(rates.take("99999", 0))

    @patient
    @given(st.lists(st.floats(0, 3), max_size=60))
    def test_the_same_as_a_token_bucket(self, pauses: list[float]) -> None:
        """Whatever the pauses between."""
        bucket, rates, now = TokenBucket(4, 2, 0), Rates(2, 4), 0.0
        for pause in pauses:
            now += round(pause * 8) / 8
            self.assertEqual(rates.take("a", now), bucket.take(now))
