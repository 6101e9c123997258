"""Service time, as one node knows it: what the store's scripts go by.

Service time is the clock of Redis plus an offset that is kept in the store. A node knows by its own clock, which only
goes forward, how much time has passed since a script told it the time. So it notices that the clock of Redis was set or
that a server with another clock took over, and the store corrects its offset by what the node says.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

TOLERANCE_MS = 1_000
"""A difference that counts as none: replies take a while, and clocks run at slightly different speeds."""


class ServiceTime:
    """The lead of service time over this node's clock. Moments are in ms, those of the node's clock in seconds."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._ahead: float | None = None

    @property
    def known(self) -> bool:
        """Whether a script has told the time yet."""
        return self._ahead is not None

    def now(self) -> int:
        """Service time; 0 while it is not known."""
        return 0 if self._ahead is None else int(self._clock.seconds() * 1000 + self._ahead)

    def forget(self) -> None:
        """Forget what this node was told."""
        self._ahead = None

    def learn(self, told: int, asked_at: float) -> None:
        """A script, asked at that moment, has told the time."""
        least, most = self._bounds(told, asked_at)
        # A reply that was read late makes service time look slow, so the largest lead that is possible is the best.
        self._ahead = least if self._ahead is None else min(max(self._ahead, least), most)

    def correction(self, told: int, asked_at: float) -> int | None:
        """Return the ms to add to what a script has told; None where this node does not know."""
        if self._ahead is None:
            return None
        least, most = self._bounds(told, asked_at)
        if least - TOLERANCE_MS <= self._ahead <= most + TOLERANCE_MS:
            return 0
        return int(self._ahead - least)

    def _bounds(self, told: int, asked_at: float) -> tuple[float, float]:
        """The least and the largest lead with which the script can have told this time: it ran before it was heard."""
        return told - self._clock.seconds() * 1000, told - asked_at * 1000
