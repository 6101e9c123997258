"""From a roster that has loaded to a game server, or back to the queue.

The node whose player completed the roster allocates it, under a lease. Every step is written to the
store before the next is taken, so that another node can go on from there with the same idempotency key
if this one dies, and every step is asked again until the store has answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from matchd.background import Background
from matchd.errors import NodeFenced, SessionNotAsked, SessionRefused, SessionUncertain, StoreAway, StoreUnavailable
from matchd.matches.servers import DedicatedServerProvider
from matchd.metrics import Metrics
from matchd.model import GameMode, GameSession, Reservation, Roster
from matchd.store.answers import Cancelled
from matchd.store.store import ALLOCATION_LEASE_MS, Store

log = Logger()
T = TypeVar("T")

RETRY_SECONDS = 0.25
SEEKING_SECONDS = 30.0
"""How long a match may go on to the next game server because one could not be asked, which is no attempt."""


class Allocator:
    """Finds a game server for each complete roster this node is responsible for."""

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        provider: DedicatedServerProvider,
        modes: Mapping[str, GameMode],
        background: Background,
        metrics: Metrics,
        on_cancelled: Callable[[tuple[Cancelled, ...]], None],
        attempts: int = 3,
    ) -> None:
        self._clock = clock
        self._store = store
        self._provider = provider
        self._modes = modes
        self._background = background
        self._metrics = metrics
        self._on_cancelled = on_cancelled
        self._attempts = attempts
        self._under_way: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, roster: Roster) -> None:
        """Find a game server for this roster; one that is under way already is left alone."""
        if roster.loading_session_id not in self._under_way:
            self._under_way[roster.loading_session_id] = self._clock.seconds()
            self._background.spawn("allocation", self._allocate(roster))

    async def adopt(self) -> None:
        """Go on with every allocation that is this node's by the store, whoever began it."""
        for roster in await self._store.adopt():
            self.begin(roster)

    async def _allocate(self, roster: Roster) -> None:
        began = self._under_way[roster.loading_session_id]
        try:
            slot = roster.slot
            while not await self._attempt(roster, slot):
                slot = None
            self._metrics.allocated(self._clock.seconds() - began)
        except StoreUnavailable as trouble:  # whoever owns it by then goes on: another node, or this one by adopt
            log.warn("{session}: left as it stands: {reason}", session=roster.loading_session_id, reason=str(trouble))
        finally:
            del self._under_way[roster.loading_session_id]

    async def _attempt(self, roster: Roster, slot: Reservation | None) -> bool:
        """Try one game server, the one of the slot if there is one; whether the roster is off this node's hands."""
        session = roster.loading_session_id
        reservation = slot or await self._reserve(session)
        if not isinstance(reservation, Reservation):
            return reservation or await self._abandon(session, "no_server")
        try:
            game = await self._provider.create(self._mode(roster), roster, reservation)
        except (SessionRefused, SessionUncertain) as trouble:
            log.warn("{session}: {reason}", session=session, reason=str(trouble))
            uncertain = isinstance(trouble, SessionUncertain) or reservation.again
            self._metrics.allocation("uncertain" if uncertain else "refused")
            return await self._give_back(reservation, uncertain, rests=not isinstance(trouble, SessionNotAsked))
        return await self._settle(roster, reservation, game)

    async def _reserve(self, session: str) -> Reservation | bool:
        return await self._insist(lambda: self._provider.reserve(session))

    async def _settle(self, roster: Roster, reservation: Reservation, game: GameSession) -> bool:
        outcome = await self._insist(self._settling(roster, reservation, _match_found(reservation, game)))
        if outcome == "server_gone":
            return await self._give_back(reservation, uncertain=True)
        if outcome == "matched":
            self._metrics.allocation("created")
        return True

    def _settling(self, roster: Roster, reservation: Reservation, match: str) -> Callable[[], Awaitable[str]]:
        """The question that settles, which knows whether it may have been answered before."""
        in_doubt = False

        async def settle() -> str:
            nonlocal in_doubt
            try:
                return await self._store.settle(reservation, match, in_doubt, len(roster.players))
            except StoreUnavailable as trouble:
                in_doubt = in_doubt or not isinstance(trouble, StoreAway)
                raise

        return settle

    async def _give_back(self, reservation: Reservation, uncertain: bool, rests: bool = True) -> bool:
        session = reservation.loading_session_id
        asked = await self._insist(lambda: self._provider.release(reservation, uncertain, rests))
        too_long = not rests and self._clock.seconds() - self._under_way[session] > SEEKING_SECONDS
        if 0 <= asked < self._attempts and not too_long:
            return False
        return asked < 0 or await self._abandon(session, "requeued")

    async def _abandon(self, session: str, outcome: str) -> bool:
        self._metrics.allocation(outcome)
        self._on_cancelled(await self._insist(lambda: self._store.abandon(session)))
        return True

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers, for as long as the lease of the allocation lasts."""
        give_up = self._clock.seconds() + ALLOCATION_LEASE_MS / 1000
        while True:
            try:
                return await ask()
            except NodeFenced:
                raise
            except StoreUnavailable:
                if self._clock.seconds() > give_up:
                    raise
            await deferLater(self._clock, RETRY_SECONDS)

    def _mode(self, roster: Roster) -> GameMode:
        # Another node may have drawn a mode that this one's settings do not name.
        return self._modes.get(roster.mode) or GameMode(roster.mode, (1,) * len(roster.players))


def _match_found(reservation: Reservation, game: GameSession) -> str:
    """The message without its closing brace: the store adds each player's team and number."""
    body = {
        "type": "match_found",
        "session_id": game.session_id,
        "server_address": game.server_address,
        "loading_session_id": reservation.loading_session_id,
    }
    return msgspec.json.encode(body).decode()[:-1]
