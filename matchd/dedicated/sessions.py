"""The sessions of one game server: how many fit, which run, when they end. No time, no network: both are told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from matchd.errors import MatchdError
from matchd.jointoken import Joining


class Full(MatchdError):
    """No slot is free."""


class NotAdmitted(MatchdError):
    """A player may not join a session; the text says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A session under way, until ``ends_at`` (seconds on the caller's clock)."""

    session_id: str
    players: tuple[str, ...]
    ends_at: float
    used: set[str] = field(default_factory=set)
    """The join tokens that have let somebody in."""


class Sessions:
    """Up to ``capacity`` sessions at a time, each ``session_seconds`` long; ``made`` is how many there ever were."""

    def __init__(self, capacity: int, session_seconds: float) -> None:
        self.capacity = capacity
        self._seconds = session_seconds
        self._running: dict[str, Running] = {}
        self.made = 0

    @property
    def count(self) -> int:
        """How many run now."""
        return len(self._running)

    def create(self, loading_session_id: str, players: tuple[str, ...], now: float) -> str:
        """The id of the session for a loading session: the one that runs already, or else a new one. Raises Full."""
        if running := self._running.get(loading_session_id):
            return running.session_id
        if self.count >= self.capacity:
            raise Full(f"all {self.capacity} slots are taken")
        session_id = secrets.token_hex(8)
        self.made += 1
        self._running[loading_session_id] = Running(session_id, players, now + self._seconds)
        return session_id

    def admit(self, session_id: str, joining: Joining) -> None:
        """Let a player in by his token, which is used up then. Raises NotAdmitted."""
        running = next((one for one in self._running.values() if one.session_id == session_id), None)
        if running is None:
            raise NotAdmitted("no such session")
        if joining.session_id != session_id:
            raise NotAdmitted("join_token: is for another session")
        if joining.player_id not in running.players:
            raise NotAdmitted(f"join_token: {joining.player_id} does not play here")
        if joining.token_id in running.used:
            raise NotAdmitted("join_token: was used before")
        running.used.add(joining.token_id)

    def end(self, loading_session_id: str) -> bool:
        """End a session; False when there is none."""
        return self._running.pop(loading_session_id, None) is not None

    def expire(self, now: float) -> int:
        """End the sessions whose time is over; how many there were."""
        over = [key for key, running in self._running.items() if running.ends_at <= now]
        for key in over:
            del self._running[key]
        return len(over)
