"""Questions to the store that go together under load, and alone where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import StoreError, StoreUnavailable
from matchd.store.gathering import MOST, MOST_PLAYERS, Gathering, Question


class GatheringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[tuple[Question, ...]] = []
        self.replies: list[Deferred[Any]] = []
        self.gathering = Gathering(self.send)

    async def send(self, questions: Sequence[Question]) -> Sequence[Any]:
        """What is asked at once, answered when the test says so."""
        self.sent.append(tuple(questions))
        reply: Deferred[Any] = Deferred()
        self.replies.append(reply)
        return await reply

    def test_alone_at_once(self) -> None:
        """Who asks while nobody else does waits for nobody."""
        answer = self.gathering.ask("a", 1)
        self.assertEqual(self.sent, [(("a", 1),)])
        self.replies[0].callback(["yes"])
        self.assertEqual(self.successResultOf(answer), "yes")

    def test_together_after_the_one_under_way(self) -> None:
        """All who ask while an answer is awaited go together when it has come, each to his own answer."""
        answers = [self.gathering.ask(name) for name in "abc"]
        self.assertEqual(self.sent, [(("a",),)])
        self.replies[0].callback([1])
        self.assertEqual(self.sent[1:], [(("b",), ("c",))])
        self.replies[1].callback([2, 3])
        self.assertEqual([self.successResultOf(answer) for answer in answers], [1, 2, 3])

    def test_not_too_many_together(self) -> None:
        """A herd does not block the store for everybody else."""
        for number in range(MOST * 2 + 2):
            self.gathering.ask(number)
        self.replies[0].callback(["first"])
        self.assertEqual([len(questions) for questions in self.sent], [1, MOST, MOST, 1])

    def test_not_too_many_players_together(self) -> None:
        """Questions that move many players each go in smaller groups, and one that moves too many goes alone."""
        self.gathering.ask("first")
        for number in range(12):
            self.gathering.ask(number, players=MOST_PLAYERS // 5)
        for number in range(2):
            self.gathering.ask(number, players=MOST_PLAYERS + 1)
        self.replies[0].callback(["first"])
        self.assertEqual([len(questions) for questions in self.sent], [1, 5, 5, 2, 1, 1])

    def test_one_fails(self) -> None:
        """One whose question fails takes nobody with him."""
        self.gathering.ask("a")
        bad, good = self.gathering.ask("b"), self.gathering.ask("c")
        self.replies[0].callback([None])
        self.replies[1].callback([StoreError("WRONGTYPE"), "fine"])
        self.assertEqual(str(self.failureResultOf(bad, StoreError).value), "WRONGTYPE")
        self.assertEqual(self.successResultOf(good), "fine")

    def test_all_fail(self) -> None:
        """When the store is away all who asked are told, and who waited behind them asks on."""
        together = self.gathering.ask("a")
        later = self.gathering.ask("b")
        self.replies[0].errback(StoreUnavailable("away"))
        self.failureResultOf(together, StoreUnavailable)
        self.assertNoResult(later)
        self.replies[1].errback(StoreUnavailable("still away"))
        self.assertEqual(str(self.failureResultOf(later, StoreUnavailable).value), "still away")

    def test_flush(self) -> None:
        """What must not be overtaken is sent before, whatever is under way."""
        self.gathering.ask("a")
        self.gathering.ask("b")
        self.gathering.flush()
        self.assertEqual(self.sent, [(("a",),), (("b",),)])
        self.gathering.ask("c")
        self.replies[0].callback([1])
        self.assertEqual(len(self.sent), 2)
        self.replies[1].callback([2])
        self.assertEqual(self.sent[2:], [(("c",),)])

    def test_asked_by_an_answer(self) -> None:
        """Who asks anew when he is answered does not wait for those who were answered with him."""
        again: list[Deferred[Any]] = []
        self.gathering.ask("a").addCallback(lambda _: again.append(self.gathering.ask("b")))
        self.replies[0].callback([1])
        self.assertEqual(self.sent, [(("a",),), (("b",),)])

    def test_cancelled(self) -> None:
        """A node that stops waits for no answer; what comes all the same is let go."""
        answer = self.gathering.ask("a")
        answer.addErrback(lambda _: None)
        answer.cancel()
        self.replies[0].callback([1])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_withdrawn(self) -> None:
        """A question that nobody wants an answer to any more is not sent; one that was sent is answered."""
        sent, unsent, another = [self.gathering.ask(name) for name in ("a", "a", "b")]
        self.gathering.withdraw(lambda question: question == ("a",))
        self.failureResultOf(unsent, CancelledError)
        self.replies[0].callback([1])
        self.replies[1].callback([2])
        self.assertEqual(self.sent, [(("a",),), (("b",),)])
        self.assertEqual((self.successResultOf(sent), self.successResultOf(another)), (1, 2))
