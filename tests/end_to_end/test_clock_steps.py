"""A node's wall clock is set back and forward while it runs: players, heartbeats and timers go on."""

from __future__ import annotations

from typing import ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.support.fleet import PATIENCE, Fleet, GameServer, Node
from tests.support.fleets import SharedFleetCase
from tests.support.players import matched
from tests.support.waiting import eventually, until
from tests.support.wallclock import WallClock

HOUR = 3600.0
LOADING = 6
"""Seconds to load: longer than the 4 s after which a node without heartbeats is given up by the other."""
MODES = f"""
[modes.Duel]
loading_timeout = {LOADING}
[modes.Crowd]
teams = [100, 100]
"""


class ClockStepTests(SharedFleetCase):
    """A node of two processes and a game server by a clock that is stepped, beside a node whose clock is right."""

    clock: ClassVar[WallClock]
    node: ClassVar[Node]
    neighbour: ClassVar[Node]
    server: ClassVar[GameServer]

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        store = fleet.valkey()
        cls.clock = WallClock(fleet.folder / "clock")
        shared = ("--redis", f"redis://127.0.0.1:{store.port}/0", "--config", fleet.file("modes.toml", MODES))
        cls.neighbour = await fleet.node(*shared).ready()
        fleet.environment = cls.clock.environment
        cls.node = await fleet.node(*shared, "--workers", "2").ready()
        await until(lambda: cls.node.log.count("players: ws://") == 2, PATIENCE)
        cls.server = await fleet.game_server(cls.node, "--session-seconds", "1").ready()

    async def plays_on_after(self, seconds: float) -> None:
        waiting = self.crowd("waiting", 12, self.node.url, mode="Crowd")
        await gatherResults([Deferred.fromCoroutine(player.enqueue()) for player in waiting.players])
        self.clock.step(seconds)
        await self.players_are_matched()
        await self.who_does_not_load_is_put_out(f"silent{seconds:g}")
        await eventually(self.server.running, lambda sessions: sessions == 0, PATIENCE)
        self.assertIn(self.server.server_id, await self.node.servers())
        self.assertEqual((await self.node.health())[0], 200)
        self.assertEqual([player.client.closed_code for player in waiting.players], [None] * 12)
        self.assertEqual({tuple(player.told) for player in waiting.players}, {("queued",)})

    async def players_are_matched(self) -> None:
        pair = [self.player(name, self.node.url, mode="Duel") for name in ("ada", "bob")]
        for player in pair:
            await player.enqueue()
        first, second = await matched(*pair)
        self.assertEqual(first["session_id"], second["session_id"])

    async def who_does_not_load_is_put_out(self, name: str) -> None:
        ready, silent = (self.player(name, self.node.url, mode="Duel") for name in ("cleo", name))
        await ready.enqueue()
        await silent.enqueue()
        ready.client.loading_complete(await ready.drawn())
        began = reactor.seconds()
        await ready.hear("requeued")
        self.took("until who had loaded was back in the queue", reactor.seconds() - began)
        await silent.drawn()
        self.assertEqual((await silent.hear("error"))["code"], "loading_timeout")

    async def test_ten_seconds_back(self) -> None:
        """As when a clock that was fast is set right."""
        await self.plays_on_after(-10)

    async def test_an_hour_back(self) -> None:
        """Nobody waits until the clock has made up for it."""
        await self.plays_on_after(-HOUR)

    async def test_an_hour_forward(self) -> None:
        """Nobody is put out before their time."""
        await self.plays_on_after(HOUR)
