"""When to draw matches, besides those that the store draws when a player enters a queue.

The store knows the modes in which a match may be possible that is not drawn. They are drawn together, a call at a time,
when there is reason to believe that more is possible, and by the tick as the net underneath. So a mode in which nothing
happens costs nothing. What is drawn, and of which mode first, is the store's business, in one script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from matchd.background import Background, Loop
from matchd.errors import StoreError, StoreUnavailable
from matchd.metrics import Metrics
from matchd.model import GameMode
from matchd.store import listing
from matchd.store.answers import Drawn
from matchd.store.store import Store

MOST_MODES = 100
"""Modes that one call draws: more would only keep the store from answering others for longer."""
COUNT_SECONDS = 5.0
"""How often everybody who waits is counted, for the metrics; what this node draws is known at once."""


class Matchmaker:
    """Draws the matches of every mode; any number of nodes may do so at once."""

    def __init__(
        self, store: Store, modes: Mapping[str, GameMode], background: Background, metrics: Metrics, tick: float
    ) -> None:
        self._store = store
        self._modes = modes
        self._background = background
        self._metrics = metrics
        self._is_woken = self._is_drawing = self._is_over = False
        self._loops = (
            Loop(background, "matchmaker", tick, self.tick),
            Loop(background, "queue-lengths", COUNT_SECONDS, self._count_waiting),
        )

    def start(self) -> None:
        """Begin to tick."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Draw no more."""
        for loop in self._loops:
            loop.stop()
        self._is_over = True

    def wake(self, mode: str) -> None:
        """A match may be possible in this mode now, by what the store has answered."""
        if mode in self._modes:
            self._wake()

    def drew(self, mode: str, drawn: Drawn) -> None:
        """The store has drawn while somebody entered this queue; go on where it did not draw all."""
        if self._count(self._modes[mode], drawn):
            self._wake()

    async def tick(self) -> None:
        """Look at the modes that the store knows as undrawn, whether anybody woke them or not."""
        self._wake()

    def _wake(self) -> None:
        # A draw that is under way may have asked before the store knew what is known here: then it asks once more.
        self._is_woken = not self._is_over
        if self._is_woken and not self._is_drawing:
            self._background.spawn("draw", self._draw())

    async def _draw(self) -> None:
        self._is_drawing = True
        try:
            with suppress(StoreUnavailable):  # the tick comes back to it
                while self._is_woken and not self._is_over:
                    self._is_woken = False
                    await self._draw_undrawn()
        finally:
            self._is_drawing = False

    async def _draw_undrawn(self) -> None:
        modes = [self._modes[name] for name in await self._store.undrawn() if name in self._modes]
        for start in range(0, len(modes), MOST_MODES):
            if not await self._draw_all(modes[start : start + MOST_MODES]):
                break

    async def _draw_all(self, modes: Sequence[GameMode]) -> bool:
        """Draw until no more is possible; False once game servers are the limit."""
        while modes:
            drawn = await self._store.draw_in_turn(modes)
            outcomes = [(mode, one) for mode, one in zip(modes, drawn, strict=True) if isinstance(one, Drawn)]
            modes = [mode for mode, one in outcomes if self._count(mode, one)]
            for trouble in drawn:
                if isinstance(trouble, StoreError):
                    raise trouble
            if any(one.short_of_servers for _, one in outcomes):
                return False
            if not any(one.matches for _, one in outcomes):
                break
        return True

    def _count(self, mode: GameMode, drawn: Drawn) -> bool:
        """Whether another call may bring more."""
        self._metrics.queue_length(mode.name, drawn.waiting)
        if drawn.matches:
            self._metrics.matches_formed(mode.name, drawn.matches)
        for wait_ms in drawn.waits_ms:
            self._metrics.waited(mode.name, wait_ms / 1000)
        return drawn.others_first or (drawn.waiting >= mode.size and not drawn.short_of_servers)

    async def _count_waiting(self) -> None:
        with suppress(StoreUnavailable):
            for mode, waiting in (await listing.queue_lengths(self._store, self._modes)).items():
                self._metrics.queue_length(mode, waiting)
