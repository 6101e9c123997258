"""Players whose connection is gone, until the store knows it.

Nobody waits for this on the player's side, so it is asked again after every outage until it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.store.answers import Cancelled


class LeavingStore(Protocol):
    """What departures ask of the store."""

    async def leave(
        self, player_id: str, connection_id: str, grace_ms: int, hung_up: bool = False
    ) -> tuple[Cancelled, ...]:
        """See Store.leave."""


class Departures:
    """Tells the store who is gone; ``grace`` (seconds) is how long such a player keeps their place.

    ``on_told`` hears of each player of whom nothing is left to say.
    """

    def __init__(
        self,
        store: LeavingStore,
        background: Background,
        on_cancelled: Callable[[tuple[Cancelled, ...]], None],
        grace: float,
        on_told: Callable[[str], None],
    ) -> None:
        self.grace = grace
        self._store = store
        self._background = background
        self._on_cancelled = on_cancelled
        self._on_told = on_told
        self._due: dict[str, tuple[str, int, bool]] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, player_id: str, connection_id: str, hung_up: bool = False) -> None:
        """This player's connection is gone; for ``hung_up`` see ``Store.leave``."""
        self._due[connection_id] = player_id, int(self.grace * 1000), hung_up
        self._background.spawn("departure", self._tell(connection_id))

    async def retry(self) -> None:
        """Tell the store of all those it could not be told of."""
        for connection_id in list(self._due):
            await self._tell(connection_id)

    def forget_all(self) -> None:
        """The others have given this node up, its players with it: there is nobody left to speak for."""
        due, self._due = self._due, {}
        for player_id, _, _ in due.values():
            self._on_told(player_id)

    async def _tell(self, connection_id: str) -> None:
        if connection_id not in self._due:
            return
        player_id, grace_ms, hung_up = self._due[connection_id]
        # asked again, it comes late by the service's doing: a match may have been drawn meanwhile
        self._due[connection_id] = player_id, grace_ms, False
        try:
            cancelled = await self._store.leave(player_id, connection_id, grace_ms, hung_up)
        except StoreUnavailable:
            return
        if self._due.pop(connection_id, None):
            self._on_told(player_id)
        self._on_cancelled(cancelled)
