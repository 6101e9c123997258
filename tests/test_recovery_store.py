"""A store that is emptied or goes back in time: nodes give it back what it has forgotten."""

from __future__ import annotations

from tests.support.keyspace import Copy, copy, put_back
from tests.support.nodes import NodesTestCase
from tests.support.world import Player, outcome


class EmptiedTests(NodesTestCase):
    """The store is started anew without what it held, and the nodes lose their connections meanwhile."""

    def empty(self) -> None:
        self.away()
        self.service.direct.ask("FLUSHALL")
        self.service.direct.ask("SCRIPT", "FLUSH")
        self.service.advance(1)
        self.back()
        self.service.advance(2.5)

    def no_slots(self) -> None:
        """From now on the game server has no slot for another match."""
        self.capacity = 0
        self.service.server("one", 0)

    def test_queued(self) -> None:
        """Whoever waited waits again, in the old order and with the time that he had; nobody is told anything."""
        self.service.server("one", 0)
        players = []
        for i, name in enumerate("abcde"):
            players.append(self.queued(name, i % 2))
            self.service.advance(1)
        self.capacity = 0
        waited = [self.waited(name) for name in "abcde"]
        self.empty()
        self.assertEqual(self.queue(), ["a", "b", "c", "d", "e"])
        now = [self.waited(name) for name in "abcde"]
        self.assertTrue(all(before <= after <= before + 5 for before, after in zip(waited, now, strict=True)), now)
        self.assertEqual({tuple(player.types) for player in players}, {("queued",)})

    def test_drawn_afterwards(self) -> None:
        """They are matched in the order in which they had come."""
        self.service.server("one", 0)
        a, b, c = self.queued("a"), self.queued("b", 1), self.queued("c")
        self.empty()
        self.service.advance(1)
        self.assertEqual([player.types[-1] for player in (a, b, c)], ["start_loading", "start_loading", "queued"])

    def test_loading(self) -> None:
        """Whoever loaded is told that it fell through, and starts again at once with those who had waited longest."""
        a, b = self.loading(0, 1)
        self.no_slots()
        self.empty()
        self.assertEqual(a.types, ["queued", "start_loading", "requeued"])
        self.assertEqual((b.last["type"], b.last["reason"]), ("requeued", "allocation_failed"))
        self.assertEqual(self.queue(), ["a", "b"])

    def test_loaded(self) -> None:
        """To have loaded for a match that is no more is refused, and costs nothing."""
        a, _b = self.loading(0, 1)
        self.no_slots()
        self.empty()
        a.load(loading_session_id=a.heard[1]["loading_session_id"])
        self.assertEqual((a.last["code"], self.queue()), ("not_in_session", ["a", "b"]))

    def test_while_a_request_is_out(self) -> None:
        """A match that was being made is not told; what the server made of it is asked to end in time, or is over."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.no_slots()
        self.empty()
        self.games.answer_all()
        self.service.advance(2)
        self.assertEqual((a.types[-1], b.types[-1], self.queue()), ("requeued", "requeued", ["a", "b"]))

    def test_matched(self) -> None:
        """Whoever was matched is not told again, can ask for it as before, and is in no queue."""
        a, b = self.matched(0, 1)
        self.empty()
        self.service.advance(2)
        self.assertEqual((a.types.count("match_found"), b.types.count("match_found"), self.queue()), (1, 1, []))
        again = self.service.player("b", 0).resume()
        self.assertEqual({**again.last, "seq": 0}, {**b.last, "seq": 0})

    def test_left_meanwhile(self) -> None:
        """Whoever left while the store was away does not come back with it."""
        self.service.server("one", 0)
        a, _b = self.queued("a"), self.queued("b", 1)
        self.away()
        a.vanish()
        self.service.direct.ask("FLUSHALL")
        self.back()
        self.assertEqual(self.queue(), ["b"])

    def test_numbering(self) -> None:
        """The messages' numbers go on, so that nothing that comes afterwards is taken for an old one."""
        a, _b = self.loading(0, 1)
        self.empty()
        self.service.advance(2)
        self.assertEqual([message["seq"] for message in a.heard], [1, 2, 3, 4])
        self.assertEqual(a.types[2:], ["requeued", "start_loading"])


class EmptiedInPassingTests(EmptiedTests):
    """The store is emptied without any connection being lost."""

    def empty(self) -> None:
        self.service.direct.ask("FLUSHALL")
        self.service.advance(4)
        self.service.server("one", self.capacity)


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


