"""What tests of allocation are made of: a node, its players, and the game servers that it asks."""

from __future__ import annotations

from tests.support.nodes import NodesTestCase
from tests.support.world import Player


class AllocationTestCase(NodesTestCase):
    """A test on one node, unless told otherwise, with as many game servers as it takes."""

    nodes = 1

    def setUp(self) -> None:
        super().setUp()
        self.node = self.service.nodes[0].node

    def play(self, *players: Player) -> None:
        for player in players:
            player.load()

    def serve(self, capacity: int = 10, *servers: str, sessions: int | None = None) -> None:
        for server in servers or ("one",):
            self.service.server(server, capacity, sessions)

    def asked(self) -> list[str]:
        """The servers that were asked, in order."""
        return [address.removesuffix(":7000") for address, _ in self.games.asked]
