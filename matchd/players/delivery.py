"""In which order, and how often, a player's messages go out: each once, by its number.

The store numbers what it publishes for a player. What arrives twice is dropped, what arrives early is
held until the gap before it is filled, and before the connection's first question is answered nothing
is sent at all: what was on its way then was meant for the player's older connection. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST_HELD = 64


class Delivery:
    """The numbered messages of one player on one connection; frames are opaque here."""

    __slots__ = ("_answer", "_held", "last")

    def __init__(self) -> None:
        self.last: int | None = None
        self._answer = 0
        self._held: dict[int, bytes] = {}

    def start(self, answer: int) -> list[bytes]:
        """An answer has this number: from the first of them on what comes may go out."""
        if self.last is None:
            self.last = answer - 1
        self._answer = max(answer, self._answer)
        return self._due()

    def arrive(self, seq: int, frame: bytes) -> list[bytes]:
        """A message has arrived; returns what may go out now."""
        if self.last is None or seq > self.last:
            self._held[seq] = frame
        due = self._due()
        if len(self._held) > MOST_HELD:  # the store can tell the newest again; of those before the answer it need not
            del self._held[min(self._held) if self.last is None else max(self._held)]
        return due

    def fill(self, missed: Iterable[tuple[int, bytes]]) -> list[bytes]:
        """What the store still had of the missed messages; what it no longer had is not waited for."""
        if self.last is None:
            return []
        found = dict(missed)
        self._held.update(found)
        known = max(found, default=min(self._held, default=0))
        due = []
        for seq in sorted(seq for seq in self._held if self.last < seq <= known):
            self.last = seq
            due.append(self._held.pop(seq))
        return due + self._due()

    def forget_early(self) -> None:
        """There are no messages between the last one and those that are held: these are of a life that is over."""
        if self.last is not None:  # else the answer may be among them
            self._held.clear()

    @property
    def newest(self) -> int:
        """The highest number that has arrived; 0 before the first."""
        return max(self.last or 0, *self._held, 0)

    @property
    def expected(self) -> int:
        """The highest number that has arrived, or is known to be on its way as an answer."""
        return max(self.newest, self._answer)

    @property
    def awaited(self) -> bool:
        """Whether an answer is still on its way."""
        return (self.last or 0) < self._answer

    def expect_nothing(self) -> None:
        """The answer will not come."""
        self._answer = 0

    @property
    def gap(self) -> bool:
        """Whether something was missed: later messages are here and can't go out."""
        return self.last is not None and bool(self._held)

    def _due(self) -> list[bytes]:
        due: list[bytes] = []
        while self.last is not None and self.last + 1 in self._held:
            self.last += 1
            due.append(self._held.pop(self.last))
        if self._held and self.last is not None:
            self._held = {seq: frame for seq, frame in self._held.items() if seq > (self.last or 0)}
        return due
