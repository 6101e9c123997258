"""Players who never stop playing, whatever becomes of nodes and store: the load of tests in which these die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectError

from client.match_client import ConnectionClosed, MatchClient
from tests.support.players import PATIENCE
from tests.support.waiting import pause, until

AGAIN = 0.2
"""Seconds until one who was told `unavailable` asks again."""


class Regular:
    """Plays one match after the other, and connects to another node whenever a connection ends."""

    def __init__(self, name: str, urls: Sequence[str], first: int) -> None:
        self.name = name
        self.matches: list[str] = []
        self.losses: list[str] = []
        self.stays, self.has_gone = True, False
        self._urls = urls
        self._turn = count(first)

    async def play(self) -> None:
        """Until told that the present match is the last."""
        while self.stays:
            await self.play_once()
        self.has_gone = True

    async def play_once(self) -> None:
        """One match."""
        self.matches.append(await self._match())

    async def _match(self) -> str:
        asks_anew = True
        while True:
            client = MatchClient(reactor)
            try:
                await client.connect(self._urls[next(self._turn) % len(self._urls)], PATIENCE)
                client.enqueue(self.name) if asks_anew else client.resume(self.name)
                return await self._follow(client)
            except (ConnectionClosed, ConnectError) as loss:
                self.losses.append(f"{self.name}: {loss}")
                asks_anew = False  # what was asked for still stands, or it is said that it does not
                await pause(0.05)
            finally:
                await client.close()

    async def _follow(self, client: MatchClient) -> str:
        while True:
            message = await client.next_message(timeout=2 * PATIENCE)
            match message["type"]:
                case "match_found" if message["session_id"] not in self.matches:
                    return str(message["session_id"])
                case "match_found":  # the one before, told again: this wish has not arrived
                    client.enqueue(self.name)
                case "start_loading":
                    client.loading_complete(message["loading_session_id"])
                case "error":
                    assert message["code"] in ("not_queued", "not_in_session", "unavailable"), message
                    await pause(AGAIN if message["code"] == "unavailable" else 0)
                    client.enqueue(self.name)


class Regulars:
    """Some of them, dealt to ``urls`` in turn, who begin to play at once."""

    def __init__(self, number: int, urls: Sequence[str]) -> None:
        self._urls = urls
        self._all = [Regular(f"regular-{i}", urls, i) for i in range(number)]
        self._plays = gatherResults([Deferred.fromCoroutine(one.play()) for one in self._all], consumeErrors=True)

    @property
    def losses(self) -> list[str]:
        """Whose connection was closed or refused, and why."""
        return [loss for one in self._all for loss in one.losses]

    async def each_plays_on(self, seconds: float = PATIENCE) -> float:
        """Wait until each has one match more than now; the seconds that took."""
        began, now = reactor.seconds(), [len(one.matches) for one in self._all]
        await until(lambda: all(len(one.matches) > n for one, n in zip(self._all, now, strict=True)), seconds)
        return float(reactor.seconds() - began)

    async def stop(self) -> Counter[str]:
        """Everybody plays to the end; the matches of all, and how many players each had."""
        for one in self._all:
            one.stays = False
        await until(lambda: self._plays.called or sum(not one.has_gone for one in self._all) <= 1, 2 * PATIENCE)
        somebody_waits = not self._plays.called and set(self._games().values()) == {2}
        if somebody_waits:  # and all others have gone
            self._all.append(Regular("partner", self._urls, 0))
            await self._all[-1].play_once()
        await self._plays
        return self._games()

    def _games(self) -> Counter[str]:
        return Counter(session for one in self._all for session in one.matches)
