"""Game servers as processes of their own: how they come, how they are used, how they go."""

from __future__ import annotations

import os
import signal

from twisted.internet import reactor

from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import SharedFleetCase
from tests.support.waiting import eventually

SLOW = "MATCHD_SLOW"


class GameServerTests(SharedFleetCase):
    """`twistd -n dedicated` beside a node on a store of its own."""

    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        store = fleet.valkey()
        cls.node = await fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0").ready()

    async def known(self) -> int:
        return len(await self.node.servers())

    async def test_signals_that_end_nobody(self) -> None:
        """SIGHUP and SIGUSR1 do not end a game server."""
        server = await self.fleet().game_server(self.node).ready()
        for number in (signal.SIGHUP, signal.SIGUSR1):
            server.signal(number)
            await server.logs(f"{number.name}: ")
        self.assertIsNone(server.child.status)
        self.assertEqual((await server.stop(), server.complaints), (0, ""))

    async def test_no_server(self) -> None:
        """While there is no game server nobody is drawn; as soon as one comes, those who wait are matched."""
        fleet = self.fleet()
        crowd = self.crowd("early", 2, self.node.url)
        for player in crowd.players:
            await player.enqueue()
        self.assertEqual((await self.node.get("/v1/invariants"))["sessions"], {"loading": 0, "allocating": 0})
        self.assertEqual(await self.node.queued(), 2)
        server = await fleet.game_server(self.node).ready()
        began = reactor.seconds()
        for player in crowd.players:
            await player.drawn()
        self.took("drawn after the first game server registered", reactor.seconds() - began)
        for player in crowd.players:
            player.client.loading_complete()
        for player in crowd.players:
            self.assertEqual((await player.hear("match_found"))["server_address"], server.address)
        self.assertEqual(await server.stop(), 0)

    async def test_slots_come_free(self) -> None:
        """With one slot and short sessions players are matched one pair after the other, never two at once."""
        fleet = self.fleet()
        server = await fleet.game_server(self.node, "--capacity", "1", "--session-seconds", "0.5").ready()
        crowd = self.crowd("turn", 6, self.node.url)
        began = reactor.seconds()
        games = await crowd.play()
        seconds = reactor.seconds() - began
        self.took("three matches on one slot of 0.5 s sessions", seconds)
        self.assertLess(seconds, 8)
        self.assertEqual([len(players) for players in games.values()], [2, 2, 2])
        self.assertNotIn("all 1 slots are taken", server.log + self.node.log)
        await eventually(self.node.servers, lambda servers: servers[server.server_id]["sessions"] == 0, PATIENCE)
        self.assertEqual(await server.stop(), 0)

    async def test_deregisters(self) -> None:
        """A game server that is stopped says goodbye: it is gone from the list at once, and ends with status 0."""
        server = await self.fleet().game_server(self.node).ready()
        self.assertIn(server.server_id, await self.node.servers())
        self.assertEqual(await server.stop(), 0)
        self.assertNotIn(server.server_id, await self.node.servers())
        self.assertEqual(server.complaints, "")

    async def test_waits_for_matchd(self) -> None:
        """A game server that was started before matchd goes on asking, and says why it is not registered."""
        fleet = self.fleet()
        store = fleet.valkey()
        late = fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0")
        late.kill()
        server = fleet.game_server(late)
        await server.logs("connection refused; trying again every 1 s")
        await late.start().ready()
        await server.ready()
        self.assertIn(server.server_id, await late.servers())

    async def test_heartbeats_stop(self) -> None:
        """A game server that was killed grows older on the list; players are not sent there in vain for ever."""
        server = await self.fleet().game_server(self.node).ready()
        server.kill()
        listed = await eventually(
            self.node.servers, lambda servers: servers[server.server_id]["heartbeat_age_s"] > 1, PATIENCE
        )
        self.assertLess(listed[server.server_id]["heartbeat_age_s"], 15)
        await self.node.ask("DELETE", f"/v1/servers/{server.server_id}")
        self.assertNotIn(server.server_id, await self.node.servers())


class SlowGameServerTests(SharedFleetCase):
    """What takes a quarter of a minute; set MATCHD_SLOW=1 to have it tested."""

    skip = None if SLOW in os.environ else f"set {SLOW}=1 for this one"
    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        store = fleet.valkey()
        cls.node = await fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0").ready()

    async def test_killed(self) -> None:
        """A game server that was killed is forgotten 15 s after its last heartbeat."""
        server = await self.fleet().game_server(self.node).ready()
        server.kill()
        began = reactor.seconds()
        await eventually(self.node.servers, lambda servers: not servers, 30)
        seconds = reactor.seconds() - began
        self.took("forgotten after SIGKILL", seconds)
        self.assertTrue(9 <= seconds <= 17, seconds)
