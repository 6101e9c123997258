"""Game servers that do whatever a game server may do: answer, refuse, dawdle, lie, go silent, die, come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from matchd.errors import SessionRefused, SessionUncertain
from matchd.matches.gameserver import CreateSession
from matchd.model import GameServer, GameSession

if TYPE_CHECKING:
    from tests.model.nodes import ModelNode

BEHAVIOURS = ("ok", "slow", "refuses", "made but silent", "lost", "dead")
TIMEOUT = 5.0
"""Seconds until a node gives up an answer."""


@dataclass(slots=True)
class Host:
    """One game server: ``sessions`` run there, by loading session; ``beating`` while it sends heartbeats.

    One that ``counts`` says in them how many sessions it has ever ``made``. It may be known under a ``second_id`` too.
    """

    server_id: str
    capacity: int
    behaviour: str = "ok"
    beating: bool = True
    beat_at: float = -1e9
    heard_of: float = -1e9
    sessions: dict[str, str] = field(default_factory=dict)
    counts: bool = False
    made: int = 0
    second_id: str = ""

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{self.server_id}:7000"

    @property
    def ids(self) -> list[str]:
        """The ids under which it is known."""
        return [self.server_id, self.second_id] if self.second_id else [self.server_id]

    @property
    def unreachable(self) -> bool:
        """Whether nothing that is asked of it gets an answer."""
        return self.behaviour in ("made but silent", "lost", "dead")

    def make(self, session: str) -> GameSession:
        """The session, made now or before."""
        if session not in self.sessions:
            self.sessions[session] = f"game-{session}@{self.server_id}"
            self.made += 1
        return GameSession(self.sessions[session], self.address)

    def descriptions(self) -> list[GameServer]:
        """Its heartbeats."""
        made = self.made if self.counts else None
        running = len(self.sessions)
        return [GameServer(one, self.address, self.capacity, sessions=running, made=made) for one in self.ids]


@dataclass(slots=True)
class Waiting:
    """A request without an answer so far: who waits, at which host, since when."""

    asker: ModelNode
    host: Host
    at: float
    answer: Deferred[bool] = field(default_factory=Deferred)


class Hosts:
    """All game servers, and what was asked of them; ``now`` is the world's time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.by_address: dict[str, Host] = {}
        self.requests: dict[str, CreateSession] = {}
        self.asked_at: dict[tuple[str, str], float] = {}
        """When a host, by its address, was asked for a session last."""
        self.odd_requests: list[str] = []
        self.ended: set[tuple[str, str]] = set()
        """The sessions that hosts, by their addresses, were asked to end."""
        self.asked: list[Waiting] = []
        """The requests without an answer."""

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.by_address.values())

    def open(self, server_id: str, capacity: int) -> Host:
        """A new game server; every other one counts."""
        host = Host(server_id, capacity, counts=len(self.by_address) % 2 == 0)
        self.by_address[host.address] = host
        return host

    def answer(self, late: bool = False) -> int:
        """Have the slow ones answer; with ``late`` those only that were given up by now. How many that were."""
        due = [one for one in self.asked if one.asker.listens and (not late or self.now() - one.at >= TIMEOUT)]
        self.asked = [one for one in self.asked if one not in due and one.asker.alive]
        for one in due:
            one.answer.callback(self.now() - one.at < TIMEOUT)
        return len(due)

    async def create(self, asker: ModelNode, address: str, request: CreateSession) -> GameSession:
        """What GameServerClient.create_session does."""
        self._note(request)
        host, session = self.by_address[address], request.loading_session_id
        self.asked_at[address, session] = self.now()
        if host.behaviour in ("refuses", "dead"):
            raise SessionRefused(f"{address}: 503")
        if host.behaviour == "lost":
            raise SessionUncertain(f"{address}: no answer")
        game = host.make(session)
        if host.behaviour == "slow":
            waiting = Waiting(asker, host, self.now())
            self.asked.append(waiting)
            if not await waiting.answer:
                raise SessionUncertain(f"{address}: no answer in time")
        if host.behaviour == "made but silent":
            raise SessionUncertain(f"{address}: no answer")
        return game

    async def end(self, address: str, session: str) -> None:
        """What GameServerClient.end_session does."""
        host = self.by_address[address]
        if host.unreachable:
            raise SessionUncertain(f"{address}: no answer")
        self.ended.add((address, session))
        host.sessions.pop(session, None)

    def known_as(self, server_id: str) -> Host:
        """The host that is known under this id."""
        return next(host for host in self if server_id in host.ids)

    def _note(self, request: CreateSession) -> None:
        before = self.requests.setdefault(request.loading_session_id, request)
        if before != request:
            self.odd_requests.append(f"{request.loading_session_id} was asked for as {before} and as {request}")


@dataclass(frozen=True, slots=True)
class HostsClient:
    """A node's way to the game servers, in the place of its GameServerClient."""

    hosts: Hosts
    asker: ModelNode

    async def create_session(self, address: str, request: CreateSession) -> GameSession:
        """See GameServerClient.create_session."""
        return await self.hosts.create(self.asker, address, request)

    async def end_session(self, address: str, loading_session_id: str) -> None:
        """See GameServerClient.end_session."""
        await self.hosts.end(address, loading_session_id)
