"""What one connection said and heard, and whether a client may ever hear that: a small automaton.

A question (``enqueue``, ``resume``, ``dequeue``) is open until it is answered. ``unavailable`` does not say
which question it answers, nor whether that takes effect after all; so it excuses one of those still open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from typing import Any

Wrong = Callable[[int, str], None]
Message = dict[str, Any]

KEPT_MESSAGES = 8
"""How many messages a player can miss and still get one by one."""
QUESTIONS = ("enqueue", "resume", "dequeue")


class Questions:
    """What was asked and what was answered. Some answers may be to one question or another, and overtake others."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._answers: Counter[frozenset[str]] = Counter()

    def ask(self, question: str) -> None:
        """A question was asked."""
        self._asked[question] += 1

    def answer(self, *possible: str) -> bool:
        """An answer to one of these came; False if it can't be one: others have all of them."""
        self._answers[frozenset(possible)] += 1
        if all(self._suffice(set(some)) for n in range(4) for some in combinations(QUESTIONS, n)):
            return True
        self._answers[frozenset(possible)] -= 1
        return False

    def _suffice(self, some: set[str]) -> bool:
        answered = sum(n for possible, n in self._answers.items() if possible <= some)
        return answered <= sum(self._asked[question] for question in some)

    @property
    def open(self) -> int:
        """How many have no answer."""
        return self._asked.total() - self._answers.total()


class Transcript:
    """``place`` is where this client believes to be; ``session`` the last one it was asked to load."""

    def __init__(self, name: str, wrong: Wrong, now: Callable[[], float]) -> None:
        self.place = "none"
        self.session = ""
        self.since = now()
        self.last_seq: int | None = None
        self.questions = Questions()
        self.excused = 0
        self.heard: list[Message] = []
        self.over: set[str] = set()
        self.store_forgot = False
        self._loads = 0
        self._name = name
        self._wrong = wrong
        self._now = now

    # what the client says

    def say(self, message: Message) -> None:
        """The client has sent this."""
        if message["type"] == "loading_complete":
            self._loads += 1
        else:
            self.questions.ask(message["type"])

    @property
    def unanswered(self) -> bool:
        """Whether a question is open that nothing excuses."""
        return self.questions.open > self.excused

    # what it hears

    def hear(self, message: Message) -> None:
        """The client has been sent this."""
        self.heard.append(message)
        if "seq" in message:
            self._number(message["seq"])
        hear = getattr(self, f"_hear_{message['type']}", None)
        if hear is not None:
            hear(message)

    def _number(self, seq: int) -> None:
        if self.last_seq is not None and seq <= self.last_seq:
            self._object(11, f"heard message {seq} after {self.last_seq}")
        elif self.last_seq is not None and 1 < seq - self.last_seq <= KEPT_MESSAGES:
            self._object(11, f"heard message {seq} after {self.last_seq}, and never what was between")
        self.last_seq = seq

    def _hear_queued(self, _: Message) -> None:
        if not self.questions.answer("enqueue", "resume"):
            self._object(11, "is queued, and did not ask to be")
        elif self.place == "loading" and not self.store_forgot:
            self._object(11, "is queued, and was to load")
        self._stand("queued")

    def _hear_start_loading(self, message: Message) -> None:
        session = message["loading_session_id"]
        again = self.place == "loading" and session == self.session
        if session in self.over:
            self._object(4, f"is to load {session}, which was over")
        elif self.place != "queued" and not (
            (again or self.place != "loading") and self.questions.answer("enqueue", "resume")
        ):
            self._object(11, f"is to load {session}, and is {self.place}")
        self.session = session
        self._stand("loading")

    def _hear_match_found(self, message: Message) -> None:
        if self.place != "loading" and not (self.place != "queued" and self.questions.answer("resume")):
            self._object(5, f"has a match, {message['session_id']}, and is {self.place}")
        self._stand("matched")

    def _hear_requeued(self, _: Message) -> None:
        if self.place != "loading" and not self._is_told_late():
            self._object(11, f"is requeued, and is {self.place}")
        self._end_loading("queued")

    def _hear_dequeued(self, _: Message) -> None:
        if not self.questions.answer("dequeue"):
            self._object(11, "is dequeued, and did not ask to be")
        elif self.place != "queued" and not self._is_told_late():
            self._object(11, f"is dequeued, and is {self.place}")
        self._stand("none")

    def _hear_error(self, message: Message) -> None:
        match message["code"]:
            case "unavailable" | "rate_limited":
                self.excused += 1
            case "loading_timeout":
                if self.place != "loading" and not self._is_told_late():
                    self._object(11, f"has not loaded in time, and is {self.place}")
                self._end_loading("none")
            case "not_in_session":
                self._loads -= 1
                if self._loads < 0:
                    self._object(11, "is in no session, and did not say so")
            case "not_queued":
                self._is_nowhere()
                self._expect(message, "dequeue", "resume")
            case "already_queued" | "cooldown":
                self._is_nowhere()
                self._expect(message, "enqueue")
            case "invalid_game_mode":
                self._expect(message, "enqueue")
            case "invalid_message":
                self._expect(message, "enqueue", "resume")
            case _:
                self._object(11, f"is told {message}")

    def _is_nowhere(self) -> None:
        """Whoever is nowhere may be forgotten, and his number with him."""
        if self.place in ("none", "matched"):
            self.last_seq = None

    def _expect(self, message: Message, *questions: str) -> None:
        if not self.questions.answer(*questions):
            self._object(11, f"is told {message['code']}, and asked for nothing of the kind")

    def _is_told_late(self) -> bool:
        """A question that was answered ``unavailable`` had an effect, of which only the last message is told."""
        return self.place == "none" and self.excused > 0 and self.questions.answer("enqueue", "resume")

    def _end_loading(self, place: str) -> None:
        self.over.add(self.session)
        self._stand(place)

    def _stand(self, place: str) -> None:
        self.place, self.since, self.store_forgot = place, self._now(), False

    def _object(self, invariant: int, text: str) -> None:
        self._wrong(invariant, f"{self._name} {text}")
