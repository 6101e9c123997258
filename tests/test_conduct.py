"""How much a client may send and err, by numbers only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.conduct import Conduct, TokenBucket, Verdict
from matchd.websocket.limits import Limits
from tests.support.properties import patient

NOW = 1_700_000_000.0


class TokenBucketTests(SynchronousTestCase):
    def test_a_full_one_gives_what_it_holds_at_once(self) -> None:
        """As many tokens as its size, and not one more."""
        bucket = TokenBucket(40, 20, NOW)
        self.assertEqual([bucket.take(NOW) for _ in range(42)], [True] * 40 + [False] * 2)

    def test_tokens_come_back_at_its_rate(self) -> None:
        """A tenth of a second brings two of twenty a second."""
        bucket = TokenBucket(40, 20, NOW)
        for _ in range(40):
            bucket.take(NOW)
        self.assertEqual([bucket.take(NOW + 0.125) for _ in range(3)], [True, True, False])

    def test_it_never_holds_more_than_its_size(self) -> None:
        """An hour of silence is worth no more than a full bucket."""
        bucket = TokenBucket(3, 20, NOW)
        self.assertEqual([bucket.take(NOW + 3600) for _ in range(4)], [True] * 3 + [False])

    def test_asking_in_vain_costs_nothing(self) -> None:
        """Whoever keeps asking is served as soon as one who waits."""
        bucket = TokenBucket(1, 1, NOW)
        bucket.take(NOW)
        self.assertEqual([bucket.take(NOW + tenths / 8) for tenths in range(1, 9)], [False] * 7 + [True])

    def test_a_clock_set_back_takes_nothing_away(self) -> None:
        """The tokens are still there, and new ones come from then on."""
        bucket = TokenBucket(2, 1, NOW)
        self.assertEqual([bucket.take(NOW - 3600) for _ in range(3)], [True, True, False])
        self.assertTrue(bucket.take(NOW - 3599))

    @patient
    @given(st.lists(st.floats(0, 10), max_size=200), st.integers(1, 50), st.integers(1, 50))
    def test_in_any_stretch_of_time_it_gives_at_most_its_size_and_what_came_meanwhile(
        self, pauses: list[float], size: int, rate: int
    ) -> None:
        """Whatever the pattern of asking."""
        bucket, now, given = TokenBucket(size, rate, 0.0), 0.0, 0
        for pause in pauses:
            now += pause
            given += bucket.take(now)
        self.assertLessEqual(given, size + now * rate + 1e-6)


class ConductTests(SynchronousTestCase):
    def test_a_thousand_messages_at_once(self) -> None:
        """Forty are heard, forty are refused one by one, and the next closes."""
        conduct = Conduct(Limits(), NOW)
        verdicts = [conduct.message(NOW) for _ in range(1000)]
        self.assertEqual(verdicts[:80], [Verdict.OK] * 40 + [Verdict.WARN] * 40)
        self.assertEqual(set(verdicts[80:]), {Verdict.CLOSE})

    def test_twenty_a_second_for_minutes(self) -> None:
        """The permitted rate is permitted for ever."""
        conduct = Conduct(Limits(), NOW)
        self.assertEqual({conduct.message(NOW + number / 20) for number in range(12_000)}, {Verdict.OK})

    def test_a_little_too_fast_is_warned_but_not_closed(self) -> None:
        """One message a second too many is refused, and forgotten as fast."""
        conduct = Conduct(Limits(), NOW)
        verdicts = {conduct.message(NOW + number / 21) for number in range(21 * 600)}
        self.assertEqual(verdicts, {Verdict.OK, Verdict.WARN})

    def test_much_too_fast_is_closed(self) -> None:
        """Ten a second too many are warned of for eight seconds."""
        conduct = Conduct(Limits(), NOW)
        verdicts = [conduct.message(NOW + number / 30) for number in range(30 * 60)]
        self.assertEqual(verdicts.index(Verdict.CLOSE) // 30, 8)

    def test_twenty_faults_are_forgiven(self) -> None:
        """The twenty-first at once is one too many; a second later there is room for one more."""
        conduct = Conduct(Limits(), NOW)
        self.assertEqual([conduct.fault(NOW) for _ in range(21)], [True] * 20 + [False])
        self.assertEqual([conduct.fault(NOW + 1) for _ in range(2)], [True, False])

    def test_fragments_have_a_measure_of_their_own(self) -> None:
        """They cost no message, and messages cost no fragment."""
        conduct = Conduct(Limits(), NOW)
        self.assertEqual([conduct.fragment(NOW) for _ in range(65)], [True] * 64 + [False])
        self.assertIs(conduct.message(NOW), Verdict.OK)
