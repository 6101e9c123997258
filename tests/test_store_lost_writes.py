"""A failover lost what was written last: the store is as it was some moments ago, and nodes know better."""

from __future__ import annotations

from matchd.store.answers import Claim
from tests.support.keyspace import copy, put_back
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, TEAMS, outcome


class LostWritesTests(StoreTestCase):
    """Two players wait when the copy is made; what happens afterwards is lost, until the node compares notes."""

    def setUp(self) -> None:
        super().setUp()
        self.server()
        for player in "ab":
            self.enqueue(player)
        self.older = copy(self.redis)

    def lost(self, *claims: Claim) -> None:
        """The store is as it was at the time of the copy, and the node compares notes."""
        put_back(self.redis, self.older)
        self.ear.heard()
        self.compare(*claims)

    def allocation(self, *players: str) -> str:
        """The session of two who wait, for which they have loaded."""
        session = self.loading(*players)
        for player in players:
            self.load(player)
        return session

    def matched(self, *players: str) -> list[Claim]:
        """Two who wait are matched; what their node believes then."""
        session = self.allocation(*players)
        self.settle(self.reserve(session))
        return [self.claim(player, session=session) for player in players]

    def test_enqueued_since(self) -> None:
        """Who had just come has his place."""
        self.enqueue("c")
        self.lost(*map(self.claim, "abc"))
        self.assertEqual(self.queue(), ["a", "b", "c"])

    def test_drawn_since(self) -> None:
        """Who was told to load is told that it fell through; his numbering goes on."""
        self.loading("a", "b")
        self.lost(*map(self.claim, "ab"))
        requeued = {"type": "requeued", "reason": "allocation_failed", "seq": 3}
        self.assertEqual(self.ear.heard(), [(f"notifications:{player}", requeued) for player in "ab"])
        self.assertEqual(self.queue(), ["a", "b"])

    def test_left_since(self) -> None:
        """Who left does not come back."""
        outcome(self.store.dequeue("a", "a1"))
        self.lost(self.claim("a", place="none"))
        self.assertEqual((self.queue(), self.state("a")), (["b"], ["left"]))

    def test_matched_since(self) -> None:
        """Who was told of a match is out of the queue, so that he is not matched twice."""
        self.lost(*self.matched("a", "b"))
        self.assertEqual((self.queue(), self.state("a", "b")), ([], ["matched", "matched"]))
        self.assertEqual(self.ear.heard(), [])

    def test_settled_since(self) -> None:
        """A match whose end was forgotten is ended again by the first who knows it; nobody gets a second one."""
        session = self.allocation("a", "b")
        reservation = self.reserve(session)
        self.older = copy(self.redis)
        self.settle(reservation)
        self.lost(*(self.claim(player, session=session) for player in "ab"))
        self.assertEqual(self.state("a", "b"), ["matched", "matched"])
        self.assertEqual(self.server_fields(), ("idle", 1))
        self.assertNotIn(f"loading:{session}", self.dump())

    def test_settled_and_resumed_since(self) -> None:
        """Who only knows that he was matched leaves the allocation that is of that match alone."""
        session = self.allocation("a", "b")
        reservation = self.reserve(session)
        self.older = copy(self.redis)
        self.settle(reservation)
        outcome(self.store.resume("a", "a2"))
        self.contradictions_expected = True  # until the allocation has gone on to its end
        self.lost(self.claim("a"))
        self.assertEqual(self.settle(reservation), "matched")
        self.assertEqual(self.state("a", "b"), ["matched", "matched"])

    def test_requeued_since(self) -> None:
        """Who waits again after a match that the store still believes in is told to load it after all."""
        session = self.loading("a", "b")
        self.older = copy(self.redis)
        self.leave("b")
        self.lost(self.claim("a"))
        start = {"type": "start_loading", "loading_session_id": session, "seq": 4}
        self.assertEqual(self.ear.heard(), [("notifications:a", start)])

    def test_in_another_session_since(self) -> None:
        """Who loads another match by now than the store believes is told that it fell through, and what counts."""
        for player in "cd":
            self.enqueue(player)
        session = self.loading("a", "b")
        self.older = copy(self.redis)
        self.leave("b")
        self.loading("a", "c")
        self.lost(self.claim("a"), self.claim("c"))
        told = [(channel[-1], message["type"], message["seq"]) for channel, message in self.ear.heard()]
        self.assertEqual(told, [("a", "requeued", 5), ("a", "start_loading", 6), ("c", "requeued", 3)])
        self.assertEqual((self.record("a")["session"], self.queue()), (session, ["c", "d"]))

    def test_in_another_match_since(self) -> None:
        """Who was matched after the forgotten match fell through is taken out of it; its others wait again."""
        for player in "cd":
            self.enqueue(player)
        session = self.loading("a", "b")
        self.older = copy(self.redis)
        self.leave("b")
        self.lost(*self.matched("a", "c"))
        self.assertEqual((self.state("a", "b", "c"), self.queue()), (["matched", "queued", "matched"], ["b", "d"]))
        self.assertNotIn(f"loading:{session}", self.dump())

    def test_in_another_allocation_since(self) -> None:
        """So is one who was matched after no server had been found for the forgotten match, which is not made now."""
        for player in "cd":
            self.enqueue(player)
        session = self.allocation("a", "b")
        self.reserve(session)
        self.older = copy(self.redis)
        self.leave("b")
        outcome(self.store.release(self.reserve(session), False))
        outcome(self.store.abandon(session))
        self.server("two")
        self.lost(*self.matched("a", "c"))
        self.assertEqual((self.state("a", "b", "c"), self.queue()), (["matched", "queued", "matched"], ["b", "d"]))
        self.assertEqual(self.redis.ask("ZRANGE", "orphans", 0, -1), [f"{session} one:7000".encode()])

    def test_in_another_mode_since(self) -> None:
        """Who has asked for another mode since then waits there, and nowhere else."""
        outcome(self.store.dequeue("a", "a1"))
        self.enqueue("a", TEAMS)
        self.lost(*map(self.claim, "ab"))
        self.assertEqual((self.queue(FIFO), self.queue(TEAMS)), (["b"], ["a"]))

    def test_loading_in_another_mode_since(self) -> None:
        """The forgotten match of who has asked for another mode since then falls through, with its others back."""
        self.loading("a", "b")
        self.older = copy(self.redis)
        self.leave("a")
        self.enqueue("a", TEAMS, conn="a2")
        self.lost(self.claim("a"), self.claim("b"))
        self.assertEqual((self.queue(FIFO), self.queue(TEAMS)), (["b"], ["a"]))

    def test_twice(self) -> None:
        """Comparing again changes nothing more."""
        for player in "cd":
            self.enqueue(player)
        self.older = copy(self.redis)
        claims = self.matched("a", "b")
        self.loading("c", "d")
        self.lost(*claims, *map(self.claim, "cd"))
        before = self.dump()
        self.compare(*claims, *map(self.claim, "cd"))
        self.assert_unchanged(before)
