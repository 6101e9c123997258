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

    __slots__ = ("_held", "last")

    def __init__(self) -> None:
        self.last: int | None = None
        self._held: dict[int, bytes] = {}

    def start(self, answer: int) -> list[bytes]:
        """The first answer has this number: what comes from it on may go out."""
        if self.last is None:
            self.last = answer - 1
        return self._due()

    def arrive(self, seq: int, frame: bytes) -> list[bytes]:
        """A message has arrived; returns what may go out now."""
        if (self.last is None or seq > self.last) and len(self._held) < MOST_HELD:
            self._held[seq] = frame
        return self._due()

    def fill(self, missed: Iterable[tuple[int, bytes]]) -> list[bytes]:
        """What the store still had of the missed messages; older ones are past recovery and not waited for."""
        self._held.update(missed)
        if self._held:
            self.last = max(-1 if self.last is None else self.last, min(self._held) - 1)
        return self._due()

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
