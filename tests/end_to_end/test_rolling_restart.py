"""Three nodes are restarted one after the other while people play, and nobody is lost."""

from __future__ import annotations

import signal

from twisted.internet import reactor

from tests.support.fleet import Node
from tests.support.fleets import FleetCase
from tests.support.regulars import Regulars
from tests.support.waiting import pause

PLAYERS = 12
PROMPT = 30.0
"""Seconds in which a node has ended after SIGTERM."""


class RollingRestartTests(FleetCase):
    """A service of three nodes on one store, with one game server."""

    async def test_nobody_is_lost(self) -> None:
        """Every wish of everybody leads to one match, in which there is one other; every node ends in order."""
        fleet = self.fleet()
        store = fleet.valkey()
        nodes = [await fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0").ready() for _ in range(3)]
        await fleet.game_server(nodes[0], "--capacity", "1000", "--session-seconds", "1").ready()
        regulars = Regulars(PLAYERS, [node.url for node in nodes])
        for node in nodes[1:] + nodes[:1]:
            await pause(0.5)
            await self._restart(node)
        await pause(0.5)
        games = await regulars.stop()
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
