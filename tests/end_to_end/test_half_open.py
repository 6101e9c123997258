"""The connection that hears what is published goes silent without being cut: nobody misses anything."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet import reactor

from tests.grid.proxy import Blind, Link
from tests.grid.wire import resp
from tests.support.fleet import PATIENCE
from tests.support.fleets import FleetCase
from tests.support.players import Player
from tests.support.waiting import pause, until

SILENT = "redis subscriber: nothing heard for 8 s"
FOUND_OUT = 15.0
"""Seconds within which the node has to say so, on a machine that is busy: it is promised for 10."""


class Ears(Blind):
    """Knows whether a connection listens."""

    listens = False

    def up(self, message: bytes) -> None:
        self.listens = self.listens or b"SUBSCRIBE" in message


class HalfOpenTests(FleetCase):
    """A node whose way to the store leads through a proxy."""

    async def test_every_step_once_and_in_order(self) -> None:
        """Its own ping finds out, a new connection listens, and players hear of all that went by, once and in order."""
        fleet = self.fleet()
        store = Link("store", fleet.valkey().port, resp, lambda link: Ears())
        self.addCleanup(store.close)
        node = await fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0").ready()
        players = [await self.player(name, node.url).enqueue() for name in ("one", "two")]
        [listening] = [passage for passage in store.passages if isinstance(passage.tap, Ears) and passage.tap.listens]
        listening.held = True
        began = reactor.seconds()
        await fleet.game_server(node).ready()
        await self.play(players)
        await until(lambda: SILENT in node.log, PATIENCE)
        seconds = reactor.seconds() - began
        self.took("a half-open connection is found out", seconds)
        self.assertLess(seconds, FOUND_OUT)
        await until(lambda: node.log.count("redis subscriber: connected") == 2, PATIENCE)
        await pause(1)
        for player in players:
            self.assertEqual(player.told, ["queued", "start_loading", "match_found"])
            self.assertEqual([message["seq"] for message in player.client.received], [1, 2, 3])
        await self.play([await self.player(name, node.url).enqueue() for name in ("three", "four")])

    async def play(self, players: Sequence[Player]) -> None:
        """From the queue to the match."""
        for player in players:
            await player.drawn()
            player.client.loading_complete()
        self.assertEqual(len({(await player.hear("match_found"))["session_id"] for player in players}), 1)
