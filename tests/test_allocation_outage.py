"""The store gets out of reach in the middle of an allocation."""

from __future__ import annotations

from tests.support.allocating import AllocationTestCase


class StoreAwayTests(AllocationTestCase):
    """The store can't be reached in the middle of an allocation."""

    nodes = 2

    def cut(self, seconds: float) -> None:
        self.service.nodes[0].commands.down = True
        self.games.answer_all()
        self.service.advance(seconds)
        self.service.nodes[0].commands.down = False

    def test_for_a_moment(self) -> None:
        """What the server answered is told when the store is back; the server is not asked twice."""
        a, b = self.loading(1, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        self.cut(3)
        self.service.advance(0.5)
        self.assertEqual((a.types[-1], b.types[-1], self.asked()), ("match_found", "match_found", ["one"]))

    def test_for_longer_than_the_lease(self) -> None:
        """What no node could go on with for a minute is gone on with when the store is back: that is no failure."""
        a, b = self.loading(1, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        self.away()
        self.games.answer_all()
        self.service.advance(70, step=2)
        self.games.behaviour.clear()
        self.back()
        self.service.until(lambda: "requeued" in a.types, 5)  # the server was not heard of in all that time
        self.assertEqual([node.node.background.failures for node in self.service.nodes], [{}, {}])

    def test_while_others_go_on(self) -> None:
        """A node that was away for too long finds its match made by another; nothing is told or made twice."""
        a, b = self.loading(1, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        late, self.games.waiting = self.games.waiting, []
        self.games.behaviour.clear()
        self.service.nodes[0].commands.down = True
        self.service.until(lambda: "match_found" in a.types, 8)
        self.games.waiting = late
        self.games.answer_all()
        self.service.nodes[0].commands.down = False
        self.service.advance(3)
        self.assertEqual((a.types.count("match_found"), self.slots()), (1, 1))
        self.assertEqual(list(self.games.sessions["one:7000"].values()), [a.last["session_id"]])

    def test_emptied_meanwhile(self) -> None:
        """The store was emptied while the server was asked: what it made is ended, for nobody knows of it any more."""
        a, _ = self.loading(0, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(*self.service.players)
        self.service.server("one", self.capacity, self.capacity)
        self.away()
        self.service.direct.ask("FLUSHALL")
        self.back()
        self.service.advance(2.5)
        self.assertIn("requeued", a.types)
        session = a.heard[1]["loading_session_id"]
        self.games.answer_all()
        self.service.advance(2)
        self.assertIn(("one:7000", session), self.games.ended)

    def test_emptied_after_the_answer_was_written(self) -> None:
        """Where the match may have been told before the store was emptied, the players' session is left alone."""
        a, b = self.loading(1, 1)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        node = self.service.nodes[1]
        node.commands.lose_the_next_answer(then=node.disconnect)
        self.games.answer_all()
        self.service.direct.ask("FLUSHALL")
        self.service.nodes[0].disconnect()
        self.back()
        self.service.advance(3)
        self.assertEqual(self.games.ended, [])
