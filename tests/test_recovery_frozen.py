"""Nodes that freeze, as a stopped process or a paused machine, and wake: they are given up, or nobody has noticed."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from matchd.errors import StoreUnavailable
from matchd.messages import CloseCode
from matchd.model import GameServer
from tests.support.keyspace import dump
from tests.support.nodes import WITHIN, NodesTestCase
from tests.support.world import Player


class FrozenNodeTests(NodesTestCase):
    """The second node does nothing for a while; then it wakes."""

    def setUp(self) -> None:
        super().setUp()
        self.frozen = self.service.nodes[1]

    def test_given_up(self) -> None:
        """After it was given up, it changes nothing, closes its sockets with 4000 and begins anew."""
        a, b = self.queued("a", 1, "Duos"), self.queued("b", 0, "Duos")
        name = self.frozen.node.store.node
        self.frozen.freeze()
        self.service.advance(8)
        self.assertEqual(self.state("a", "b"), ["left", "queued"])
        before = dump(self.service.direct)
        self.frozen.thaw()
        self.assertEqual((a.closed, b.closed), (CloseCode.DRAINING, None))
        after = dump(self.service.direct)
        for key in ("nodes", "modes", "swept", "calm_until"):
            self.assertNotEqual((before.pop(key, None), after.pop(key, None)), (None, None))
        self.assertEqual(after, before)
        self.assertNotEqual(self.frozen.node.store.node, name)
        self.assertEqual(self.queued("a", 1, "Duos").types, ["queued"])

    def test_given_up_and_slow_to_close(self) -> None:
        """Whom it sends away it does not give back to the store, though the socket takes its time to close."""
        a, closed = self.queued("a", 1, "Duos"), []
        a.close = lambda code, _: closed.append(code)  # type: ignore[method-assign]
        self.frozen.freeze()
        self.service.advance(40)
        self.assertEqual(self.state("a"), [""])
        self.frozen.thaw()
        self.service.advance(2)
        self.assertEqual((closed, self.state("a")), ([CloseCode.DRAINING], [""]))
        a.session.lost(CloseCode.DRAINING)
        self.assertEqual(self.state("a"), [""])

    def test_late_questions(self) -> None:
        """Whatever it still asks when it wakes, before it knows: it is refused, and nothing changes."""
        matched = self.queued("m", 1), self.queued("n", 1)
        for player in matched:
            player.load()
        loading, _ = self.loading(1, 0)
        waiting, newcomer = self.queued("w", 1, "Duos"), self.service.player("z", 1)
        self.frozen.freeze()
        self.service.advance(8)
        before = dump(self.service.direct)
        for player, message in (
            (newcomer, {"type": "enqueue", "player_id": "z", "game_mode": "Duos"}),
            (waiting, {"type": "enqueue", "player_id": "w", "game_mode": "Duos"}),
            (waiting, {"type": "resume", "player_id": "w"}),
            (waiting, {"type": "dequeue"}),
            (loading, {"type": "loading_complete"}),
            (matched[0], {"type": "enqueue", "player_id": "m", "game_mode": "Duos"}),
        ):
            self.says(player, message)
        for player in (waiting, loading, matched[1]):
            player.session.lost()
        node = self.frozen.node
        for question in (
            node.provider.register(GameServer("two", "two:7000", 5)),
            node.provider.deregister("one"),
            node.matchmaker.tick(),
            node.allocator.adopt(),
            node.recovery.sweep(),
            node.recovery.reconcile(),
        ):
            self.ask(question)
        self.assertEqual(dump(self.service.direct), before)
        self.frozen.thaw()
        self.assertEqual((newcomer.closed, matched[0].closed), (CloseCode.DRAINING, CloseCode.DRAINING))

    def says(self, player: Player, message: dict[str, Any]) -> None:
        """His frame lay in the socket while the node was frozen."""
        player.session.receive(json.dumps(message).encode())

    def ask(self, question: Any) -> None:
        """The node asks the store; the answer does not matter."""
        Deferred.fromCoroutine(question).addErrback(lambda failure: failure.trap(StoreUnavailable))

    def test_one_of_a_loading_session(self) -> None:
        """Those who loaded with one of its players are back in the queue, with the time that they had."""
        a, b = self.loading(0, 1)
        self.frozen.freeze()
        self.service.until(lambda: "requeued" in a.types, WITHIN)
        self.assertEqual((self.queue(), self.state("b")), (["a"], ["left"]))
        self.frozen.thaw()
        self.assertEqual((b.closed, a.closed, self.queue()), (CloseCode.DRAINING, None, ["a"]))
        again = self.queued("b", 0)
        self.assertEqual((a.types[-1], again.types[-1]), ("start_loading", "start_loading"))

    def test_which_formed_the_match(self) -> None:
        """Once it has drawn a match it has no more part in it: players of other nodes hear of it, and play."""
        players = self.drawn_by(self.frozen)
        self.frozen.freeze()
        self.hear_and_play(players)

    def test_after_the_match(self) -> None:
        """Whose match was found keeps it, and hears of it again when the node has sent him elsewhere."""
        a, b = self.matched(0, 1)
        self.frozen.freeze()
        self.service.advance(8)
        self.frozen.thaw()
        self.assertEqual((a.closed, b.closed), (None, CloseCode.DRAINING))
        self.assertEqual(self.service.player("b", 0).resume().last, {**b.last, "seq": 4})

    def test_its_players_went_elsewhere(self) -> None:
        """Players who have come back on another node meanwhile stay there, wherever they are by then."""
        a = self.queued("a", 1, "Duos")
        self.frozen.freeze()
        elsewhere = self.queued("a", 0, "Duos")
        self.service.advance(8)
        self.frozen.thaw()
        self.assertIsNotNone(a.closed)
        self.assertEqual((elsewhere.closed, elsewhere.types, self.queue("Duos")), (None, ["queued"], ["a"]))

    def test_while_a_request_is_out(self) -> None:
        """The answer that it wakes to is of no account: the match is the one that another node has made."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.frozen.freeze()
        late, self.games.waiting = self.games.waiting, []
        self.games.behaviour.clear()
        self.service.until(lambda: "match_found" in a.types, WITHIN)
        before = self.state("a", "b"), self.slots(), self.games.sessions["one:7000"].copy()
        self.frozen.thaw()
        self.games.waiting = late
        self.games.answer_all()
        self.service.advance(2)
        self.assertEqual((self.state("a", "b"), self.slots(), self.games.sessions["one:7000"]), before)
        self.assertEqual((a.types.count("match_found"), b.closed), (1, CloseCode.DRAINING))
        self.assertEqual(self.service.player("b", 1).resume().last["session_id"], a.last["session_id"])

    def test_for_a_moment(self) -> None:
        """A moment's rest costs nobody anything; what passed meanwhile is heard."""
        a, b = self.queued("a", 1), None
        self.frozen.freeze()
        b = self.queued("b", 0)
        self.service.advance(2)
        self.frozen.thaw()
        self.assertEqual((a.types, b.types, a.closed), (["queued", "start_loading"],) * 2 + (None,))
