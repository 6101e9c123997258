"""How a node is left without losing anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from matchd.drain import drain
from matchd.messages import CloseCode
from matchd.model import GameServer
from matchd.node import Tempo
from tests.support.world import FIFO, TEAMS, Player, TestNode, World, outcome
from tests.support.worlds import WorldTestCase


class Door:
    """Stands in for the gateway: the players of the first node are its connections."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.refusing: CloseCode | None = None

    @property
    def connected(self) -> list[Player]:
        here = self._world.nodes[0]
        return [player for player in self._world.players if player.node is here and player.closed is None]

    @property
    def connections(self) -> int:
        return len(self.connected)

    def refuse(self, code: CloseCode) -> None:
        self.refusing = code

    async def close_all(
        self, code: CloseCode, reason: str, spare: Callable[[Any], bool] = lambda conversation: False
    ) -> None:
        for player in self.connected:
            if not spare(player.session):
                player.close(code, reason)


class DrainTests(WorldTestCase):
    """Two nodes, of which the first drains."""

    def drain(self, **tempo: float) -> tuple[World, Door, list[None]]:
        self.drained: list[None] = []
        self.scene = self.world(nodes=2, tempo=Tempo(**tempo))
        self.door = Door(self.scene)
        return self.scene, self.door, self.drained

    def begin(self) -> None:
        node = self.scene.nodes[0].node
        draining = Deferred.fromCoroutine(drain(self.scene.clock, node, self.door))  # type: ignore[arg-type]
        draining.addCallback(self.drained.append)
        self.scene.settle()

    def heartbeat(self) -> None:
        """That of a game server comes to the node that stays."""
        outcome(self.scene.nodes[1].node.provider.register(GameServer("one", "one:7000", 100)))

    def test_idle_node_is_drained_at_once(self) -> None:
        """With nobody to wait for, a node may stop right away, and lets nobody in any more."""
        world, door, drained = self.drain()
        self.begin()
        world.advance(0.5)
        self.assertEqual((drained, door.refusing), ([None], CloseCode.DRAINING))

    def test_queued_player_is_sent_elsewhere_and_keeps_his_place(self) -> None:
        """Who waits is closed with 4000; on another node within 15 s he is still before those who came later."""
        world, _, drained = self.drain()
        world.server()
        moving = world.player("moving").enqueue(FIFO.name)
        self.begin()
        self.assertEqual(moving.closed, CloseCode.DRAINING)
        self.assertEqual(moving.reason, "this node is going down: connect again elsewhere")
        world.advance(5)
        self.assertEqual(drained, [None])
        back = world.player("moving", node=1).resume()
        second, third = (world.player(name, node=1).enqueue(FIFO.name) for name in ("second", "third"))
        self.assertEqual((back.types, second.types), (["queued", "start_loading"], ["queued", "start_loading"]))
        self.assertEqual(third.types, ["queued"])

    def test_mode_that_goes_with_the_node(self) -> None:
        """Who waits for a mode that no other node serves is told so after a minute, and may ask for another."""
        world, _, _ = self.drain()
        without = TestNode(world, Tempo(), {FIFO.name: FIFO}, None)
        world.nodes[1].kill()
        world.nodes[1] = without
        moving = world.player("moving").enqueue(TEAMS.name)
        self.begin()
        self.assertEqual(moving.closed, CloseCode.DRAINING)
        back = world.player("moving", node=1).resume()
        world.advance(55, step=1)
        self.assertEqual(back.types, ["queued"])
        world.advance(10, step=1)
        self.assertEqual((back.last["code"], back.closed), ("invalid_game_mode", None))
        self.assertEqual(back.enqueue(FIFO.name).last["type"], "queued")

    def test_away_while_moving_is_not_drawn(self) -> None:
        """While he moves he is in no match that he could not hear of."""
        world, _, _ = self.drain()
        world.server()
        world.player("moving").enqueue(FIFO.name)
        self.begin()
        world.advance(1)
        self.assertEqual(world.player("other", node=1).enqueue(FIFO.name).types, ["queued"])

    def test_place_is_kept_for_15_seconds(self) -> None:
        """Until then he comes back before those who came while he was away; who does not come in time has left."""
        world, _, _ = self.drain()
        for name in ("gone", "moving"):
            world.player(name).enqueue(FIFO.name)
        self.begin()
        world.advance(1)
        early = world.player("early", node=1).enqueue(FIFO.name)
        world.advance(13.5)
        self.assertEqual(world.invariants()["players"]["away"], 2)
        back = world.player("moving", node=1).resume()
        late = world.player("late", node=1).enqueue(FIFO.name)
        self.assertEqual(world.direct.ask("ZRANGE", "order:Ranked", 0, -1), [b"moving", b"early", b"late"])
        self.heartbeat()
        world.advance(1)
        self.assertEqual([player.types[-1] for player in (back, early, late)], ["start_loading"] * 2 + ["queued"])
        self.assertEqual(world.invariants()["players"]["away"], 0)
        self.assertEqual(world.player("gone", node=1).resume().last["code"], "not_queued")

    def test_match_that_loads_here_is_finished_here(self) -> None:
        """Who loads may stay until his match is found."""
        world, _, drained = self.drain()
        world.server()
        here, there = world.player("here").enqueue(), world.player("there", node=1).enqueue()
        self.begin()
        world.advance(3)
        self.assertEqual((here.closed, drained), (None, []))
        there.load()
        here.load()
        self.assertEqual((here.last["type"], there.last["type"]), ("match_found", "match_found"))
        world.advance(1)
        self.assertEqual((here.closed, drained), (CloseCode.DRAINING, [None]))

    def test_endless_loading_is_not_waited_for(self) -> None:
        """Within half a minute the node is left all the same; who was ready is back in the queue after the grace."""
        world, _, drained = self.drain()
        world.server()
        here, there = world.player("here").enqueue(), world.player("there", node=1).enqueue()
        there.load()
        self.begin()
        world.advance(24)
        self.assertEqual((here.closed, drained), (CloseCode.DRAINING, [None]))
        world.advance(16)
        self.assertEqual(there.last, {"type": "requeued", "reason": "player_left", "seq": 3})

    def allocating(self) -> tuple[Player, Player]:
        """Two who have loaded, for whom the node that will drain asks a game server that takes its time."""
        self.scene.games.behaviour[self.scene.server()] = "slow"
        here, there = self.scene.player("here").enqueue(), self.scene.player("there", node=1).enqueue()
        there.load()
        here.load()
        return here, there

    def test_allocation_under_way_is_finished(self) -> None:
        """A node that asks a game server for a session waits for the answer."""
        world, _, drained = self.drain()
        _, there = self.allocating()
        self.begin()
        world.advance(2)
        self.assertEqual(drained, [])
        world.games.answer_all()
        world.advance(1)
        self.assertEqual((there.last["type"], drained), ("match_found", [None]))

    def test_allocation_that_takes_too_long_is_gone_on_with(self) -> None:
        """Within half a minute the node is left all the same; another asks the same server with the same key."""
        world, _, drained = self.drain()
        here, there = self.allocating()
        self.begin()
        for _ in range(8):
            world.advance(3)
            self.heartbeat()
        self.assertEqual((here.closed, drained), (CloseCode.DRAINING, [None]))
        world.until(lambda: len(world.games.asked) == 2, 6)
        self.assertEqual(len(set(world.games.asked)), 1)
        world.games.answer_all()
        world.settle()
        self.assertEqual(there.last["type"], "match_found")
        self.assertEqual(world.player("here", node=1).resume().last["session_id"], there.last["session_id"])

    def test_store_that_is_away_holds_nobody_up(self) -> None:
        """A node can be left while the store is away; the others find out by its silence."""
        world, _, drained = self.drain()
        world.player("p").enqueue()
        world.nodes[0].disconnect()
        self.begin()
        world.advance(6)
        self.assertEqual(drained, [None])
        world.nodes[0].kill()
        world.advance(6)
        self.assertEqual(world.nodes[1].node.store.node, world.direct.ask("ZRANGE", "nodes", 0, -1)[0].decode())
