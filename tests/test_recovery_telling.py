"""A store that is emptied just as a match was made: all of its players are told of it, or none."""

from __future__ import annotations

from tests.support.conversations import UNAVAILABLE, requeued
from tests.support.nodes import NodesTestCase
from tests.support.world import Player


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


class FormerMatchTests(NodesTestCase):
    """A node remembers a match whose player is on to the next one, on another node, when the store is emptied."""

    def test_asked_where_he_is_meanwhile(self) -> None:
        """While it is open what became of his match he is not told the former one, but to ask again."""
        former, _ = self.matched(0, 0)
        former.vanish()
        a, _ = self.queued("a", 1), self.queued("c", 1)
        self.assertEqual(a.types, ["queued", "start_loading"])
        seq = a.last["seq"]
        self.away()
        self.service.direct.ask("FLUSHALL")
        self.back()
        self.assertEqual((self.state("a"), a.types[2:]), (["matched"], []))
        self.assertEqual(a.resume().last, UNAVAILABLE)
        self.service.advance(2.5)
        self.assertEqual((a.types[3], a.heard[3]), ("requeued", requeued("allocation_failed", seq + 1)))
        self.assertEqual((self.state("a", "c"), a.resume().last["type"]), (["loading", "loading"], "start_loading"))
