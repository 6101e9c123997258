"""Matches whose players have gone on to play: what a node still knows of them, for a store that forgets.

A client closes its connection as soon as its match is found. Should the store come back empty then, the
match can still be told to those who missed it, and again to those who ask. Pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from matchd.model import Place
from matchd.players.standing import REMEMBERED
from matchd.store.answers import Claim

MOST = 20_000


class Remembrance:
    """The last claims of matched players whose connections are gone. Times in seconds."""

    def __init__(self) -> None:
        self._claims: deque[tuple[float, Claim]] = deque(maxlen=MOST)

    def add(self, claim: Claim, now: float) -> None:
        """A matched player's connection is gone; ``claim`` is what it believed at last."""
        self._forget(now)
        self._claims.append((now, replace(claim, place=Place.REMEMBERED)))

    def recent(self, now: float) -> list[Claim]:
        """What the store would remember too, had it not forgotten."""
        self._forget(now)
        return [claim for _, claim in self._claims]

    def __len__(self) -> int:
        return len(self._claims)

    def _forget(self, now: float) -> None:
        while self._claims and self._claims[0][0] < now - REMEMBERED:
            self._claims.popleft()
