"""Where a player stands, as his connection was told: what a node believes, and can give back to the store.

The truth is the player's record in the store. This is its shadow, kept true by the messages that pass,
so that a node can put its players back when the store has forgotten them. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from matchd.messages import Notice
from matchd.model import Place

REMEMBERED = 110.0
"""Seconds for which a match would be given back to the store, which keeps it for a little longer."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A mode that a player has asked for; a ``queued`` numbered above ``after`` says that he waits there."""

    mode: str
    order: str
    after: int


@dataclass(slots=True)
class Standing:
    """A player's place, with what it takes to restore it.

    ``since`` is in us by the store's clock, "0" while it is not known; ``matched_at`` in seconds by the node's. The
    ``wish`` is what he has asked for while he was believed to be somewhere, until the answer is known.
    """

    player_id: str = ""
    place: Place = Place.NONE
    mode: str = ""
    order: str = ""
    since: str = "0"
    session: str = ""
    match: str = ""
    team: int | None = None
    matched_at: float = 0.0
    wish: Wish | None = None

    @property
    def under_way(self) -> bool:
        """Whether the player waits, loads, or has asked to and does not know yet."""
        return self.place in (Place.ASKING, Place.QUEUED, Place.LOADING)

    def told(self, notice: Notice, frame: bytes, now: float) -> None:
        """A numbered message went out; the place is what it says."""
        match notice.type:
            case "queued":
                self._answer_wish(notice.seq or 0)
                self.place, self.session = Place.QUEUED, ""
            case "requeued":
                self.place, self.session = Place.QUEUED, ""
            case "start_loading":
                self.place, self.session = Place.LOADING, notice.loading_session_id or ""
            case "match_found":
                self.place, self.matched_at = Place.MATCHED, now
                self.session = notice.loading_session_id or self.session
                self.match, self.team = _match(frame)
            case "dequeued" | "error":
                self.place, self.session = Place.NONE, ""

    def moves_to(self, mode: str, order: str) -> None:
        """He is under way in this mode; if it was another one, it is not known since when."""
        if mode != self.mode:
            self.since = "0"
        self.mode, self.order = mode, order

    def forget_old(self, now: float) -> None:
        """A match that the store has forgotten by now is not given back to it."""
        if self.place == Place.MATCHED and now > self.matched_at + REMEMBERED:
            self.session = ""

    def _answer_wish(self, seq: int) -> None:
        """He is told that he waits: that is for what he asked for last, if it is the answer to it."""
        if self.wish is None or seq <= self.wish.after:
            return
        if self.place != Place.QUEUED:  # else he may be told again where he waits
            self.since = "0"
        self.moves_to(self.wish.mode, self.wish.order)
        self.wish = None


def _match(frame: bytes) -> tuple[str, int | None]:
    """A ``match_found`` as all its players got it, without its closing brace; and this player's team, if it says."""
    message = msgspec.json.decode(frame)
    team = message.pop("team", None)
    message.pop("seq", None)
    return msgspec.json.encode(message).decode()[:-1], team
