"""A store that is there and can't: out of memory, read-only, busy, without its scripts. Nothing is done by halves."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import SharedFleetCase
from tests.support.players import Player, matched
from tests.support.valkey import Valkey, free_port
from tests.support.waiting import eventually

BUSY = """
local function now() local t = redis.call('TIME') return t[1] + t[2] / 1000000 end
local deadline = now() + 1.5
repeat until now() > deadline
"""


class RefusingStoreTests(SharedFleetCase):
    """One node, one game server, and a store that gets into trouble."""

    store: Valkey
    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        cls.store = fleet.valkey("--busy-reply-threshold", "100")
        cls.node = fleet.node("--redis", f"redis://127.0.0.1:{cls.store.port}/0")
        await fleet.game_server(cls.node, "--capacity", "100").ready()

    async def settle(self) -> None:
        """The store is well again, nobody is in the queue, and nothing contradicts itself."""
        self.store.ask("CONFIG", "SET", "maxmemory", "0")
        self.store.ask("CONFIG", "SET", "min-replicas-to-write", "0")
        self.store.ask("REPLICAOF", "NO", "ONE")
        await self.node.ready()
        await eventually(self.node.queued, lambda waiting: waiting == 0)
        self.assertEqual((await self.node.get("/v1/invariants"))["contradictions"], [])

    async def two(self) -> tuple[Player, Player]:
        """One who waits, and one who has connected."""
        waiting = await self.player("waiting", self.node.url).enqueue()
        return waiting, await self.player("newcomer", self.node.url).connect()

    async def refused(self, player: Player) -> None:
        """He asks for a place, is told to ask again, and keeps his connection."""
        player.client.enqueue(player.name)
        self.assertEqual((await player.hear("error"))["code"], "unavailable")
        self.assertIsNone(player.client.closed)

    async def are_matched(self, waiting: Player, newcomer: Player) -> None:
        """The one still waits, what the other was refused has not happened, and when he asks again they play."""
        self.assertEqual((await self.node.queued(), waiting.told), (1, ["queued"]))
        await eventually(lambda: self._taken_in(newcomer), bool, PATIENCE)
        self.assertEqual(len({match["session_id"] for match in await matched(waiting, newcomer)}), 1)

    async def _taken_in(self, player: Player) -> bool:
        """He asks again; the connection that hears may be a moment later than the one for commands."""
        player.client.enqueue(player.name)
        answer = await player.hear("queued", "error")
        self.assertIn(answer.get("code"), (None, "unavailable"))
        return bool(answer["type"] == "queued")

    async def test_out_of_memory(self) -> None:
        """Nobody new gets in; whoever waits keeps his place."""
        waiting, newcomer = await self.two()
        self.store.ask("CONFIG", "SET", "maxmemory", "1")
        await self.refused(newcomer)
        self.store.ask("CONFIG", "SET", "maxmemory", "0")
        await self.are_matched(waiting, newcomer)

    async def test_refusal_is_told(self) -> None:
        """A load balancer, Prometheus and the log are told that the store takes no writes, and when it does again."""
        _, newcomer = await self.two()
        for setting, reason in (("maxmemory", "OOM command not allowed"), ("min-replicas-to-write", "NOREPLICAS ")):
            before = len(self.node.log)
            self.store.ask("CONFIG", "SET", setting, "1")
            for _ in range(5):
                await self.refused(newcomer)
            status, said = await self.node.health()
            self.assertEqual((status, said["status"]), (503, "unready"))
            self.assertTrue(said["reason"].startswith(f"redis: refuses writes: {reason}"), said)
            self.assertEqual(await self._metrics("matchd_redis_up", "matchd_redis_writable"), ["1.0", "0.0"])
            self.store.ask("CONFIG", "SET", setting, "0")
            await self.node.ready()
            self.assertEqual(await self._metrics("matchd_redis_up", "matchd_redis_writable"), ["1.0", "1.0"])
            began, ended = await eventually(partial(self._log_since, before), lambda lines: len(lines) == 2)
            self.assertIn(f"redis: the store refuses writes: {reason}", began)
            self.assertIn("redis: the store takes writes again", ended)

    async def _log_since(self, length: int) -> list[str]:
        return self.node.log[length:].splitlines()

    async def _metrics(self, *names: str) -> list[str]:
        lines = [
            line.rsplit(" ", 1) for line in (await self.node.ask("GET", "/metrics")).text.splitlines() if line[0] != "#"
        ]
        return [value for wanted in names for name, value in lines if name == wanted]

    async def test_out_of_memory_while_they_load(self) -> None:
        """A match that was begun goes on to its end."""
        players = [await self.player(name, self.node.url).enqueue() for name in ("one", "two")]
        for player in players:
            await player.drawn()
        self.store.ask("CONFIG", "SET", "maxmemory", "1")
        for player in players:
            player.client.loading_complete()
        self.assertEqual(len({(await player.hear("match_found"))["session_id"] for player in players}), 1)

    async def test_read_only(self) -> None:
        """A primary that was made a replica is left; when it, or another, is the primary, everybody is where he was."""
        waiting, newcomer = await self.two()
        self.store.ask("REPLICAOF", "127.0.0.1", str(free_port()))
        await self.refused(newcomer)
        said = await eventually(self.node.health, lambda health: health[0] == 503, PATIENCE)
        self.assertEqual(said[1]["status"], "unready")
        self.store.ask("REPLICAOF", "NO", "ONE")
        await self.node.ready()
        await self.are_matched(waiting, newcomer)

    async def test_busy(self) -> None:
        """While another's script blocks it players are told to ask again, and nothing of it happens later."""
        waiting, newcomer = await self.two()
        blocked: Deferred[Any] = deferToThread(self.store.ask, "EVAL", BUSY, 0)
        await eventually(self._busy, bool, PATIENCE)
        await self.refused(newcomer)
        await blocked
        await self.are_matched(waiting, newcomer)

    async def _busy(self) -> bool:
        try:
            await deferToThread(self.store.ask, "GET", "anything")
        except Exception as error:
            return str(error).startswith("BUSY")
        return False

    async def test_scripts_flushed(self) -> None:
        """It forgets its scripts again and again while people play: nobody notices, nothing counts twice."""
        flushing = LoopingCall(self.store.ask, "SCRIPT", "FLUSH")
        flushing.start(0.02)
        try:
            crowd = self.crowd("flushed", 40, self.node.url)
            games = await crowd.play()
        finally:
            flushing.stop()
        self.assertEqual([len(players) for players in games.values()], [2] * 20)
        self.assertEqual(crowd.messages(), {"queued": 40, "start_loading": 40, "match_found": 40})
        await crowd.leave()
