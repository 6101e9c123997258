"""Questions of one kind on their way to the store: those asked while one is under way go together in the next.

So one that comes alone is sent at once and alone, and under load the questions become fewer and larger by
themselves, which costs the store and this node a fraction: see docs/performance.md. Each has its own answer, and
one that fails takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from itertools import accumulate
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

MOST = 100
"""Questions that go together at most: more would only keep the store from answering others for longer."""
MOST_PLAYERS = 1000
"""Players whom the questions that go together may move at most, for the same reason; one question may move more."""

Question = tuple[str | int, ...]
Send = Callable[[Sequence[Question]], Coroutine[Deferred[Any], Any, Sequence[Any]]]
"""Asks many at once, and returns their answers in the same order; an exception among them is that one's failure."""


class Gathering:
    """Gathers the questions of one kind, and has ``send`` ask them."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: list[tuple[Question, Deferred[Any], int]] = []
        self._under_way = 0

    def ask(self, *question: str | int, players: int = 1) -> Deferred[Any]:
        """Ask; fires with the answer, or fails as ``send`` did. ``players`` is how many players it may move."""
        answer: Deferred[Any] = Deferred()
        self._waiting.append((question, answer, players))
        if not self._under_way:
            self.flush()
        return answer

    def withdraw(self, unwanted: Callable[[Question], bool]) -> None:
        """Cancel the questions that nobody wants an answer to any more, as far as they were not sent yet."""
        withdrawn = [asked for asked in self._waiting if unwanted(asked[0])]
        self._waiting = [asked for asked in self._waiting if not unwanted(asked[0])]
        for _, answer, _ in withdrawn:
            answer.cancel()

    def flush(self) -> None:
        """Send what waits, for something that must not overtake it is about to be sent."""
        while self._waiting:
            most = self._most()
            together, self._waiting = self._waiting[:most], self._waiting[most:]
            self._under_way += 1
            sent = Deferred.fromCoroutine(self._send([question for question, _, _ in together]))
            sent.addBoth(self._answered, [answer for _, answer, _ in together])

    def _most(self) -> int:
        """Count those of the waiting that go together next."""
        moved = accumulate(players for _, _, players in self._waiting[:MOST])
        return max(1, sum(so_far <= MOST_PLAYERS for so_far in moved))

    def _answered(self, outcome: Sequence[Any] | Failure, waiting: Sequence[Deferred[Any]]) -> None:
        self._under_way -= 1
        if not self._under_way:
            self.flush()
        if isinstance(outcome, Failure):
            for answer in waiting:
                answer.errback(outcome)
            return
        for answer, reply in zip(waiting, outcome, strict=True):
            if isinstance(reply, Exception):
                answer.errback(Failure(reply))
            else:
                answer.callback(reply)