class ForgottenServersTests(NodesTestCase):
    """The store forgets the game servers too, and nobody waits for their next heartbeats."""

    def empty(self) -> None:
        for node in self.service.nodes:
            node.disconnect()
        self.service.direct.ask("FLUSHALL")
        for node in self.service.nodes:
            node.reconnect()

    def test_given_back(self) -> None:
        """A server that was heard of lately is there again at once, with the sessions that it had."""
        self.service.server("one", self.capacity, 4)
        self.service.advance(3)
        self.empty()
        self.assertEqual((self.slots(), self.queued("a").types, self.slots()), (4, ["queued"], 4))
        self.assertEqual(self.queued("b").types, ["queued", "start_loading"])

    def test_not_for_ever(self) -> None:
        """One that has been silent for longer than it may is not given back."""
        self.service.advance(16)
        self.empty()
        self.assertEqual(self.service.direct.ask("EXISTS", "dedicated_server:one"), 0)

    def test_gone_on_purpose(self) -> None:
        """One that has left is not given back."""
        outcome(self.service.nodes[0].node.provider.deregister("one"))
        self.empty()
        self.assertEqual(self.service.direct.ask("EXISTS", "dedicated_server:one"), 0)

    def test_what_the_store_knows_better(self) -> None:
        """Where the store has not forgotten, what a node remembers changes nothing."""
        self.service.server("one", self.capacity, 4)
        self.matched(0, 0)
        self.service.advance(3)
        before = self.service.direct.ask("HGETALL", "dedicated_server:one")
        self.away()
        for node in self.service.nodes:
            node.reconnect()
        self.assertEqual(self.service.direct.ask("HGETALL", "dedicated_server:one"), before)


class HalfToldTests(NodesTestCase):
    """The store is emptied when one of a match has heard that it was found, and the other has not."""

    def half_told(self, *, first_goes: bool) -> tuple[Player, Player]:
        a, b = self.loading(0, 1)
        self.service.nodes[1].cut_subscriber()
        a.load()
        b.load()
        self.assertEqual((a.last["type"], b.last["type"]), ("match_found", "start_loading"))
        if first_goes:
            a.vanish()
        self.away()
        self.service.direct.ask("FLUSHALL")
        for node in reversed(self.service.nodes):
            node.reconnect()
        self.service.advance(2.5)
        return a, b

    def test_told_all_the_same(self) -> None:
        """The other is told of the same match, though his node comes back first; nobody plays alone."""
        a, b = self.half_told(first_goes=False)
        self.assertEqual(b.types, ["queued", "start_loading", "match_found"])
        self.assertEqual(b.last["session_id"], a.last["session_id"])

    def test_first_has_gone_to_play(self) -> None:
        """So too when the one who heard it has closed his connection, as clients do."""
        a, b = self.half_told(first_goes=True)
        self.assertEqual((b.types[2:], b.last["session_id"]), (["match_found"], a.last["session_id"]))
        self.assertEqual(self.service.player("a", 1).resume().last["session_id"], a.last["session_id"])


class ToldToNobodyTests(NodesTestCase):
    """The game server has made the session, and the store is emptied before any player has heard of it."""

    def made(self) -> tuple[Player, Player]:
        """Two have loaded, their game server is about to answer, and the second node waits for that."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        return a, b

    def empty(self) -> None:
        self.away()
        self.service.direct.ask("FLUSHALL")

    def assert_told_of_the_one(self, a: Player, b: Player) -> None:
        self.service.advance(2.5)
        for player in (a, b):
            self.assertEqual(player.types, ["queued", "start_loading", "match_found"])
            self.assertEqual([player.last["session_id"]], list(self.games.sessions["one:7000"].values()))
        self.assertEqual((len(self.games.asked), self.games.ended, self.slots()), (1, [], 1))

    def test_before_it_was_written(self) -> None:
        """The node that asked tells of it when the store is back: they play there, and nobody loads once more."""
        a, b = self.made()
        self.service.nodes[1].disconnect()
        self.games.answer_all()
        self.empty()
        self.back()
        self.assert_told_of_the_one(a, b)

    def test_after_it_was_written(self) -> None:
        """So too where it was written, and the store was emptied before anybody had heard that."""
        a, b = self.made()
        node = self.service.nodes[1]
        for each in self.service.nodes:
            each.cut_subscriber()
        node.commands.lose_the_next_answer(then=node.disconnect)
        self.games.answer_all()
        self.assertEqual(self.state("a", "b"), ["matched", "matched"])
        self.empty()
        self.back()
        self.assert_told_of_the_one(a, b)

    def test_too_late(self) -> None:
        """Once one of them was told that it fell through it has, for all: what the server made is ended."""
        a, b = self.made()
        self.service.nodes[1].disconnect()
        self.games.answer_all()
        self.empty()
        self.service.nodes[0].reconnect()
        self.service.server("one", 0)
        self.service.advance(2.5)
        self.assertEqual(a.types[2:], ["requeued"])
        self.service.nodes[1].reconnect()
        self.service.advance(2.5)
        self.assertEqual((b.types[2:], self.games.ended), (["requeued"], self.games.asked))
