"""A player who goes the whole way as fast as he is let, and notes when he came where."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from bench.books import Books, Wish
from bench.wire import ABNORMAL, Wire

NEVER = math.inf
"""As a moment or a time to load: not before the player is told to."""
HANGING_UP_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Way:
    """A player's way: the moments (seconds) at which he should have come, and at which he was where; 0 before that.

    ``intended`` is when he was to enqueue, however long the server kept him from it; ``loaded`` is when he was
    to say that he has loaded.
    """

    wish: Wish
    intended: float
    connected: float = 0.0
    enqueued: float = 0.0
    queued: float = 0.0
    started: float = 0.0
    loaded: float = 0.0
    found: float = 0.0
    loading_session: str = ""


class Walker(Wire):
    """Connects, enqueues at ``enqueue_at`` or when that has passed, loads for ``loading`` seconds, is told, and goes.

    ``arrived`` is called once, with his match or without one; ``gone`` is set when the connection is over.
    """

    def __init__(
        self, url: str, way: Way, books: Books, enqueue_at: float, loading: float, arrived: Callable[[], None]
    ) -> None:
        super().__init__(url)
        self.way = way
        self.gone = asyncio.Event()
        self._books = books
        self.stays = False
        """Whether he stays connected when he has his match."""
        self._enqueue_at = enqueue_at
        self._loading = loading
        self._arrived: Callable[[], None] | None = arrived
        self._loop = asyncio.get_running_loop()

    def enqueue(self) -> None:
        """Ask for a match."""
        self.way.enqueued = monotonic()
        self.way.intended = min(self.way.intended, self.way.enqueued)  # timers may come early
        self.send(type="enqueue", player_id=self.way.wish.player, game_mode=self.way.wish.mode)

    def load(self) -> None:
        """Say that he has loaded."""
        self.way.loaded = self.way.loaded or monotonic()
        self.send(type="loading_complete", loading_session_id=self.way.loading_session)

    def leave(self) -> None:
        """Say goodbye; the server should hang up."""
        self.say_goodbye()
        self._loop.call_later(HANGING_UP_SECONDS, self._hang_up)

    def give_up(self, why: str) -> None:
        """Leave without a match."""
        if self.is_made:
            self._trouble(why)
            self._arrive()
            self.reset()
        elif not self.is_over:
            self.never_connected("not connected yet")

    def never_connected(self, why: str) -> None:
        """There is nobody at the other end."""
        self.is_over = True
        self.ended(why, ABNORMAL)

    def agreed(self) -> None:
        self.way.connected = now = monotonic()
        if self._enqueue_at <= now:
            self.enqueue()
        elif self._enqueue_at < NEVER:
            self._loop.call_later(self._enqueue_at - now, self.enqueue)

    def heard(self, message: dict[str, Any]) -> None:
        now = monotonic()
        self._books.note(self.way.wish, str(message.get("code", message["type"])), now)
        match message:
            case {"type": "queued"} if not self.way.queued:
                self.way.queued = now
            case {"type": "start_loading", "loading_session_id": session}:
                self._starts(session, now)
            case {"type": "match_found", "session_id": session, "server_address": address}:
                self._found(session, address, message.get("team"), now)
            case {"type": "requeued"}:
                self.way.started = self.way.loaded = 0.0
            case _:
                self._trouble(f"was told {message}")

    def ended(self, reason: str, code: int) -> None:
        if not self.way.found:
            self._trouble(f"was cut off: {code} {reason}")
        self._arrive()
        self.gone.set()

    def _starts(self, session: str, now: float) -> None:
        self.way.started, self.way.loading_session = now, session
        if self._loading < NEVER:
            self.way.loaded = now + self._loading
            self._loop.call_later(self._loading, self.load) if self._loading else self.load()

    def _found(self, session: str, address: str, team: int | None, now: float) -> None:
        self._books.found(self.way.wish, session, address, now, team)
        if not self.way.found:
            self.way.found = now
            if not self.stays:
                self.leave()
            self._arrive()

    def _hang_up(self) -> None:
        if not self.is_over:
            self.give_up("said goodbye, and the server did not hang up")

    def _arrive(self) -> None:
        if (arrived := self._arrived) is not None:
            self._arrived = None
            arrived()

    def _trouble(self, what: str) -> None:
        self._books.unexpected.append(f"{self.way.wish.player} {what}")
