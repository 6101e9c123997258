"""Ending sessions that nobody plays: each game server is asked by itself, so that none waits for another."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from matchd.errors import SessionUncertain, StoreUnavailable
from matchd.matches.gameserver import GameServerClient
from matchd.store.store import Store

MOST_SERVERS = 32
"""Game servers asked at a time; half of them may be such as did not answer last."""
PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
FORGOTTEN_SECONDS = 600.0


@dataclass(slots=True)
class _Silence:
    """A server that did not answer: ``since`` when, and ``until`` when it is left alone. Times in seconds."""

    since: float
    until: float


class Orphans:
    """Asks game servers to end sessions, one at a time at each server.

    The sweep names a session again until its server has answered. So what can't be asked now is dropped here.
    """

    def __init__(self, store: Store, client: GameServerClient, clock: IReactorTime) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._lines: dict[str, dict[str, None]] = {}
        self._silent: dict[str, _Silence] = {}

    async def end(self, orphan: str) -> None:
        """Ask the server of ``orphan``, a session and an address, to end it, after those that it is asked for now."""
        _, address = orphan.split(" ", 1)
        if address in self._lines:
            self._lines[address][orphan] = None
        elif self._may_ask(address):
            self._lines[address] = {orphan: None}
            try:
                await self._work_off(address)
            finally:
                del self._lines[address]

    def _may_ask(self, address: str) -> bool:
        silence = self._silent.get(address)
        if silence is None:
            return len(self._lines) < MOST_SERVERS
        return len(self._lines) < MOST_SERVERS // 2 and self._clock.seconds() >= silence.until

    async def _work_off(self, address: str) -> None:
        line = self._lines[address]
        try:
            while line:
                orphan = next(iter(line))
                await self._client.end_session(address, orphan.split(" ", 1)[0])
                self._silent.pop(address, None)
                del line[orphan]
                with suppress(StoreUnavailable):
                    await self._store.orphan_ended(orphan)
        except SessionUncertain:
            self._leave_alone(address)

    def _leave_alone(self, address: str) -> None:
        """Ask the server again after a quarter of the time for which it has not answered."""
        now = self._clock.seconds()
        since = self._silent[address].since if address in self._silent else now
        pause = min(max(PAUSE_SECONDS, (now - since) / 4), LONGEST_PAUSE_SECONDS)
        self._silent = {at: silent for at, silent in self._silent.items() if now - silent.until < FORGOTTEN_SECONDS}
        self._silent[address] = _Silence(since, now + pause)
