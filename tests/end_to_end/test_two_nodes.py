"""One service of two nodes on one store, with two game servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.support.fleet import PATIENCE, Fleet, GameServer, Node
from tests.support.fleets import SharedFleetCase
from tests.support.players import matched
from tests.support.valkey import Valkey
from tests.support.waiting import eventually, pause

CAPACITY = 14
BURST = 40


class Watch:
    """Looks at game servers again and again, until it is ended; ``seen`` are (sessions, capacity) of each look."""

    def __init__(self, node: Node, servers: Sequence[GameServer]) -> None:
        self.seen: list[tuple[int, int]] = []
        self._node = node
        self._servers = servers
        self._over = False
        self._looking = Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        while not self._over:
            self.seen += [(each["sessions"], each["capacity"]) for each in (await self._node.servers()).values()]
            self.seen += [(await server.running(), CAPACITY) for server in self._servers]
            await pause(0.05)

    async def end(self) -> None:
        """Look no more."""
        self._over = True
        await self._looking


class TwoNodesTests(SharedFleetCase):
    """It makes no difference which node a player came to."""

    store: Valkey
    nodes: list[Node]
    servers: list[GameServer]

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        cls.store = fleet.valkey()
        cls.nodes = [fleet.node("--redis", f"redis://127.0.0.1:{cls.store.port}/0") for _ in range(2)]
        cls.servers = [fleet.game_server(cls.nodes[i], "--capacity", str(CAPACITY), "--region", "eu") for i in range(2)]
        for server in cls.servers:
            await server.ready()

    async def settle(self) -> None:
        """Whatever was played, at the end nobody is left over, and nothing contradicts itself, as both nodes see it."""
        for node in self.nodes:
            counted = await eventually(partial(node.get, "/v1/invariants"), is_quiet, PATIENCE)
            self.assertEqual(counted["contradictions"], [])

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(node.url for node in self.nodes)

    async def assert_on_both(self, names: Iterable[str]) -> None:
        for node in self.nodes:
            self.assertEqual(set(names) - set(await node.servers()), set())

    async def test_across_nodes(self) -> None:
        """Two players who came to different nodes are matched with each other, and sent to the same game server."""
        one, two = self.player("one", self.urls[0]), self.player("two", self.urls[1])
        began = reactor.seconds()
        await one.enqueue()
        await two.enqueue()
        matches = await matched(one, two)
        self.took("a match across two nodes, with two connects", reactor.seconds() - began)
        self.assertEqual({match["session_id"] for match in matches}, {matches[0]["session_id"]})
        self.assertIn(matches[0]["server_address"], [server.address for server in self.servers])
        for player in (one, two):
            self.assertEqual(player.told, ["queued", "start_loading", "match_found"])

    async def test_servers_are_known_everywhere(self) -> None:
        """A game server registers with one node, and every node knows it."""
        await self.assert_on_both(server.server_id for server in self.servers)
        for node in self.nodes:
            listed = (await node.servers())[self.servers[0].server_id]
            self.assertEqual(
                (listed["address"], listed["capacity"], listed["region"]), (self.servers[0].address, CAPACITY, "eu")
            )
            self.assertLess(listed["heartbeat_age_s"], 15)

    async def test_burst(self) -> None:
        """Forty players at once on two nodes: each is matched once, with one other, and no server is overbooked."""
        crowd = self.crowd("burst", BURST, *self.urls)
        watch = Watch(self.nodes[0], self.servers)
        self.later(watch.end)
        began = reactor.seconds()
        games = await crowd.play()
        self.took(f"{BURST} players from connect to match_found", reactor.seconds() - began)
        self.assertEqual([len(players) for players in games.values()], [2] * (BURST // 2))
        self.assertEqual(len({player for players in games.values() for player in players}), BURST)
        self.assertEqual(crowd.messages()["match_found"], BURST)
        self.assertTrue(watch.seen)
        self.assertEqual([look for look in watch.seen if look[0] > look[1]], [])

    async def test_killed_while_loading(self) -> None:
        """When a client is killed while loading, the other one is back in the queue within a second."""
        stays, goes = self.player("stays", self.urls[0]), self.player("goes", self.urls[1])
        await gatherResults([Deferred.fromCoroutine(player.enqueue()) for player in (stays, goes)])
        self.assertEqual(len({await stays.drawn(), await goes.drawn()}), 1)
        goes.client.abort()
        began = reactor.seconds()
        self.assertEqual((await stays.hear("requeued"))["reason"], "player_left")
        seconds = reactor.seconds() - began
        self.took("back in the queue after the other was killed", seconds)
        self.assertLess(seconds, 1)
        self.assertEqual(await self.nodes[1].queued(), 1)
        another = await self.player("another", self.urls[1]).enqueue()
        self.assertEqual(len({match["session_id"] for match in await matched(stays, another)}), 1)

    async def test_killed_client_in_the_queue(self) -> None:
        """A client that is killed while it waits is out of the queue: nobody is matched with a ghost."""
        ghost = await self.player("ghost", self.urls[0]).enqueue()
        ghost.client.abort()
        await eventually(self.nodes[1].queued, lambda waiting: waiting == 0)
        one, two = self.player("first", self.urls[0]), self.player("second", self.urls[1])
        await gatherResults([Deferred.fromCoroutine(player.enqueue()) for player in (one, two)])
        self.assertEqual(len({match["session_id"] for match in await matched(one, two)}), 1)

    async def test_newer_connection_on_another_node(self) -> None:
        """A player who connects to another node goes on there; his old connection is closed with 4001."""
        old = await self.player("same", self.urls[0]).enqueue()
        new = await self.player("same", self.urls[1]).enqueue()
        self.assertEqual(await old.closed(), 4001)
        self.assertEqual(await self.nodes[0].queued(), 1)
        new.client.dequeue()
        await new.hear("dequeued")

    async def test_match_is_told_again_on_another_node(self) -> None:
        """Who has lost sight of his match asks on any node, and is told the same; so is one who asks twice."""
        one, two = self.player("one", self.urls[0]), self.player("two", self.urls[0])
        await gatherResults([Deferred.fromCoroutine(player.enqueue()) for player in (one, two)])
        match, _ = await matched(one, two)
        kept = self.store.ask("PTTL", "player:one")
        self.assertIn(kept, range(100_000, 120_001))
        one.client.abort()
        for url in self.urls[::-1]:
            back = await self.player("one", url).connect()
            back.client.resume("one")
            again = await back.hear("match_found")
            self.assertEqual({**again, "seq": 0}, {**match, "seq": 0})
        self.assertLessEqual(self.store.ask("PTTL", "player:one"), kept)
        self.assertEqual((await self.nodes[1].get("/v1/invariants"))["contradictions"], [])

    async def doomed(self) -> Node:
        """A third node."""
        fleet = self.shared
        assert fleet is not None
        return await fleet.node("--redis", f"redis://127.0.0.1:{self.store.port}/0").ready()

    async def test_a_node_freezes(self) -> None:
        """A node that hangs is given up, its player is out of the queue; when it wakes it sends him away (4000)."""
        frozen = await self.doomed()
        self.later(frozen.stop)
        player = await self.player("chilly", frozen.url).enqueue()
        frozen.freeze()
        began = reactor.seconds()
        await eventually(self.nodes[0].queued, lambda waiting: waiting == 0, PATIENCE)
        self.took("a node that hangs is given up", reactor.seconds() - began)
        frozen.thaw()
        self.assertEqual(await player.closed(), 4000)
        back = await self.player("chilly", frozen.url).enqueue()
        self.assertEqual(await self.nodes[0].queued(), 1)
        back.client.dequeue()
        await back.hear("dequeued")

    async def test_a_node_dies_while_they_load(self) -> None:
        """A node is killed with one of a match: the other is back in the queue, without doing anything."""
        doomed = await self.doomed()
        stays, goes = (
            await self.player("stays", self.urls[0]).enqueue(),
            await self.player("goes", doomed.url).enqueue(),
        )
        self.assertEqual(await stays.drawn(), await goes.drawn())
        doomed.kill()
        began = reactor.seconds()
        self.assertEqual((await stays.hear("requeued"))["reason"], "player_left")
        self.took("back in the queue after a node was killed", reactor.seconds() - began)
        another = await self.player("another", self.urls[1]).enqueue()
        self.assertEqual(len({match["session_id"] for match in await matched(stays, another)}), 1)

    async def test_a_node_dies(self) -> None:
        """A node is killed: its players connect to the other one and are matched there; nobody else notices."""
        doomed = await self.doomed()
        orphan = await self.player("orphan", doomed.url).enqueue()
        doomed.kill()
        self.assertEqual(await orphan.closed(), 1006)
        back = await self.player("orphan", self.urls[0]).connect()
        back.client.resume("orphan")
        await back.hear("queued")
        partner = await self.player("partner", self.urls[1]).enqueue()
        self.assertEqual(len({match["session_id"] for match in await matched(back, partner)}), 1)


def is_quiet(counted: dict[str, Any]) -> bool:
    """Whether nobody is under way."""
    players = counted["players"]
    return not (sum(players["queued"].values()) or players["loading"] or players["allocating"])
