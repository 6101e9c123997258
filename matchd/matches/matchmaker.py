"""When to draw matches, besides those that the store draws when a player enters a queue.

A mode is drawn when there is reason to believe that more is possible, by a call at a time, and by the tick as the net
underneath. What is drawn is the store's business, in one script.
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
        self._is_over = False
        self._loop = Loop(background, "matchmaker", tick, self.tick)

    def start(self) -> None:
        """Begin to tick."""
        self._loop.start()

    def stop(self) -> None:
        """Draw no more."""
        self._loop.stop()
        self._is_over = True

    def wake(self, mode: str) -> None:
        """A match may be possible in this mode now, by what the store has answered."""
        # The store answers in order: a draw that is under way comes after whatever is known here already.
        if mode in self._modes and mode not in self._drawing and not self._is_over:
            self._background.spawn("draw", self._draw(self._modes[mode]))

    def drew(self, mode: str, drawn: Drawn) -> None:
        """The store has drawn while somebody entered this queue; go on where it did not draw all."""
        if self._count(self._modes[mode], drawn):
            self.wake(mode)

    async def tick(self) -> None:
        """Look at every mode, whether anybody woke it or not."""
        for mode in list(self._modes):
            self.wake(mode)

    async def _draw(self, mode: GameMode) -> None:
        self._drawing.add(mode.name)
        try:
            with suppress(StoreUnavailable):  # the tick comes back to it
                while self._count(mode, await self._store.draw(mode)):
                    pass
        finally:
            self._drawing.discard(mode.name)

    def _count(self, mode: GameMode, drawn: Drawn) -> bool:
        """Whether another call would bring more."""
        self._metrics.queue_length(mode.name, drawn.waiting)
        if drawn.matches:
            self._metrics.matches_formed(mode.name, drawn.matches)
        for wait_ms in drawn.waits_ms:
            self._metrics.waited(mode.name, wait_ms / 1000)
        return drawn.matches > 0 and drawn.waiting >= mode.size and not drawn.short_of_servers
