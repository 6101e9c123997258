"""The store goes away for a while: what players and operators see meanwhile, and that nothing is lost."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet import reactor

from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import FleetCase, SharedFleetCase
from tests.support.players import Player, matched
from tests.support.processes import children
from tests.support.valkey import Valkey
from tests.support.waiting import eventually, pause

PROMPT = 3.0
"""Seconds within which everybody is told what is going on."""


class PrivateStoreTests(FleetCase):
    """A node with a private Valkey."""

    async def test_its_guardian_and_then_the_store_die(self) -> None:
        """The node is ready again by itself, and the player in its queue is still there."""
        node = await self.fleet().node().ready()
        waiting = await self.player("waits", node.url).enqueue()
        (guardian,) = children(node.child.pid, "guardian.py")
        (valkey,) = children(guardian, "valkey-server")
        os.kill(guardian, signal.SIGKILL)
        await node.logs("its guardian has ended")
        os.kill(valkey, signal.SIGKILL)
        await eventually(node.health, lambda health: health[0] == 503, PATIENCE)
        began = reactor.seconds()
        await node.ready()
        self.took("ready after the guardian and the private store died", reactor.seconds() - began)
        await eventually(node.queued, lambda queued: queued == 1, PATIENCE)
        await matched(waiting, await self.player("comes", node.url).enqueue())
        self.assertEqual(await node.stop(), 0)


class OutageTests(SharedFleetCase):
    """A separate Valkey that writes down everything dies, and comes back."""

    store: Valkey
    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        cls.store = fleet.valkey("--appendonly", "yes", "--appendfsync", "always")
        cls.node = fleet.node("--redis", f"redis://127.0.0.1:{cls.store.port}/0")
        await fleet.game_server(cls.node).ready()

    async def settle(self) -> None:
        """The store is there again, nobody is in the queue, and nothing contradicts itself."""
        if (await self.node.health())[0] != 200:
            self.store.restart()
            await self.node.ready()
        await eventually(self.node.queued, lambda waiting: waiting == 0)
        self.assertEqual((await self.node.get("/v1/invariants"))["contradictions"], [])

    async def refused(self, player: Player) -> float:
        """Ask for a place, which has to be refused as unavailable; the seconds until it was."""
        began = reactor.seconds()
        player.client.enqueue(player.name)
        self.assertEqual((await player.hear("error"))["code"], "unavailable")
        return float(reactor.seconds() - began)

    async def not_ready(self) -> dict[str, Any]:
        """What the node says of itself, once it knows that it can't serve."""
        _, said = await eventually(self.node.health, lambda health: health[0] == 503, PATIENCE)
        self.assertEqual(said["status"], "unready")
        return said  # type: ignore[no-any-return]

    async def back(self) -> float:
        """Start the store again; the seconds until the node is ready."""
        self.store.start()
        began = reactor.seconds()
        await self.node.ready()
        return float(reactor.seconds() - began)

    async def test_the_store_dies(self) -> None:
        """Clients are told at once, and keep their sockets and their places; it goes on 3 s after the store is back."""
        waiting = await self.player("waiting", self.node.url).enqueue()
        newcomer = await self.player("newcomer", self.node.url).connect()
        self.store.kill()
        seconds = await self.refused(newcomer)
        self.took("an enqueue is refused after the store was killed", seconds)
        self.assertLess(seconds, PROMPT)
        await eventually(self.not_ready, lambda said: said["reason"] == "redis: connection refused")
        self.assertLess(await self.refused(newcomer), PROMPT)
        seconds = await self.back()
        self.took("ready after the store is back", seconds)
        self.assertLess(seconds, PROMPT)
        self.assertEqual([waiting.client.closed, newcomer.client.closed], [None, None])
        self.assertEqual(await self.node.queued(), 1, "what was refused may not happen later")
        newcomer.client.enqueue("newcomer")
        await newcomer.hear("queued")
        self.assertEqual(len({match["session_id"] for match in await matched(waiting, newcomer)}), 1)

    async def test_no_ghosts(self) -> None:
        """What was asked during the outage, and refused, does not happen when it is over."""
        waiting = await self.player("waiting", self.node.url).enqueue()
        others = [await self.player(f"other-{i}", self.node.url).connect() for i in range(3)]
        self.store.kill()
        for other in others:
            await self.refused(other)
        waiting.client.dequeue()
        self.assertEqual((await waiting.hear("error"))["code"], "unavailable")
        await self.back()
        await pause(1)
        self.assertEqual(await self.node.queued(), 1)
        self.assertEqual(waiting.told, ["queued", "error"])
        self.assertEqual([other.told for other in others], [["error"]] * 3)

    async def test_the_store_hangs(self) -> None:
        """A store that does not answer is given up after 2 s; what was refused does not happen when it goes on."""
        player = await self.player("player", self.node.url).connect()
        self.store.signal(signal.SIGSTOP)
        seconds = await self.refused(player)
        self.took("an enqueue is refused while the store hangs", seconds)
        self.assertLess(seconds, PROMPT + 1)
        self.assertIn("no answer within 2 s", (await self.not_ready())["reason"])
        self.store.signal(signal.SIGCONT)
        await self.node.ready()
        await pause(0.5)
        self.assertEqual(await self.node.queued(), 0)
        self.assertEqual(player.told, ["error"])

    async def test_loading_goes_on(self) -> None:
        """Players who were loading finish after the outage, and are matched."""
        one, two = self.player("one", self.node.url), self.player("two", self.node.url)
        await one.enqueue()
        await two.enqueue()
        session = {await one.drawn(), await two.drawn()}
        self.assertEqual(len(session), 1)
        one.client.loading_complete()
        await pause(0.2)
        self.store.restart()
        await self.node.ready()
        two.client.loading_complete()
        matches = [await player.hear("match_found") for player in (one, two)]
        self.assertEqual(matches[0]["session_id"], matches[1]["session_id"])
