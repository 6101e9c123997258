"""One node: all its parts joined, but for its sockets. service.py gives it those; tests give it others.

The node's way to the store comes and goes; ``prepare``, ``connected`` and ``hearing`` are what whoever
holds the connections tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from matchd.auth.authority import Authority
from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.jointoken import JoinTokens
from matchd.matches.allocation import Allocator
from matchd.matches.gameserver import GameServerClient
from matchd.matches.matchmaker import Matchmaker
from matchd.matches.servers import DedicatedServerProvider
from matchd.metrics import Metrics
from matchd.model import DEFAULT_COOLDOWN, Cooldown, GameMode
from matchd.players.departures import Departures
from matchd.players.lobby import Lobby
from matchd.players.notifications import Notifications, Subscriptions
from matchd.players.presence import Presence
from matchd.players.remembrance import Remembrance
from matchd.players.session import Session
from matchd.recovery import Recovery
from matchd.store.answers import Cancelled
from matchd.store.runner import Commands
from matchd.store.store import Store
from matchd.websocket.conversation import Outlet
from matchd.websocket.rates import Rates


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast a node acts and how long it waits, in seconds; how many messages one player may send it."""

    tick: float = 0.5
    node_timeout: float = 4.0
    reconnect_grace: float = 0.0
    drain_grace: float = 15.0
    allocation_attempts: int = 3
    cooldown: Cooldown = DEFAULT_COOLDOWN
    messages_per_second: float = 20.0
    burst: int = 40


class Node:
    """Everything a node does for its players, over whatever connections it is given."""

    def __init__(
        self,
        background: Background,
        commands: Commands,
        subscriptions: Subscriptions,
        client: GameServerClient,
        modes: Mapping[str, GameMode],
        tempo: Tempo,
        prefix: str = "",
        authority: Authority | None = None,
        join_tokens: JoinTokens | None = None,
    ) -> None:
        clock = background.reactor
        self.modes = modes
        self.tempo = tempo
        self.background = background
        self.presence = Presence()
        self.remembrance = Remembrance()
        self.store = Store(commands, clock, modes.values(), prefix, cooldown=tempo.cooldown)
        self.metrics = Metrics(modes, self.store.node)
        self.notifications = Notifications(subscriptions, self.presence, prefix)
        self.matchmaker = Matchmaker(self.store, modes, self.background, self.metrics, tempo.tick)
        self.provider = DedicatedServerProvider(self.store, client, self.background)
        self.allocator = Allocator(
            clock, self.store, self.provider, modes, self.background, self.metrics,
            self._cancelled, tempo.allocation_attempts,
        )  # fmt: skip
        self.departures = Departures(
            self.store, self.background, self._cancelled, tempo.reconnect_grace, self._forget_channel
        )
        self.recovery = Recovery(
            self.store, self.presence, self.departures, self.allocator, self.provider, self.remembrance,
            self.background, self._cancelled, tempo.node_timeout, tempo.reconnect_grace,
        )  # fmt: skip
        self._lobby = Lobby(
            modes, self.store, self.presence, self.background, self.metrics, self.notifications.listen,
            self.notifications.unlisten, self.matchmaker.drew, self.allocator.begin, self.departures.add,
            lambda claim: self.remembrance.add(claim, clock.seconds()),
            Rates(tempo.messages_per_second, tempo.burst), authority, join_tokens,
        )  # fmt: skip
        self._numbers = count(1)
        self._known_as = ""
        self._loops = (self.recovery, self.provider, self.matchmaker)
        self.metrics.observe_players(self.presence.census)
        self.metrics.observe_failures(lambda: self.background.failures)

    def open(self, outlet: Outlet) -> Session:
        """A conversation for a new connection, under a name that no other has, on any node."""
        return Session(outlet, f"{self.store.node}:{next(self._numbers)}", self._lobby)

    def start(self) -> None:
        """Begin everything that repeats."""
        for part in self._loops:
            part.start()

    def stop(self) -> None:
        """End everything that repeats or is under way."""
        for part in self._loops:
            part.stop()
        self.background.cancel_all()

    # the connections to the store

    async def prepare(self, connection: Commands) -> None:
        """Make a new connection to the store usable, before anybody else uses it."""
        await self.recovery.prepare(connection)

    def connected(self) -> None:
        """The store can be reached."""
        self.metrics.redis_up(True)
        self.background.spawn("reconnected", self._reconnected())

    def disconnected(self) -> None:
        """The store can't be reached."""
        self.metrics.redis_up(False)

    def hearing(self) -> None:
        """Messages for players come again; those that passed unheard are found."""
        self.background.spawn("hearing", self._heard_again())

    async def _reconnected(self) -> None:
        if self._known_as != self.store.node:
            following = self.notifications.follow(self.store.node, self._known_as)
            following.addErrback(lambda failure: failure.trap(StoreUnavailable))  # heard as soon as that is back
            self._known_as = self.store.node
        with suppress(StoreUnavailable):  # it went again, and will come again
            await self.recovery.reconnected()
            await self.matchmaker.tick()

    async def _heard_again(self) -> None:
        with suppress(StoreUnavailable):
            await self.recovery.reconcile()

    def _forget_channel(self, player_id: str) -> None:
        if not self.presence.of_player(player_id):
            self.notifications.unlisten(player_id)

    def _cancelled(self, sessions: tuple[Cancelled, ...]) -> None:
        for session in sessions:
            self.metrics.session_cancelled(session.mode, session.reason)
            self.matchmaker.wake(session.mode)
