"""A store that goes back in time: nodes find what is missing, and put it right."""

from __future__ import annotations

from tests.support.keyspace import Copy, copy, put_back
from tests.support.nodes import NodesTestCase
from tests.support.world import Player


class LostWritesTests(NodesTestCase):
    """A failover loses the last writes: nodes connect to a store that is as it was when the copy was made."""

    def lose_writes_since(self, older: Copy) -> None:
        self.away()
        put_back(self.service.direct, older)
        self.back()

    def copy(self) -> Copy:
        return copy(self.service.direct)

    def pair(self) -> tuple[Player, Player]:
        """Two players who wait, because no server is free."""
        self.service.server("one", 0)
        return self.queued("a"), self.queued("b", 1)

    def start(self) -> None:
        """A server gets free, so that they load."""
        self.service.server("one", self.capacity)
        self.service.advance(1)

    def test_match(self) -> None:
        """A match of which both were told stands; neither is drawn a second time."""
        a, b = self.pair()
        older = self.copy()
        self.start()
        a.load()
        b.load()
        self.queued("c")
        self.lose_writes_since(older)
        self.service.advance(3)
        self.assertEqual((a.types, b.types), (["queued", "start_loading", "match_found"],) * 2)
        self.assertEqual((self.queue(), len(self.games.asked)), (["c"], 1))

    def test_end_of_an_allocation(self) -> None:
        """If only the end of an allocation is lost, both stay matched, in the one session that was made."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        older = self.copy()
        self.games.answer_all()
        self.service.settle()
        self.games.behaviour.clear()
        self.lose_writes_since(older)
        self.service.advance(3)
        self.assertEqual((a.types.count("match_found"), b.types.count("match_found")), (1, 1))
        self.assertEqual((self.state("a", "b"), self.slots()), (["matched", "matched"], 1))
        self.assertEqual(list(self.games.sessions["one:7000"].values()), [a.last["session_id"]])

    def test_draw(self) -> None:
        """If only the draw is lost, both are told that it fell through, and are drawn again."""
        a, b = self.pair()
        older = self.copy()
        self.start()
        self.lose_writes_since(older)
        self.service.advance(2)
        self.assertEqual(a.types, ["queued", "start_loading", "requeued", "start_loading"])
        a.load()
        b.load()
        self.assertEqual((a.types[-1], b.types[-1]), ("match_found", "match_found"))

    def test_newcomer(self) -> None:
        """Who had just come waits, in his place."""
        self.pair()
        older = self.copy()
        self.queued("c")
        self.capacity = 0
        self.lose_writes_since(older)
        self.assertEqual(self.queue(), ["a", "b", "c"])

    def test_gone(self) -> None:
        """Who had just left is not matched as a ghost."""
        a, b = self.pair()
        older = self.copy()
        a.vanish()
        self.lose_writes_since(older)
        self.service.advance(3)
        self.assertEqual((self.queue(), self.state("a"), b.types), (["b"], ["left"], ["queued"]))

    def test_gone_while_loading(self) -> None:
        """Who had just left his match does not keep the others from playing."""
        a, b = self.loading(0, 1)
        older = self.copy()
        a.vanish()
        self.lose_writes_since(older)
        self.service.advance(3)
        self.assertEqual((b.types[-1], self.queue(), self.state("a")), ("requeued", ["b"], ["left"]))

    def test_came_back_elsewhere(self) -> None:
        """Who had just moved to another node is spoken for by his newest connection."""
        a, _b = self.pair()
        older = self.copy()
        again = self.service.player("a", 1).resume()
        self.lose_writes_since(older)
        self.service.advance(3)
        self.assertIsNone(again.closed)
        self.assertEqual(self.field("a", "conn"), again.session.speaker.connection_id)
        self.assertIsNotNone(a.closed)

    def test_a_node_that_had_just_come(self) -> None:
        """A node that joined since is a node again, with its players."""
        self.pair()
        older = self.copy()
        self.service.add_node()
        self.queued("c", 2)
        self.capacity = 0
        self.lose_writes_since(older)
        self.service.advance(8)
        self.assertEqual((self.queue(), len(self.service.direct.ask("ZRANGE", "nodes", 0, -1))), (["a", "b", "c"], 3))
