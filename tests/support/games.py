"""Game servers of a World, each of which does what a test wants of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from matchd.errors import SessionNotAsked, SessionRefused, SessionUncertain
from matchd.matches.gameserver import CreateSession
from matchd.model import GameSession


@dataclass
class FakeGameServers:
    """Game servers by address: what each does with a request, and which sessions each has."""

    clock: Clock
    behaviour: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    requests: list[CreateSession] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[Deferred[None]] = field(default_factory=list)

    async def create_session(self, address: str, request: CreateSession) -> GameSession:
        self.asked.append((address, request.loading_session_id))
        self.requests.append(request)
        behaviour = self.behaviour.get(address, "ok")
        if behaviour == "slow":
            waiting: Deferred[None] = Deferred()
            self.waiting.append(waiting)
            await waiting
        if behaviour == "crowded":
            raise SessionNotAsked(f"{address}: too many requests under way")
        if behaviour == "refuse":
            raise SessionRefused(f"{address}: 503")
        if behaviour == "lost":
            raise SessionUncertain(f"{address}: no answer")
        mine = self.sessions.setdefault(address, {})
        session = mine.setdefault(request.loading_session_id, f"game-{request.loading_session_id}@{address}")
        if behaviour == "made but silent":
            raise SessionUncertain(f"{address}: no answer")
        return GameSession(session, address)

    async def end_session(self, address: str, loading_session_id: str) -> None:
        if self.behaviour.get(address) in ("lost", "made but silent"):
            raise SessionUncertain(f"{address}: no answer")
        self.ended.append((address, loading_session_id))
        self.sessions.get(address, {}).pop(loading_session_id, None)

    def answer_all(self) -> None:
        waiting, self.waiting = self.waiting, []
        for deferred in waiting:
            deferred.callback(None)
