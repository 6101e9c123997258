"""Putting right what died or was cut off: heartbeats, the sweep, and comparing notes with the store.

Any node sweeps, so there is no leader to lose. A node that finds itself given up by the others drops its
players, who come back as new; one that finds the store forgetful gives it back what it knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from twisted.logger import Logger

from matchd.background import Background, Loop
from matchd.errors import StoreUnavailable
from matchd.matches.allocation import Allocator
from matchd.matches.servers import DedicatedServerProvider
from matchd.messages import CloseCode
from matchd.model import Place
from matchd.players.departures import Departures
from matchd.players.presence import Presence, Present
from matchd.players.remembrance import Remembrance
from matchd.store.answers import Cancelled
from matchd.store.runner import Commands
from matchd.store.store import Store

log = Logger()
T = TypeVar("T")

PAGE = 100
SWEEP_SECONDS = 0.5
FEW_NODES = 4
"""As many as can sweep every SWEEP_SECONDS; where there are more, each sweeps less often."""
SELDOM_SECONDS = 1.5
"""How often each sweeps at least: a dead node is found within 6 s also by the only one that is left."""
MOST_PORTIONS = 20
AUDIT_SECONDS = 15
"""In which every player has been compared, up to a PAGE of them a second."""


class Recovery:
    """Keeps this node among the living, and the store true. Times in seconds."""

    def __init__(
        self,
        store: Store,
        presence: Presence,
        departures: Departures,
        allocator: Allocator,
        provider: DedicatedServerProvider,
        remembrance: Remembrance,
        background: Background,
        on_cancelled: Callable[[tuple[Cancelled, ...]], None],
        node_timeout: float,
        reconnect_grace: float,
    ) -> None:
        self._store = store
        self._presence = presence
        self._departures = departures
        self._allocator = allocator
        self._provider = provider
        self._remembrance = remembrance
        self._background = background
        self._on_cancelled = on_cancelled
        self._node_timeout_ms = int(node_timeout * 1000)
        self._grace_ms = int(reconnect_grace * 1000)
        self._given_up = False
        self._turn: Iterable[Present] = iter(())
        self._undecided: list[Present] = []
        self._sweeps_at = 0.0
        self._loops = (
            Loop(background, "heartbeat", min(1.0, node_timeout / 4), self._quietly(store.heartbeat)),
            Loop(background, "sweep", min(SWEEP_SECONDS, node_timeout / 4), self._quietly(self._sweep_in_turn)),
            Loop(background, "audit", 1.0, self._quietly(self._audit)),
        )

    def start(self) -> None:
        """Begin the loops."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """End them."""
        for loop in self._loops:
            loop.stop()

    # the connection to the store

    async def prepare(self, connection: Commands) -> None:
        """Make a new connection to the store usable for this node."""
        if await self._store.prepare(connection):
            self._given_up = True

    async def reconnected(self) -> None:
        """The store can be reached again: whatever happened meanwhile is found and put right."""
        if self._given_up:
            self._given_up = False
            self._drop_everybody()
        await self._departures.retry()
        await self._remind()
        await self.reconcile()
        await self._bury_ghosts()
        await self._allocator.adopt()

    def _drop_everybody(self) -> None:
        log.warn(
            "the other nodes gave this one up: {players} players are sent away to come back",
            players=len(self._presence),
        )
        self._departures.forget_all()
        for speaker in self._presence:
            speaker.send_away(CloseCode.DRAINING, "this node was given up, connect again")

    # comparing notes

    async def reconcile(self) -> None:
        """Compare what this node believes of all its players with the store, those who were matched first."""
        everybody = sorted(self._presence, key=lambda speaker: speaker.standing.place != Place.MATCHED)
        for page in _pages(everybody):
            await self._compare(page)

    async def _remind(self) -> None:
        """Give the store back what it may have forgotten of players who have gone on, and of game servers."""
        for page in _pages(self._remembrance.recent(self._background.reactor.seconds())):
            await self._store.reconcile(page)
        await self._provider.vouch()
        await self._provider.remind()

    async def _bury_ghosts(self) -> None:
        """Let go whom the store believes here and who is not: that he left is among the writes that it lost."""
        cursor = b"0"
        while True:
            cursor, players = await self._store.read("SSCAN", f"players:{self._store.node}", cursor, "COUNT", PAGE)
            for player_id in map(bytes.decode, players):
                if not self._presence.of_player(player_id):
                    self._departures.add(player_id, await self._store.connection_of(player_id))
            if cursor == b"0":
                return

    async def _audit(self) -> None:
        """The net under the rest: all players are compared within AUDIT_SECONDS, and who left is told of again."""
        share = min(PAGE, len(self._presence) // AUDIT_SECONDS + 1)
        undecided, self._undecided = self._undecided, []
        for page in _pages(undecided):
            await self._compare(page)
        some = list(islice(self._turn, share))
        if some:
            await self._compare(some)
        else:
            self._turn = iter(self._presence)
        await self._departures.retry()

    async def _compare(self, speakers: Sequence[Present]) -> None:
        behind = await self._compare_once(speakers)
        await self._compare_once(behind)  # what they believe by what they had missed may be over by now, too

    async def _compare_once(self, speakers: Sequence[Present]) -> Sequence[Present]:
        """Returns those who had missed something."""
        speakers = [speaker for speaker in speakers if speaker.standing.player_id]
        if not speakers:
            return ()
        findings = await self._store.reconcile([speaker.claim() for speaker in speakers])
        for speaker, finding in zip(speakers, findings, strict=True):
            if finding.undecided:
                self._undecided.append(speaker)
            speaker.learn(finding)
        return [speaker for speaker, finding in zip(speakers, findings, strict=True) if finding.missed]

    # what is overdue

    async def _sweep_in_turn(self) -> None:
        if self._background.reactor.seconds() >= self._sweeps_at:
            await self.sweep()

    async def sweep(self) -> None:
        """Put right whatever is overdue, in bounded portions."""
        began = self._background.reactor.seconds()
        for _ in range(MOST_PORTIONS):
            swept = await self._store.sweep(self._node_timeout_ms, self._grace_ms, PAGE)
            self._on_cancelled(swept.cancelled)
            for orphan in swept.orphans:
                self._background.spawn("orphan", self._provider.end_orphan(orphan))
            if swept.adopted:
                await self._allocator.adopt()
            if not swept.more:
                break
        self._sweeps_at = began + sweep_interval(swept.nodes, self._node_timeout_ms / 1000)

    def _quietly(self, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        """The work, with an outage of the store passed over: the connection has said so once already."""

        async def turn() -> None:
            with suppress(StoreUnavailable):
                await work()

        return turn


def sweep_interval(nodes: int, node_timeout: float) -> float:
    """Seconds after which one of so many nodes sweeps again, less than what its loop's jitter may take off."""
    seldom = max(1.0, min(nodes / FEW_NODES, SELDOM_SECONDS / SWEEP_SECONDS))
    return (seldom - 0.5) * min(SWEEP_SECONDS, node_timeout / 4)


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), PAGE):
        yield items[start : start + PAGE]
