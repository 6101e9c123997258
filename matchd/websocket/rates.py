"""How fast each of many may do something, without a clock of its own: token buckets by name, only those in use kept."""

from __future__ import annotations

from collections import OrderedDict

MOST_NAMES = 10_000
"""Names that are remembered at most; beyond it those that did least lately are forgotten."""


class Rates:
    """A token bucket for each name: ``at_once`` tokens, of which ``per_second`` come back a second.

    A bucket is one number, the moment at which it will be full again (the virtual scheduling of the generic cell
    rate algorithm, ITU-T I.371), and one that is full is no different from none.
    """

    def __init__(self, per_second: float, at_once: float, most: int = MOST_NAMES) -> None:
        self._cost = 1 / per_second
        self._depth = at_once / per_second
        self._most = most
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str, now: float, tokens: float = 1.0) -> bool:
        """Take so many tokens of ``name``, if they are there."""
        self._forget(now)
        full_at = max(self._full_at.get(name, now), now) + tokens * self._cost
        if full_at - now > self._depth * (1 + 1e-9):
            return False
        self._full_at[name] = full_at
        self._full_at.move_to_end(name)
        return True

    def _forget(self, now: float) -> None:
        """Two for each one that may come, so that what is remembered shrinks."""
        for _ in range(2):
            if not self._full_at:
                return
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) < self._most:
                return
            del self._full_at[oldest]
