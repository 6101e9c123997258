"""The store goes away while people play, or another takes its place: nobody is lost, nobody has to come back."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.fleet import Fleet, Node
from tests.support.fleets import FleetCase
from tests.support.players import Player
from tests.support.regulars import Regulars
from tests.support.valkey import Sentinel
from tests.support.waiting import pause, until

PLAYERS = 12
OUTAGE = 30.0
"""Seconds for which the store is away: longer than every timeout of nodes, players and game servers."""
BACK_TO_NORMAL = 20.0
"""Seconds in which each plays on, on a machine that is busy; docs/reliability.md has what was measured."""
CONFIG = """
[modes.Normal_1v1]
teams = [1, 1]
[modes.Duos]
teams = [2, 2]
[limits]
address_handshakes_per_second = 1000
address_messages_per_second = 1000
"""


class StoreUnderLoadTests(FleetCase):
    """Two nodes, one game server, people who play one match after the other, and some who wait for more to come."""

    async def begin(self, fleet: Fleet, redis: str) -> tuple[list[Node], Regulars, list[Player]]:
        config = fleet.file("matchd.toml", CONFIG)
        nodes = [await fleet.node("--redis", redis, "--config", config).ready() for _ in range(2)]
        await fleet.game_server(nodes[0], "--capacity", "1000", "--session-seconds", "1").ready()
        waiting = [await self.player(f"waits-{i}", node.url, mode="Duos").enqueue() for i, node in enumerate(nodes)]
        regulars = Regulars(PLAYERS, [node.url for node in nodes])
        await regulars.each_plays_on()
        return nodes, regulars, waiting

    async def end(self, nodes: Sequence[Node], regulars: Regulars, waiting: Sequence[Player]) -> None:
        """Every wish led to one match of two, no connection was lost, and who waited still has his place."""
        games = await regulars.stop()
        self.assertEqual({session: players for session, players in games.items() if players != 2}, {})
        self.assertEqual(regulars.losses, [])
        self.assertEqual([player.told for player in waiting], [["queued"]] * len(waiting))
        self.assertEqual(await nodes[0].queued("Duos"), len(waiting))
        more = [await self.player(f"comes-{i}", node.url, mode="Duos").enqueue() for i, node in enumerate(nodes)]
        matches = [await player.drawn() for player in (*waiting, *more)]
        self.assertEqual(len(set(matches)), 1)
        self.assertEqual((await nodes[0].get("/v1/invariants"))["contradictions"], [])

    async def test_away_for_half_a_minute(self) -> None:
        """Out of reach for 30 s, with all that it knew: everybody keeps his place, and plays on after its return."""
        fleet = self.fleet()
        store = fleet.valkey("--appendonly", "yes", "--appendfsync", "always")
        nodes, regulars, waiting = await self.begin(fleet, f"redis://127.0.0.1:{store.port}/0")
        store.kill()
        await pause(OUTAGE)
        store.start()
        self.took("each plays on after an outage of 30 s", await regulars.each_plays_on(BACK_TO_NORMAL))
        await self.end(nodes, regulars, waiting)

    async def test_failover(self) -> None:
        """The primary dies, and one of three sentinels with it: the nodes follow, and put right what was lost."""
        fleet = self.fleet()
        primary = fleet.valkey("--repl-diskless-sync-delay", "0")
        replica = fleet.valkey("--replicaof", f"127.0.0.1 {primary.port}")
        await until(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"), BACK_TO_NORMAL)
        sentinels = [Sentinel(primary, quorum=2) for _ in range(3)]
        for sentinel in sentinels:
            self.addCleanup(sentinel.stop)
            sentinel.start()
        for sentinel in sentinels:
            await until(lambda sentinel=sentinel: (sentinel.replicas(), sentinel.others()) == (1, 2), BACK_TO_NORMAL)
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
        nodes, regulars, waiting = await self.begin(fleet, f"sentinel://{hosts}/mm")
        sentinels[0].kill()
        primary.kill()
        self.took("each plays on after the primary was killed", await regulars.each_plays_on(BACK_TO_NORMAL))
        await self.end(nodes, regulars, waiting)
