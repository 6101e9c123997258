"""The store is killed and comes back with nothing in it: two nodes give it back what it has forgotten."""

from __future__ import annotations

from twisted.internet import reactor

from tests.support.fleet import PATIENCE
from tests.support.fleets import FleetCase
from tests.support.players import matched
from tests.support.waiting import eventually, pause

CONFIG = """
[modes.Normal_1v1]
teams = [1, 1]
[modes.Duos]
teams = [2, 2]
"""


class EmptiedTests(FleetCase):
    """Players in every place, on both nodes; none of them has to do anything."""

    async def test_everybody_is_where_he_was(self) -> None:
        """Who waited waits, who loaded is requeued and loads anew, who was matched can ask for the same match."""
        fleet = self.fleet()
        store, config = fleet.valkey(), fleet.file("matchd.toml", CONFIG)
        redis = f"redis://127.0.0.1:{store.port}/0"
        nodes = [await fleet.node("--redis", redis, "--config", config).ready() for _ in range(2)]
        await fleet.game_server(nodes[0], "--capacity", "100").ready()
        told = [await self.player(f"matched-{i}", node.url).enqueue() for i, node in enumerate(nodes)]
        match, _ = await matched(*told)
        loading = [await self.player(f"loads-{i}", node.url).enqueue() for i, node in enumerate(nodes)]
        former = {await player.drawn() for player in loading}
        waiting = []
        for i in range(3):  # in this order, so in Duos a fourth and a fifth decide who of them was first
            waiting.append(await self.player(f"waits-{i}", nodes[i % 2].url, mode="Duos").enqueue())
            await pause(0.01)

        store.restart()
        began = reactor.seconds()
        for player in loading:
            self.assertEqual((await player.hear("requeued"))["reason"], "allocation_failed")
        self.took("requeued after the store came back empty", reactor.seconds() - began)
        self.assertEqual({await player.drawn() for player in loading} & former, set())
        for player in loading:
            player.client.loading_complete()
        self.assertEqual(len({(await player.hear("match_found"))["session_id"] for player in loading}), 1)

        await eventually(lambda: nodes[0].queued("Duos"), lambda n: n == 3, PATIENCE)
        latecomers = [await self.player(f"late-{i}", nodes[1].url, mode="Duos").enqueue() for i in range(2)]
        for player in (*waiting, latecomers[0]):
            await player.drawn()
        self.assertEqual([player.told for player in waiting], [["queued", "start_loading"]] * 3)
        self.assertEqual(latecomers[1].told, ["queued"])

        again = await self.player("matched-0", nodes[1].url).connect()
        again.client.resume("matched-0")
        self.assertEqual((await again.hear("match_found"))["session_id"], match["session_id"])
        self.assertEqual([player.told.count("match_found") for player in told], [1, 1])
        for node in nodes:
            self.assertEqual((await node.get("/v1/invariants"))["contradictions"], [])
