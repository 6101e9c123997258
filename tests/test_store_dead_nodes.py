"""What the sweep makes of a node that has fallen silent: it is fenced, and its players are put right."""

from __future__ import annotations

from dataclasses import replace

from matchd.model import Roster
from tests.support.sweeping import SweepTestCase
from tests.support.world import outcome


class DeadNodeTests(SweepTestCase):
    """A node is silent for longer than the node timeout."""

    def die(self, *grace: float) -> None:
        """``there`` is silent until it is given up."""
        for seconds in (5, 1):
            self.live(seconds, grace=sum(grace))
        self.assertEqual(self.redis.ask("ZRANGE", "nodes", 0, -1), [b"here"])

    def test_silent_but_not_for_long(self) -> None:
        """Up to the node timeout a silent node keeps its players."""
        self.enqueue("a", store=self.there)
        self.live(3)
        self.assertEqual((self.queue(), self.redis.ask("EXISTS", "fenced:there")), (["a"], 0))

    def test_queued(self) -> None:
        """Its queued players have left; others keep theirs."""
        self.enqueue("a", store=self.there)
        self.enqueue("b")
        self.die()
        self.assertEqual((self.queue(), self.state("a")), (["b"], ["left"]))

    def test_fenced_for_good(self) -> None:
        """The dead node's name is refused for a day, so that whatever it still believes changes nothing."""
        self.die()
        self.assertEqual(self.redis.ask("GET", "fenced:there"), b"1")
        self.assertIn(self.redis.ask("TTL", "fenced:there"), range(86_390, 86_401))

    def test_loading(self) -> None:
        """A session with one of its players falls through; the others wait again, with the time that they had."""
        self.enqueue("a", store=self.there)
        self.enqueue("b")
        self.loading("a", "b")
        self.enqueue("c")
        self.die()
        self.assertEqual((self.queue(), self.state("a")), (["b", "c"], ["left"]))
        self.assertEqual(self.told("b")[-1], {"type": "requeued", "reason": "player_left"})

    def test_allocating(self) -> None:
        """Its allocations go to the node that sweeps, with the slot they hold; the match is made in the end."""
        roster = self._allocating_there("a", "b")
        reservation = self.reserve(roster.loading_session_id, self.there)
        self.die()
        self.assertEqual(outcome(self.store.adopt()), [replace(roster, slot=None)])
        self.assertEqual(self.reserve(roster.loading_session_id), replace(reservation, again=True))
        self.assertEqual(self.settle(reservation), "matched")
        self.assertEqual(self.state("a", "b"), ["matched", "matched"])

    def test_allocating_in_vain(self) -> None:
        """If no server takes such a match, who was connected to the dead node has left."""
        roster = self._allocating_there("a", "b")
        self.enqueue("b", conn="b2")
        self.die()
        outcome(self.store.abandon(roster.loading_session_id))
        self.assertEqual((self.queue(), self.state("a", "b")), (["b"], ["left", "queued"]))

    def test_grace(self) -> None:
        """With a grace its players keep their places for those who come back elsewhere."""
        self.enqueue("a", store=self.there)
        self.enqueue("b")
        self.die(10)
        self.assertEqual((self.queue(), self.state("a")), (["b"], ["queued"]))
        outcome(self.store.resume("a", "a2"))
        self.assertEqual(self.queue(), ["a", "b"])

    def test_who_moved_before(self) -> None:
        """A player who had moved on to another node stays."""
        self.enqueue("a", store=self.there)
        self.enqueue("a", conn="a2")
        self.die()
        self.assertEqual(self.queue(), ["a"])

    def test_parted(self) -> None:
        """A node that left in good order is not fenced; whoever it still had has left."""
        roster = self._allocating_there("b", "c")
        self.enqueue("a", store=self.there)
        outcome(self.there.part())
        self.live(1)
        self.assertEqual((self.state("a"), self.redis.ask("EXISTS", "fenced:there")), (["left"], 0))
        self.assertEqual(outcome(self.store.adopt()), [replace(roster, slot=None)])

    def test_in_portions(self) -> None:
        """Many players are put right in bounded portions; each call says whether there is more."""
        for i in range(250):
            self.enqueue(f"p{i}", store=self.there)
        self.pass_time(5)
        outcome(self.store.heartbeat())
        self.sweep()  # nobody swept for 5 s: at first nobody is judged
        self.redis.ask("DEL", "calm_until")
        more = [self.sweep().more for _ in range(3)]
        self.assertEqual((more, self.queue()), ([True, True, False], []))

    def _allocating_there(self, *players: str) -> Roster:
        for player in players:
            self.enqueue(player, store=self.there)
        self.loading(*players)
        progress = [self.load(player, store=self.there) for player in players]
        assert isinstance(progress[-1], Roster)
        return progress[-1]
