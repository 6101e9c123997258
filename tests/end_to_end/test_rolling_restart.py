"""Three nodes are restarted one after the other while people play, and nobody is lost."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from itertools import count

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectError

from client.match_client import ConnectionClosed, MatchClient
from tests.support.fleet import Node
from tests.support.fleets import FleetCase
from tests.support.players import PATIENCE
from tests.support.waiting import pause

PLAYERS = 12
PROMPT = 30.0
"""Seconds in which a node has ended after SIGTERM."""


class Regular:
    """Plays one match after the other, and connects to another node whenever a connection ends."""

    def __init__(self, name: str, urls: Sequence[str], first: int) -> None:
        self.name = name
        self.matches: list[str] = []
        self.stays = True
        self._urls = urls
        self._turn = count(first)

    async def play(self) -> None:
        """Until told that the present match is the last."""
        while self.stays:
            self.matches.append(await self._match())

    async def _match(self) -> str:
        asks_anew = True
        while True:
            client = MatchClient(reactor)
            try:
                await client.connect(self._urls[next(self._turn) % len(self._urls)], PATIENCE)
                client.enqueue(self.name) if asks_anew else client.resume(self.name)
                return await self._follow(client)
            except (ConnectionClosed, ConnectError):
                asks_anew = False  # what was asked for still stands, or it is said that it does not
                await pause(0.05)
            finally:
                await client.close()

    async def _follow(self, client: MatchClient) -> str:
        while True:
            message = await client.next_message(timeout=PATIENCE)
            match message["type"]:
                case "match_found" if message["session_id"] not in self.matches:
                    return str(message["session_id"])
                case "match_found":  # the one before, told again: this wish has not arrived
                    client.enqueue(self.name)
                case "start_loading":
                    client.loading_complete(message["loading_session_id"])
                case "error":
                    assert message["code"] in ("not_queued", "unavailable"), message
                    client.enqueue(self.name)


class RollingRestartTests(FleetCase):
    """A service of three nodes on one store, with one game server."""

    async def test_nobody_is_lost(self) -> None:
        """Every wish of everybody leads to one match, in which there is one other; every node ends in order."""
        fleet = self.fleet()
        store = fleet.valkey()
        nodes = [await fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0").ready() for _ in range(3)]
        await fleet.game_server(nodes[0], "--capacity", "1000", "--session-seconds", "1").ready()
        regulars = [Regular(f"regular-{i}", [node.url for node in nodes], i) for i in range(PLAYERS)]
        plays = [Deferred.fromCoroutine(regular.play()) for regular in regulars]
        for node in nodes[1:] + nodes[:1]:
            await pause(0.5)
            await self._restart(node)
        await pause(0.5)
        for regular in regulars:
            regular.stays = False
        await gatherResults(plays, consumeErrors=True)
        games = Counter(session for regular in regulars for session in regular.matches)
        self.assertGreater(len(games), PLAYERS)
        self.assertEqual({session: players for session, players in games.items() if players != 2}, {})
        for node in nodes:
            self.assertEqual((await node.get("/v1/invariants"))["contradictions"], [])

    async def _restart(self, node: Node) -> None:
        began = reactor.seconds()
        node.signal(signal.SIGTERM)
        self.assertEqual(await node.ended(PROMPT), 0)
        self.took("a node under load ends after SIGTERM", reactor.seconds() - began)
        await node.start().ready()
