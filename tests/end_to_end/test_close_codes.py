"""Why matchd closes a connection of its own accord: each reason has its code, as a client sees it."""

from __future__ import annotations

import signal

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from client.match_client import MatchClient
from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import FleetCase, SharedFleetCase
from tests.support.waiting import pause, until

LIMITS = """
[limits]
idle_seconds = 1
max_connections = 3
"""


class LimitTests(SharedFleetCase):
    """A node with tight limits, which its operator has set in a file."""

    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        cls.node = await fleet.node("--config", fleet.file("matchd.toml", LIMITS)).ready()

    async def connected(self) -> MatchClient:
        client = self.client()
        await client.connect(self.node.url)
        return client

    async def closed(self, client: MatchClient) -> tuple[int | None, str]:
        """The code and the reason that it was closed with."""
        await until(lambda: client.closed, PATIENCE)
        assert client.closed is not None
        return client.closed.code, client.closed.reason

    async def test_superseded(self) -> None:
        """4001: a newer connection speaks for the player; it goes on where the old one was."""
        old = await self.player("p", self.node.url).enqueue()
        new = await self.player("p", self.node.url).enqueue()
        self.assertEqual(await self.closed(old.client), (4001, "a newer connection speaks for this player"))
        self.assertEqual(await self.node.queued(), 1)
        new.client.dequeue()
        await new.hear("dequeued")

    async def test_too_many(self) -> None:
        """4008: too many messages at once."""
        client = await self.connected()
        for _ in range(100):
            client.dequeue()
        self.assertEqual(await self.closed(client), (4008, "too many messages"))

    async def test_idle(self) -> None:
        """4009: connected, and never asked for a place; whoever did may wait as long as it takes."""
        began = reactor.seconds()
        waiting = await self.player("patient", self.node.url).enqueue()
        idle = await self.connected()
        self.assertEqual(await self.closed(idle), (4009, "no enqueue in time"))
        self.took("idle connection closed, with idle_seconds = 1", reactor.seconds() - began)
        self.assertIsNone(waiting.client.closed)

    async def test_full(self) -> None:
        """4013: the node is full; as soon as somebody leaves, there is room again."""
        names = ("a", "b", "c")
        players = [self.player(name, self.node.url) for name in names]
        await gatherResults([Deferred.fromCoroutine(player.enqueue()) for player in players])
        self.assertEqual(await self.closed(await self.connected()), (4013, "this node is full: try again later"))
        await players[0].client.close()
        await self.player("d", self.node.url).enqueue()


class DrainTests(FleetCase):
    """4000: the node goes down, and says so."""

    async def test_drained(self) -> None:
        """Who waits is sent away, who loads may finish; then the node ends with status 0."""
        fleet = self.fleet()
        redis = f"redis://127.0.0.1:{fleet.valkey().port}/0"
        node, other = fleet.node("--redis", redis), fleet.node("--redis", redis)
        await node.ready()
        await fleet.game_server(other).ready()
        loading = self.crowd("loads", 2, node.url)
        for player in loading.players:
            await player.enqueue()
        for player in loading.players:
            await player.drawn()
        waiting = await self.player("waits", node.url).enqueue()
        began = reactor.seconds()
        ended = Deferred.fromCoroutine(node.stop())
        self.assertEqual(await waiting.closed(), 4000)
        self.took("a waiting player is sent away after SIGTERM", reactor.seconds() - began)
        self.assertEqual(await node.health(), (503, {"status": "unready", "reason": "draining"}))
        await self.is_sent_away(node)
        for player in loading.players:
            player.client.loading_complete()
        for player in loading.players:
            await player.hear("match_found")
            self.assertEqual(await player.closed(), 4000)
        self.assertEqual(await ended, 0)
        again = await self.player("waits", other.url).connect()
        again.client.resume("waits")
        await again.hear("queued")

    async def test_second_sigterm(self) -> None:
        """A node that waits for those who load ends at once, with status 0, when it is told a second time."""
        fleet = self.fleet()
        node = fleet.node("--redis", f"redis://127.0.0.1:{fleet.valkey().port}/0")
        await fleet.game_server(node).ready()
        for player in (loading := self.crowd("loads", 2, node.url)).players:
            await player.enqueue()
        for player in loading.players:
            await player.drawn()
        node.signal(signal.SIGTERM)
        await until(lambda: "draining" in node.log, PATIENCE)
        await pause(1)
        self.assertIsNone(node.child.status)
        began = reactor.seconds()
        self.assertEqual(await node.stop(), 0)
        self.took("end after a second SIGTERM", reactor.seconds() - began)

    async def is_sent_away(self, node: Node) -> None:
        """Whoever comes now is told to go elsewhere."""
        late = self.client()
        await late.connect(node.url)
        await until(lambda: late.closed_code, PATIENCE)
        self.assertEqual(late.closed_code, 4000)
