"""Bounds of the requests that are under way at game servers, such that those that hang don't hold up the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from twisted.internet.defer import DeferredSemaphore, TimeoutError
from twisted.internet.interfaces import IReactorTime

from matchd.errors import MatchdError, SessionNotAsked

LATE_SECONDS = 1.0
"""Without an answer for so long, a request no longer counts among all, only at its server."""
MOST_LATE = 4
"""How many late ones there are at most, as a multiple of ``overall``."""


class Turns:
    """Turns to ask game servers: ``per_server`` at each, ``overall`` at all, without those that are late.

    A turn is waited for ``timeout`` seconds at most, and no longer once a request at the same server went without an
    answer for so long.
    """

    def __init__(self, reactor: IReactorTime, timeout: float, per_server: int, overall: int) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._per_server = per_server
        self._overall = DeferredSemaphore(overall)
        self._servers: dict[str, _Server] = {}
        self._late = 0

    @asynccontextmanager
    async def at(self, address: str) -> AsyncIterator[None]:
        """Hold a turn at ``address``; raises SessionNotAsked where none comes up in time."""
        until = self._reactor.seconds() + self._timeout
        server = self._servers.setdefault(address, _Server(address, self._per_server))
        server.users += 1
        try:
            if server.hangs:
                raise server.not_asked()
            await self._one_of(server.turns, server, until)
            try:
                await self._one_of(self._overall, server, until)
                with self._counted(), self._watched(server):
                    yield
            finally:
                server.turns.release()
        finally:
            server.users -= 1
            if not server.users:
                del self._servers[address]

    async def _one_of(self, turns: DeferredSemaphore, server: _Server, until: float) -> None:
        turn = turns.acquire()
        if turn.called:
            await turn
            return
        try:
            await turn.addTimeout(max(0.0, until - self._reactor.seconds()), self._reactor)
        except TimeoutError:
            raise server.not_asked() from None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a request among all until it ends or is late."""
        is_late = False

        def late() -> None:
            nonlocal is_late
            if self._late < MOST_LATE * self._overall.limit:
                self._late += 1
                is_late = True
                self._overall.release()

        timer = self._reactor.callLater(LATE_SECONDS, late)
        try:
            yield
        finally:
            if timer.active():
                timer.cancel()
            if is_late:
                self._late -= 1
            else:
                self._overall.release()

    @contextmanager
    def _watched(self, server: _Server) -> Iterator[None]:
        """See whether the server answers."""
        began = self._reactor.seconds()
        try:
            yield
            server.hangs = False
        except MatchdError:
            if self._reactor.seconds() - began >= self._timeout:
                server.hang()
            raise


class _Server:
    """A game server while it is asked: ``hangs`` from a request without an answer on until it answers another one."""

    def __init__(self, address: str, turns: int) -> None:
        self._address = address
        self.turns = DeferredSemaphore(turns)
        self.users = 0
        self.hangs = False

    def hang(self) -> None:
        """It has not answered: nobody waits for it any more."""
        self.hangs = True
        waiting, self.turns.waiting = self.turns.waiting, []
        for turn in waiting:
            turn.errback(self.not_asked())

    def not_asked(self) -> SessionNotAsked:
        """The request was not sent."""
        return SessionNotAsked(f"game server {self._address}: too many requests under way")
