"""In which order a player gets his messages, whatever becomes of them on the way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.players.delivery import MOST_HELD, Delivery

MODEST = settings(max_examples=200, deadline=None)
KEPT = 8
"""As many of a player's last messages the store can still tell."""


def frame(seq: int) -> bytes:
    return b"%d" % seq


def stored(first: int, last: int) -> list[tuple[int, bytes]]:
    """The messages from one to another as the store still has them."""
    return [(seq, frame(seq)) for seq in range(first, last + 1)]


class DeliveryTests(SynchronousTestCase):
    def started(self, answer: int = 1) -> Delivery:
        delivery = Delivery()
        delivery.start(answer)
        return delivery

    def test_in_order(self) -> None:
        """Messages that come one after the other go out at once."""
        delivery = self.started()
        self.assertEqual([delivery.arrive(seq, frame(seq)) for seq in (1, 2, 3)], [[b"1"], [b"2"], [b"3"]])
        self.assertFalse(delivery.gap)

    def test_twice(self) -> None:
        """What comes again, directly or much later, goes out once."""
        delivery = self.started()
        self.assertEqual([delivery.arrive(seq, frame(seq)) for seq in (1, 1, 2, 1)], [[b"1"], [], [b"2"], []])

    def test_overtaken(self) -> None:
        """What comes too early waits for those before it."""
        delivery = self.started()
        self.assertEqual(delivery.arrive(2, b"2"), [])
        self.assertTrue(delivery.gap)
        self.assertEqual(delivery.arrive(1, b"1"), [b"1", b"2"])
        self.assertFalse(delivery.gap)

    def test_nothing_before_the_first_answer(self) -> None:
        """What was on its way to the player's older connection is not for this one."""
        delivery = Delivery()
        self.assertEqual([delivery.arrive(seq, frame(seq)) for seq in (6, 7, 8)], [[], [], []])
        self.assertFalse(delivery.gap)
        self.assertEqual(delivery.fill(stored(1, 8)), [])
        self.assertEqual(delivery.start(8), [b"8"])

    def test_the_answer_may_come_after_the_reply(self) -> None:
        """The store's reply and its message take different roads."""
        delivery = Delivery()
        self.assertEqual(delivery.start(5), [])
        self.assertEqual(delivery.arrive(4, b"4"), [])
        self.assertEqual(delivery.arrive(5, b"5"), [b"5"])

    def test_only_the_first_answer_starts(self) -> None:
        """Later answers are messages like others, and wait for those before them."""
        delivery = self.started(1)
        self.assertEqual(delivery.start(3), [])
        self.assertEqual(delivery.arrive(3, b"3"), [])
        self.assertEqual(delivery.fill(stored(1, 3)), [b"1", b"2", b"3"])

    def test_an_answer_on_its_way(self) -> None:
        """It is known which number was promised last, and whether it has gone out."""
        delivery = Delivery()
        known = [delivery.awaited]
        for seq in (3, 5):
            delivery.start(seq)
            known.append(delivery.awaited)
            delivery.fill(stored(1, seq))
            known.append(delivery.awaited)
        self.assertEqual(known, [False, True, False, True, False])

    def test_missed_ones_are_filled_in(self) -> None:
        """What was lost goes out before what waited for it."""
        delivery = self.started()
        delivery.arrive(4, b"4")
        self.assertEqual(delivery.fill(stored(1, 3)), [b"1", b"2", b"3", b"4"])
        self.assertEqual(delivery.arrive(5, b"5"), [b"5"])

    def test_what_the_store_has_forgotten_is_not_waited_for(self) -> None:
        """Of a long absence only the last messages can be told, and they are."""
        delivery = self.started()
        for seq in (1, 3, 5):
            delivery.arrive(seq, frame(seq))
        self.assertEqual(delivery.fill(stored(10, 17)), [b"3", b"5", *(frame(seq) for seq in range(10, 18))])
        self.assertFalse(delivery.gap)

    def test_a_store_that_knows_of_nothing(self) -> None:
        """After it has lost its memory nothing is left to wait for."""
        delivery = self.started()
        delivery.arrive(3, b"3")
        self.assertEqual(delivery.fill([]), [b"3"])
        self.assertEqual(delivery.fill([]), [])

    def test_of_a_life_that_is_over(self) -> None:
        """Where the store knows that nothing was missed, what came early is not told."""
        delivery = self.started()
        delivery.arrive(3, b"3")
        delivery.forget_early()
        self.assertEqual((delivery.fill([]), delivery.gap), ([], False))
        self.assertEqual(delivery.arrive(1, b"1"), [b"1"])

    def test_before_the_first_answer_nothing_is_of_another_life(self) -> None:
        """What comes before the number of the answer is known is kept until then."""
        delivery = Delivery()
        delivery.arrive(5, b"5")
        delivery.forget_early()
        self.assertEqual(delivery.start(5), [b"5"])

    def test_lost_again_while_the_store_is_asked(self) -> None:
        """A message newer than the store's answer waits for what is missing before it."""
        delivery = self.started()
        delivery.arrive(2, b"2")
        delivery.arrive(4, b"4")
        self.assertEqual(delivery.fill(stored(1, 2)), [b"1", b"2"])
        self.assertTrue(delivery.gap)
        self.assertEqual(delivery.fill(stored(3, 4)), [b"3", b"4"])

    def test_no_more_than_64_wait(self) -> None:
        """However many come while one is missing, what is held has a bound."""
        delivery = self.started()
        for seq in range(2, 200):
            delivery.arrive(seq, frame(seq))
        self.assertEqual(delivery.arrive(1, b"1"), [frame(seq) for seq in range(1, MOST_HELD + 2)])
        self.assertFalse(delivery.gap)

    def test_the_answer_is_held_however_many_come_before_it(self) -> None:
        """A flood for the older connection does not push out what this one waits for."""
        delivery = Delivery()
        for seq in range(1, 201):
            delivery.arrive(seq, frame(seq))
        self.assertEqual(delivery.start(200), [b"200"])

    @MODEST
    @given(st.data(), st.integers(1, 30), st.integers(1, 30))
    def test_each_once_and_in_order(self, data: st.DataObject, newest: int, answer: int) -> None:
        """Whatever is lost, doubled, reordered and then filled: each message from the answer on, once, in order."""
        arrivals = data.draw(st.lists(st.integers(1, newest), max_size=60))
        beginning = data.draw(st.integers(0, len(arrivals)))
        answer = min(answer, newest)
        delivery = Delivery()
        before = [out for seq in arrivals[:beginning] for out in delivery.arrive(seq, frame(seq))]
        self.assertEqual(before, [])
        sent = delivery.start(answer)
        for seq in arrivals[beginning:]:
            sent += delivery.arrive(seq, frame(seq))
        self.assertEqual(sent, [frame(seq) for seq in range(answer, (delivery.last or 0) + 1)])
        sent += delivery.fill(stored((delivery.last or 0) + 1, newest))
        self.assertEqual(sent, [frame(seq) for seq in range(answer, newest + 1)])
        self.assertFalse(delivery.gap)

    @MODEST
    @given(st.lists(st.integers(1, 40)), st.integers(1, 40))
    def test_the_newest_always_gets_through(self, arrivals: list[int], newest: int) -> None:
        """Even where the store has only the last few: no repeat, no step back, and all it has."""
        delivery = self.started()
        sent = [out for seq in arrivals if seq <= newest for out in delivery.arrive(seq, frame(seq))]
        sent += delivery.fill(stored(max((delivery.last or 0) + 1, newest - KEPT + 1), newest))
        numbers = [int(out) for out in sent]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(numbers[-KEPT:], list(range(max(1, newest - KEPT + 1), newest + 1)))
