"""``python -m bench.draws PORT MATCHES``: matches out of a deep queue, by matchd's store and one by one.

One by one is what one would write first: two players out of the set, a number for the match, its record, where each
of them is now, and a message to each, a command at a time; over txredisapi as it comes, and over matchd's connection.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import txredisapi
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import react

from matchd.background import Background
from matchd.model import GameMode, GameServer, Order
from matchd.store.address import RedisAddress
from matchd.store.link import CommandLink
from matchd.store.store import Store
from matchd.store.subscriber import SubscriberLink

MODE = GameMode("Duel", order=Order.RANDOM)
REACH_SECONDS = 10.0
PAGE = 1000
"""Players who enqueue at once."""
SHARE = 5
"""One by one is so slow that this part of the matches has to do."""

Ask = Callable[..., Deferred[Any]]


class Draws:
    """Both ways over the same connection."""

    def __init__(self, reactor: Any, port: int, matches: int) -> None:
        address, background = RedisAddress((("127.0.0.1", port),)), Background(reactor)
        self._links = CommandLink(reactor, background, address), SubscriberLink(reactor, background, address)
        self._commands = self._links[0]
        self._store = Store(self._commands, reactor, [MODE])
        self._port = port
        self._matches = matches

    async def run(self) -> dict[str, float]:
        """Matches a second each way, and how many were not drawn."""
        for link in self._links:
            link.start()
            await link.reached(REACH_SECONDS)
        await self._store.prepare(self._commands)
        await self._store.register_server(GameServer("one", "127.0.0.1:7000", self._matches))
        players = [f"player-{number}" for number in range(2 * self._matches)]
        await self._enqueue(players)
        scripts = await self._timed(self._draw_all, self._matches)
        left = await self._commands.execute("SCARD", "queue:Duel")
        stock = await txredisapi.Connection("127.0.0.1", self._port, reconnect=False)
        some = players[: 2 * max(1, self._matches // SHARE)]
        one_by_one = await self._one_by_one(stock.execute_command, some)
        lean = await self._one_by_one(self._commands.execute, some)
        await stock.disconnect()
        for link in self._links:
            await link.stop()
        return {"scripts": scripts, "one by one": one_by_one, "leaner": lean, "left": left}

    async def _one_by_one(self, ask: Ask, players: list[str]) -> float:
        await self._commands.execute("SADD", "waiting", *players)
        return await self._timed(lambda matches: _draw_one_by_one(ask, matches), len(players) // 2)

    async def _timed(self, draw: Callable[[int], Awaitable[None]], matches: int) -> float:
        began = time.monotonic()
        await draw(matches)
        return matches / (time.monotonic() - began)

    async def _enqueue(self, players: list[str]) -> None:
        for start in range(0, len(players), PAGE):
            page = players[start : start + PAGE]
            asked = [Deferred.fromCoroutine(self._store.enqueue(player, f"c-{player}", MODE, 0)) for player in page]
            for succeeded, result in await DeferredList(asked, consumeErrors=True):
                assert succeeded, result

    async def _draw_all(self, matches: int) -> None:
        while matches > 0:
            drawn = await self._store.draw(MODE)
            assert drawn.matches, drawn
            matches -= drawn.matches


async def _draw_one_by_one(ask: Ask, matches: int) -> None:
    for _ in range(matches):
        pair = await ask("SPOP", "waiting", 2)
        a, b = (player.decode() if isinstance(player, bytes) else player for player in pair)
        match = await ask("INCR", "matches")
        await ask("SET", f"match:{match}", f"{a} {b}", "EX", 600)
        await ask("HSET", "where", a, match, b, match)
        for player in (a, b):
            told = {"type": "start_loading", "loading_session_id": str(match)}
            await ask("PUBLISH", f"notifications:{player}", json.dumps(told))


def main(port: str, matches: str) -> None:
    """Print the figures as one line of JSON."""

    async def run(reactor: Any) -> None:
        print(json.dumps(await Draws(reactor, int(port), int(matches)).run()), flush=True)

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main(*sys.argv[1:3])
