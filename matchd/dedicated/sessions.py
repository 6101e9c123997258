"""The sessions of one game server: how many fit, which run, when they end. No time, no network: both are told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from matchd.errors import MatchdError


class Full(MatchdError):
    """No slot is free."""


@dataclass(frozen=True, slots=True)
class Running:
    """A session under way, until ``ends_at`` (seconds on the caller's clock)."""

    session_id: str
    players: tuple[str, ...]
    ends_at: float


class Sessions:
    """Up to ``capacity`` sessions at a time, each ``session_seconds`` long."""

    def __init__(self, capacity: int, session_seconds: float) -> None:
        self.capacity = capacity
        self._seconds = session_seconds
        self._running: dict[str, Running] = {}

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
        self._running[loading_session_id] = Running(session_id, players, now + self._seconds)
        return session_id

    def end(self, loading_session_id: str) -> bool:
        """End a session; False when there is none."""
        return self._running.pop(loading_session_id, None) is not None

    def expire(self, now: float) -> int:
        """End the sessions whose time is over; how many there were."""
        over = [key for key, running in self._running.items() if running.ends_at <= now]
        for key in over:
            del self._running[key]
        return len(over)
