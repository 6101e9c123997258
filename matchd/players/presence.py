"""Who is connected here: the speakers of this node, by connection and by player.

A player may have two for a moment, until the older one hears that it was superseded; which of them
speaks for him is the store's to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

from matchd.messages import CloseCode
from matchd.players.standing import Standing
from matchd.store.answers import Claim, Finding


class Present(Protocol):
    """What presence needs of a speaker."""

    connection_id: str
    busy: bool

    @property
    def standing(self) -> Standing:
        """Where its player stands, as he was told."""

    def hear(self, frame: bytes) -> None:
        """A message for the player has come."""

    def superseded(self) -> None:
        """A newer connection speaks for the player now."""

    def send_away(self, code: CloseCode, reason: str) -> None:
        """Close the connection, which has no more say from now on."""

    def claim(self) -> Claim:
        """What it believes of its player."""

    def learn(self, finding: Finding) -> None:
        """What comparing this with the store brought."""


class Presence:
    """The speakers of this node."""

    def __init__(self) -> None:
        self._by_connection: dict[str, Present] = {}
        self._by_player: dict[str, tuple[Present, ...]] = {}

    def __iter__(self) -> Iterator[Present]:
        return iter(list(self._by_connection.values()))

    def __len__(self) -> int:
        return len(self._by_connection)

    def add(self, speaker: Present, player_id: str) -> None:
        """It speaks, or asks to speak, for this player from now on."""
        self._by_connection[speaker.connection_id] = speaker
        self._by_player[player_id] = (*self._by_player.get(player_id, ()), speaker)

    def remove(self, speaker: Present, player_id: str) -> bool:
        """It speaks for nobody any more; True if nobody else here listens for the player."""
        self._by_connection.pop(speaker.connection_id, None)
        others = tuple(other for other in self._by_player.pop(player_id, ()) if other is not speaker)
        if others:
            self._by_player[player_id] = others
        return not others

    def of_connection(self, connection_id: str) -> Present | None:
        """The speaker of a connection, if it is here and has a player."""
        return self._by_connection.get(connection_id)

    def of_player(self, player_id: str) -> tuple[Present, ...]:
        """Those that speak, or ask to speak, for a player, in the order in which they began to."""
        return self._by_player.get(player_id, ())

    def census(self) -> Mapping[tuple[str, str], int]:
        """How many players of this node are where, by (mode, place)."""
        standings = (speaker.standing for speaker in self._by_connection.values())
        return Counter((standing.mode, standing.place) for standing in standings)
