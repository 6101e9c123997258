"""When to draw matches: at once when a queue has enough players, and by the tick as the net underneath.

What is drawn is the store's business, in one script. A mode is drawn by one call at a time; a wake-up
that comes meanwhile makes one more, so under load the calls grow instead of their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from matchd.background import Background, Loop
from matchd.errors import StoreUnavailable
from matchd.metrics import Metrics
from matchd.model import GameMode
from matchd.store.answers import Drawn
from matchd.store.store import Store

MOST_PLAYERS = 200
"""Players drawn by one call: more would only keep the store from answering others for longer."""


class Matchmaker:
    """Draws the matches of every mode; any number of nodes may do so at once."""

    def __init__(
        self, store: Store, modes: Mapping[str, GameMode], background: Background, metrics: Metrics, tick: float
    ) -> None:
        self._store = store
        self._modes = modes
        self._background = background
        self._metrics = metrics
        self._drawing: set[str] = set()
        self._again: set[str] = set()
        self._loop = Loop(background, "matchmaker", tick, self.tick)

    def start(self) -> None:
        """Begin to tick."""
        self._loop.start()

    def stop(self) -> None:
        """Draw no more."""
        self._loop.stop()
        self._modes = {}

    def wake(self, mode: str) -> None:
        """A match may be possible in this mode now."""
        if mode in self._drawing:
            self._again.add(mode)
        elif mode in self._modes:
            self._background.spawn("draw", self._draw(self._modes[mode]))

    async def tick(self) -> None:
        """Look at every mode, whether anybody woke it or not."""
        for mode in list(self._modes):
            self.wake(mode)

    async def _draw(self, mode: GameMode) -> None:
        self._drawing.add(mode.name)
        try:
            with suppress(StoreUnavailable):  # the tick comes back to it
                while await self._draw_once(mode) or mode.name in self._again:
                    self._again.discard(mode.name)
        finally:
            self._drawing.discard(mode.name)
            self._again.discard(mode.name)

    async def _draw_once(self, mode: GameMode) -> bool:
        """Whether another call would bring more."""
        drawn: Drawn = await self._store.draw(mode, MOST_PLAYERS // mode.size or 1)
        self._metrics.queue_length(mode.name, drawn.waiting)
        if drawn.matches:
            self._metrics.matches_formed(mode.name, drawn.matches)
        for wait_ms in drawn.waits_ms:
            self._metrics.waited(mode.name, wait_ms / 1000)
        return drawn.matches > 0 and drawn.waiting >= mode.size and not drawn.short_of_servers
