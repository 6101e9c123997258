"""Nodes that die: what becomes of their players, and of those who were with them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from matchd.node import Tempo
from matchd.recovery import sweep_interval
from tests.support.nodes import WITHIN, NodesTestCase

REQUEUED = {"type": "requeued", "reason": "player_left"}


class KilledNodeTests(NodesTestCase):
    """The second node is killed, with its sockets."""

    def kill(self) -> None:
        self.service.nodes[1].kill()

    def test_its_queued_players(self) -> None:
        """They are out of the queue before anybody could be matched with a ghost; others keep their places."""
        self.capacity_is(0)
        self.queued("a", 1)
        self.service.advance(3)
        self.queued("b")
        self.kill()
        self.service.until(lambda: self.queue() == ["b"], WITHIN)
        self.assertEqual(self.state("a"), ["left"])

    def test_one_of_a_loading_session(self) -> None:
        """Those who loaded with one of its players are back in the queue, first, with the time that they had."""
        self.capacity_is(0)
        a = self.queued("a")
        self.service.advance(7)
        self.queued("b", 1)
        self.capacity_is(10)
        self.service.advance(1)
        self.queued("c")
        self.assertEqual(self.state("a", "b", "c"), ["loading", "loading", "queued"])
        self.kill()
        self.service.until(lambda: "requeued" in a.types, WITHIN)
        self.assertEqual({name: a.heard[2][name] for name in REQUEUED}, REQUEUED)
        self.assertEqual(self.state("b"), ["left"])
        self.assertGreaterEqual(self.waited("a"), 8)
        self.assertEqual(self.state("a", "c"), ["loading", "loading"])  # with each other, at once

    def test_who_had_loaded_already(self) -> None:
        """It is the same for those who had loaded already."""
        a, _b = self.loading(0, 1)
        a.load()
        self.kill()
        self.service.until(lambda: "requeued" in a.types, WITHIN)
        self.assertEqual(self.queue(), ["a"])

    def test_which_formed_the_match(self) -> None:
        """Once it has drawn a match it has no more part in it: players of other nodes hear of it, and play."""
        players = self.drawn_by(self.service.nodes[1])
        self.kill()
        self.hear_and_play(players)

    def test_while_a_request_is_out(self) -> None:
        """Its allocation is taken over with the same key: whoever is left gets the session that was being made."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()  # the second node seeks a server
        [(address, session)] = self.games.asked
        self.kill()
        self.service.until(lambda: len(self.games.asked) == 2, WITHIN)
        self.assertEqual(self.games.asked[1], (address, session))
        self.games.answer_all()
        self.service.settle()
        self.assertEqual(a.types, ["queued", "start_loading", "match_found"])
        self.assertEqual((self.state("a", "b"), self.slots()), (["matched", "matched"], 1))
        again = self.service.player("b", 0).resume()
        self.assertEqual(again.last["session_id"], a.last["session_id"])

    def test_after_the_server_has_answered(self) -> None:
        """If it dies between the answer and the end of the allocation, that session is found, and no second made."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.service.nodes[1].commands.down = True
        self.games.answer_all()
        self.kill()
        self.games.behaviour.clear()
        self.service.until(lambda: "match_found" in a.types, WITHIN)
        self.assertEqual(list(self.games.sessions["one:7000"].values()), [a.last["session_id"]])

    def test_while_no_server_takes_it(self) -> None:
        """If the match falls through after all, only those who are still connected are back in the queue."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.kill()
        self.games.behaviour["one:7000"] = "refuse"
        self.service.until(lambda: "requeued" in a.types, WITHIN)
        self.assertEqual(a.last["reason"], "allocation_failed")
        self.assertEqual((self.queue(), self.state("b")), (["a"], ["left"]))

    def test_server_refuses_what_it_has_made(self) -> None:
        """A refusal is no proof once the dead node has asked: the session that may exist is ended, its slot counted."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        [(address, session)] = self.games.asked
        self.games.sessions[address] = {session: "made"}
        self.kill()
        self.games.behaviour[address] = "refuse"
        self.service.until(lambda: "requeued" in a.types, WITHIN)
        self.assertEqual(self.slots(), 1)
        self.service.advance(1)
        self.assertEqual((self.games.ended, self.games.sessions[address]), ([(address, session)], {}))
        self.service.advance(2)
        self.service.server("one", self.capacity, 0)
        self.assertEqual(self.slots(), 0)

    def test_after_the_match(self) -> None:
        """Who was matched stays so: one on the dead node can ask for the match elsewhere, nobody is told again."""
        a, b = self.matched(0, 1)
        self.kill()
        self.service.advance(7)
        again = self.service.player("b", 0).resume()
        expected = {**b.last, "seq": 4}
        self.assertEqual((again.last, a.types.count("match_found"), self.slots()), (expected, 1, 1))

    def test_its_players_come_back(self) -> None:
        """Its players who connect to another node before that keep their places."""
        self.capacity_is(0)
        self.queued("a", 1)
        self.queued("b")
        self.kill()
        a = self.queued("a", 0)
        self.service.advance(10)
        self.assertEqual((self.queue(), a.types), (["a", "b"], ["queued"]))

    def test_all_nodes(self) -> None:
        """When all nodes have died, the next one puts right what they left, once it has lived for a while."""
        self.matched(0, 1)
        self.service.nodes[0].kill()
        self.kill()
        self.service.advance(60)
        self.service.add_node()
        self.service.until(
            lambda: not self.service.direct.ask("EXISTS", "reaping") and len(self.nodes_known()) == 1, WITHIN
        )
        self.assertEqual(self.service.invariants()["contradictions"], [])

    def nodes_known(self) -> list[bytes]:
        known: list[bytes] = self.service.direct.ask("ZRANGE", "nodes", 0, -1)
        return known

    def capacity_is(self, capacity: int) -> None:
        self.service.server("one", capacity)


class ManyNodesTests(SynchronousTestCase):
    """The more nodes there are, the less often each of them sweeps."""

    def test_interval(self) -> None:
        """Few sweep every half second; where many do, each sweeps often enough for a dead node to be found in time."""
        for nodes, often in ((1, 0.25), (4, 0.25), (8, 0.75), (12, 1.25), (64, 1.25)):
            self.assertEqual(sweep_interval(nodes, 4.0), often)
        self.assertEqual(sweep_interval(64, 0.5), 0.3125)


class SixteenNodesTests(NodesTestCase):
    """Sixteen nodes, of which all but one die at once."""

    nodes = 16

    def test_all_but_one_die(self) -> None:
        """The one that is left finds the dead within the usual time."""
        self.queued("a", 7, "Duos")
        for node in self.service.nodes[1:]:
            node.kill()
        self.service.until(lambda: self.state("a") == ["left"], WITHIN)


class GraceTests(NodesTestCase):
    """With ``reconnect_grace`` a player whose connection is gone keeps his place for a while."""

    tempo = Tempo(reconnect_grace=10)

    def test_not_drawn_while_away(self) -> None:
        """Nobody is matched with somebody who is not there."""
        a = self.queued("a")
        a.vanish()
        b = self.queued("b")
        self.service.advance(3)
        self.assertEqual((b.types, self.queue()), (["queued"], ["b"]))

    def test_back_in_place(self) -> None:
        """Who comes back, on any node, is where he was, before those who came later."""
        self.service.server("one", 0)
        self.queued("a").vanish()
        self.queued("b")
        self.service.advance(9)
        again = self.service.player("a", 1).resume()
        self.assertEqual((again.types, self.queue()), (["queued"], ["a", "b"]))
        self.assertGreaterEqual(self.waited("a"), 9)

    def test_gone_when_it_is_over(self) -> None:
        """Who does not come back has left."""
        self.queued("a").vanish()
        self.service.advance(9)
        self.assertEqual(self.state("a"), ["queued"])
        self.service.advance(2)
        self.assertEqual(self.state("a"), ["left"])
        self.assertEqual(self.service.player("a", 1).resume().last["code"], "not_queued")

    def test_while_loading(self) -> None:
        """A loading session waits for him; he loads on his new connection."""
        a, b = self.loading(0, 1)
        b.load()
        a.vanish()
        self.service.advance(5)
        again = self.service.player("a", 1).resume()
        self.assertEqual(again.last["loading_session_id"], a.last["loading_session_id"])
        again.load()
        self.assertEqual((again.types[-1], b.types[-1]), ("match_found", "match_found"))

    def test_while_loading_for_too_long(self) -> None:
        """When the grace is over the others are back in the queue."""
        a, b = self.loading(0, 1)
        a.vanish()
        self.service.advance(9)
        self.assertEqual(b.types[-1], "start_loading")
        self.service.advance(2)
        self.assertEqual((b.types[-1], self.state("a")), ("requeued", ["left"]))

    def test_of_a_dead_node(self) -> None:
        """The grace is for the players of a dead node as well."""
        self.queued("a", 1, "Duos")
        self.service.nodes[1].kill()
        self.service.advance(8)
        self.assertEqual((self.state("a"), self.queue("Duos")), (["queued"], []))
        again = self.service.player("a", 0).resume()
        self.assertEqual((again.types, self.queue("Duos")), (["queued"], ["a"]))


class ShortGraceTests(NodesTestCase):
    """The grace is over before anybody notices that a node is cut off."""

    tempo = Tempo(reconnect_grace=1)

    def test_newer_connection_came_and_went(self) -> None:
        """Whose newer connection came and went while his node was cut off has his place again by the older one."""
        older, cut_off = self.queued("a", 0), self.service.nodes[0]
        cut_off.disconnect()
        self.queued("a", 1).vanish()
        self.service.advance(2.5)
        self.assertEqual(self.state("a"), ["left"])
        cut_off.heal_subscriber()
        cut_off.commands.reopen(self.service.path)
        cut_off.connect()
        self.assertEqual((self.state("a"), self.queue(), older.closed), (["queued"], ["a"], None))
