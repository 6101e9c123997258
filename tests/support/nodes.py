"""What tests of recovery are made of: a world with one game server, and what its store knows of players."""

from __future__ import annotations

from collections.abc import Sequence

from matchd.model import GameServer
from matchd.node import Tempo
from tests.support.keyspace import record, state
from tests.support.world import FIFO, Player, TestNode, World, outcome
from tests.support.worlds import WorldTestCase

WITHIN = 6.0
"""Seconds within which the death of a node is put right."""


class NodesTestCase(WorldTestCase):
    """Two nodes, unless told otherwise; players come to the first (0) or the second (1)."""

    nodes = 2
    tempo = Tempo()
    capacity = 10

    def setUp(self) -> None:
        self.service: World = self.world(self.nodes, self.tempo)
        self.service.server("one", self.capacity)
        self.games = self.service.games
        self.service.advance(5)

    def queued(self, player: str, node: int = 0, mode: str = FIFO.name) -> Player:
        """A player on a new connection, who waits or is drawn at once."""
        return self.service.player(player, node).enqueue(mode)

    def loading(self, *nodes: int) -> list[Player]:
        """The players a, b, ... on these nodes, in a loading session."""
        players = [self.queued(name, node) for name, node in zip("abcdefgh", nodes, strict=False)]
        self.assertEqual({player.last["type"] for player in players}, {"start_loading"})
        return players

    def matched(self, *nodes: int) -> list[Player]:
        """The same, matched."""
        players = self.loading(*nodes)
        for player in players:
            player.load()
        self.assertEqual({player.last["type"] for player in players}, {"match_found"})
        return players

    def drawn_by(self, node: TestNode) -> list[Player]:
        """Two players of the first node whose match this node has drawn, which they have not heard of yet."""
        self.service.server("one", 0)
        players = [self.queued(name) for name in "ab"]
        outcome(node.node.provider.register(GameServer("one", "one:7000", self.capacity)))
        outcome(node.node.matchmaker.tick())
        self.assertEqual((self.state("a", "b"), players[0].types), (["loading", "loading"], ["queued"]))
        return players

    def hear_and_play(self, players: Sequence[Player]) -> None:
        """They hear that they are to load, and play."""
        self.service.settle()
        for player in players:
            player.load()
        for player in players:
            self.assertEqual(player.types, ["queued", "start_loading", "match_found"])

    def away(self) -> None:
        """The store gets out of reach of all nodes."""
        for node in self.service.nodes:
            node.disconnect()

    def back(self) -> None:
        """The store is in reach again, and the game server sends a heartbeat."""
        for node in self.service.nodes:
            node.reconnect()
        self.service.server("one", self.capacity)

    # what the store knows

    def field(self, player: str, field: str) -> str:
        return str(record(self.service.direct, player).get(field, ""))

    def state(self, *players: str) -> list[str]:
        return [state(self.service.direct, player) for player in players]

    def queue(self, mode: str = FIFO.name) -> list[str]:
        return [player.decode() for player in self.service.direct.ask("ZRANGE", f"order:{mode}", 0, -1)]

    def waited(self, player: str) -> int:
        """Whole seconds since the player came."""
        now: int = outcome(self.service.alive[0].node.store.time())
        return round(now / 1e3 - int(self.field(player, "since")) / 1e6)

    def slots(self, server: str = "one") -> int:
        """The slots in use."""
        return int(self.service.direct.ask("HGET", f"dedicated_server:{server}", "sessions"))
