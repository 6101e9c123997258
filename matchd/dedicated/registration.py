"""Keeps a game server known to matchd: a heartbeat every 5 s and at every change, a goodbye at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from matchd.background import Background
from matchd.errors import MatchdError
from matchd.matches.exchange import Exchanges

log = Logger()

HEARTBEAT_SECONDS = 5.0
RETRY_SECONDS = 1.0
GOODBYE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a game server says of itself: where it is, how many sessions it has room for, runs, and has ever made."""

    address: str
    capacity: int
    region: str
    sessions: int
    sessions_made: int


class Registration(Service):
    """Registers ``server_id`` with the matchd whose operators' port is at ``matchd`` (a URL).

    ``describe`` makes the heartbeat of the moment; ``token`` is what matchd wants to see, if anything.
    An ``agent`` takes the place of real connections in tests.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        background: Background,
        matchd: str,
        server_id: str,
        describe: Callable[[], Heartbeat],
        *,
        token: str = "",
        agent: IAgent | None = None,
    ) -> None:
        self._reactor = reactor
        self._background = background
        self._matchd = matchd
        self._server_id = server_id
        self._url = f"{matchd.rstrip('/')}/v1/servers/{quote(server_id, safe='')}"
        self._describe = describe
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._exchanges = Exchanges(reactor, timeout=GOODBYE_SECONDS, agent=agent)
        self._trouble: str | None = ""
        """Why matchd does not know us; None when it does."""
        self._news = False
        self._pause: Deferred[None] | None = None

    def startService(self) -> None:
        """Send the first heartbeat at once, and go on."""
        super().startService()
        self._beating = self._background.spawn("registration", self._keep_registered())

    def stopService(self) -> Deferred[None]:
        """Tell matchd goodbye, within 2 s."""
        if not self.running:
            return succeed(None)
        super().stopService()
        self._resume()
        leaving = Deferred.fromCoroutine(self._leave())
        return leaving.addTimeout(GOODBYE_SECONDS, self._reactor).addErrback(self._left_in_silence)

    def changed(self) -> None:
        """A session began or ended: send a heartbeat at once."""
        self._news = True
        # While matchd does not answer, changes do not make us ask it more often.
        if self._trouble is None:
            self._resume()

    async def _keep_registered(self) -> None:
        while self.running:
            self._news = False
            self._note(await self._beat())
            if self._trouble is not None:
                await self._rest(RETRY_SECONDS)
            elif not self._news:
                await self._rest(HEARTBEAT_SECONDS)

    async def _beat(self) -> str | None:
        """Send one heartbeat; what went wrong, or None."""
        try:
            body = msgspec.json.encode(self._describe())
            answer = await self._exchanges.ask("PUT", self._url, body, self._headers)
        except MatchdError as error:
            return str(error)
        return None if answer.ok else str(answer)

    def _note(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("registered with {matchd} as {server}", matchd=self._matchd, server=self._server_id)
        else:
            log.warn(
                "not registered with {matchd}: {reason}; trying again every {seconds:g} s",
                matchd=self._matchd,
                reason=trouble,
                seconds=RETRY_SECONDS,
            )

    async def _rest(self, seconds: float) -> None:
        """Wait, unless ``_resume`` cuts it short."""
        if not self.running:
            return
        self._pause = Deferred()
        waking = self._reactor.callLater(seconds, self._resume)
        await self._pause
        if waking.active():
            waking.cancel()

    def _resume(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.callback(None)

    async def _leave(self) -> None:
        try:
            # A heartbeat that arrived after the goodbye would register us again.
            await self._beating
            await self._exchanges.ask("DELETE", self._url, headers=self._headers)
        finally:
            await self._exchanges.close()

    def _left_in_silence(self, failure: Failure) -> None:
        failure.trap(MatchdError, TimeoutError)
        log.warn("{matchd} was not told goodbye; it will miss us in 15 s", matchd=self._matchd)
