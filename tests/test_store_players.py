"""What the store does with players: entering a queue, asking for their place, and leaving."""

from __future__ import annotations

from matchd.model import DEFAULT_MODE, Reason
from matchd.store.answers import Accepted, AlreadyQueued, Cancelled
from tests.support.keyspace import changes
from tests.support.stores import StoreTestCase
from tests.support.world import TEAMS, outcome

QUEUED = {"type": "queued"}
NUMBERED_TWICE = {"seq": "2", "answer": "2", "told": '{"type":"queued"\n' * 2}


class EnqueueTests(StoreTestCase):
    """A player asks for a mode."""

    def test_queued(self) -> None:
        """He waits from now on, and is told so by the first message of his numbering."""
        answer = self.enqueue("a")
        since = self.record("a")["since"]
        self.assertEqual(answer, Accepted(1, since, "Ranked", "fifo"))
        self.assertEqual(self.queue(), ["a"])
        self.assertEqual(self.ear.heard(), [("notifications:a", {"type": "queued", "seq": 1})])

    def test_anyone_may_meet_anyone(self) -> None:
        """In a mode without an order a player waits like in any other, and it is known since when."""
        self.enqueue("a", DEFAULT_MODE)
        self.assertEqual(self.queue(DEFAULT_MODE), ["a"])
        since = self.redis.ask("ZSCORE", "order:Normal_1v1", "a")
        self.assertEqual(since.decode(), self.record("a")["since"])

    def test_again_while_queued(self) -> None:
        """Asking again is answered again and changes nothing but the numbering."""
        first = self.enqueue("a")
        before = self.dump()
        again = self.enqueue("a")
        self.assertEqual(again, Accepted(2, first.since, "Ranked", "fifo"))
        [(was, now)] = changes(before, self.dump()).values()
        self.assertEqual({name: value for name, value in now.items() if was.get(name) != value}, NUMBERED_TWICE)
        self.assertEqual(self.told("a"), [QUEUED, QUEUED])

    def test_again_while_loading_and_allocating(self) -> None:
        """Under way in a match he is told which session he loads, whether the others are ready or not."""
        self.server()
        self.enqueue("a")
        self.enqueue("b")
        session = self.loading("a", "b")
        self.told("a")
        self.enqueue("a")
        self.load("a")
        self.load("b")
        self.enqueue("a")
        expected = {"type": "start_loading", "loading_session_id": session}
        self.assertEqual(self.told("a"), [expected, expected])
        self.assertEqual(self.state("a", "b"), ["allocating", "allocating"])

    def test_other_mode(self) -> None:
        """Who is under way in one mode can't ask for another, and stays where he is."""
        self.enqueue("a")
        before = self.dump()
        self.assertEqual(self.enqueue("a", TEAMS), AlreadyQueued("Ranked", "fifo", here=True))
        self.assertEqual(self.enqueue("a", TEAMS, conn="a2"), AlreadyQueued("Ranked", "fifo", here=False))
        self.assert_unchanged(before)

    def test_after_a_match(self) -> None:
        """After a match it is a new wish: he waits anew, and the match can't be told again."""
        self.settle(self.reserved("a", "b"))
        self.told("a")
        self.enqueue("a", conn="a2")
        self.assertEqual(self.queue(), ["a"])
        self.assertEqual(self.record("a")["match"], "")
        self.assertIsNone(self.redis.ask("ZSCORE", "matched", "a"))
        self.assertEqual(self.told("a"), [QUEUED])

    def test_after_having_left(self) -> None:
        """Who left and asks again is at the end of the queue, and his record does not run out."""
        for player in "ab":
            self.enqueue(player)
        self.leave("a")
        self.enqueue("a", conn="a2")
        self.assertEqual(self.queue(), ["b", "a"])
        self.assertEqual(self.redis.ask("PTTL", "player:a"), -1)

    def test_numbering_goes_on(self) -> None:
        """A connection that was sent message 7 gets number 8 next, even where the store knows nothing of him."""
        self.assertEqual(self.enqueue("a", seq=7).seq, 8)

    def test_newest_connection_speaks(self) -> None:
        """A newer connection on another node takes over, in place; the older one's node is told."""
        there = self.node("there")
        first = self.enqueue("a")
        self.enqueue("b")
        self.ear.heard()
        answer = self.enqueue("a", conn="a2", store=there)
        self.assertEqual(answer.since, first.since)
        self.assertEqual(self.queue(), ["a", "b"])
        self.assertEqual(self.ear.heard()[0], ("node:here", {"superseded": "a1", "player_id": "a"}))
        self.assertEqual(self.redis.ask("SMEMBERS", "players:there"), [b"a"])
        self.assertFalse(outcome(self.store.dequeue("a", "a1")))


class ResumeTests(StoreTestCase):
    """A player asks where he stands."""

    def resume(self, player: str, conn: str = "") -> Accepted | None:
        answer: Accepted | None = outcome(self.store.resume(player, conn or f"{player}2"))
        return answer

    def test_queued(self) -> None:
        """In a queue he keeps his place, by the new connection."""
        first = self.enqueue("a")
        self.ear.heard()
        self.assertEqual(self.resume("a"), Accepted(2, first.since, "Ranked", "fifo"))
        heard = self.ear.heard()
        self.assertEqual(heard[0], ("node:here", {"superseded": "a1", "player_id": "a"}))
        self.assertEqual(heard[1], ("notifications:a", {"type": "queued", "seq": 2}))
        self.assertEqual(self.record("a")["conn"], "a2")

    def test_same_connection(self) -> None:
        """Asking on the same connection supersedes nobody."""
        self.enqueue("a")
        self.ear.heard()
        self.resume("a", "a1")
        self.assertEqual([channel for channel, _ in self.ear.heard()], ["notifications:a"])

    def test_matched(self) -> None:
        """For 120 s after it was found, the match is told again, as it was told first."""
        self.settle(self.reserved("a", "b"))
        first = self.told("b")[-1]
        self.pass_time(119)
        self.assertIsNotNone(self.resume("b"))
        self.assertEqual(self.record("b")["conn"], "b2")
        self.assertEqual(self.told("b"), [first])
        self.assertEqual(first, {"type": "match_found", "session_id": "g", "server_address": "one:7000", "team": 1})
        self.pass_time(1.5)
        self.assertIsNone(self.resume("b", "b3"))

    def test_nowhere(self) -> None:
        """Who is unknown, has left or went out of the queue is nowhere, and asking changes nothing."""
        for player in "ab":
            self.enqueue(player)
        self.leave("a")
        outcome(self.store.dequeue("b", "b1"))
        before = self.dump()
        self.ear.heard()
        for player in "abc":
            self.assertIsNone(self.resume(player))
        self.assert_unchanged(before)
        self.assertEqual(self.ear.heard(), [])

    def test_back_from_away(self) -> None:
        """Who comes back within the grace has his old place in the queue."""
        for player in "abc":
            self.enqueue(player)
        self.leave("a", grace=10)
        self.assertEqual(self.queue(), ["b", "c"])
        self.resume("a")
        self.assertEqual(self.queue(), ["a", "b", "c"])
        self.assertNotIn("away", self.dump())


class DequeueTests(StoreTestCase):
    """A player wants out of the queue."""

    def dequeue(self, player: str, conn: str = "") -> bool:
        done: bool = outcome(self.store.dequeue(player, conn or f"{player}1"))
        return done

    def test_out(self) -> None:
        """He is out and told so; his record runs out by itself."""
        self.enqueue("a")
        self.assertTrue(self.dequeue("a"))
        self.assertEqual(self.queue(), [])
        self.assertEqual(self.told("a"), [QUEUED, {"type": "dequeued"}])
        self.assertEqual(self.state("a"), ["left"])
        self.assertGreater(self.redis.ask("PTTL", "player:a"), 0)

    def test_twice(self) -> None:
        """Asked twice, the second finds him in no queue and changes nothing."""
        self.enqueue("a")
        self.dequeue("a")
        before = self.dump()
        self.assertFalse(self.dequeue("a"))
        self.assert_unchanged(before)

    def test_refused(self) -> None:
        """Who loads, is unknown, or speaks by an old connection can't get out this way; nothing changes."""
        self.server()
        for player in "abc":
            self.enqueue(player)
        self.loading("a", "b")
        before = self.dump()
        self.assertEqual([self.dequeue("a"), self.dequeue("c", "c0"), self.dequeue("d")], [False] * 3)
        self.assert_unchanged(before)


class LeaveTests(StoreTestCase):
    """A connection is gone."""

    def test_queued(self) -> None:
        """A queued player leaves; for 30 s it is known that he did."""
        self.enqueue("a")
        self.assertEqual(self.leave("a"), ())
        self.assertEqual((self.queue(), self.state("a")), ([], ["left"]))
        self.pass_time(31)
        self.assertEqual(self.state("a"), [""])

    def test_loading(self) -> None:
        """The match of a loading player falls through; the others wait again, with the time that they had."""
        self.server()
        since = {player: self.enqueue(player, TEAMS).since for player in "abcde"}
        session = self.loading("a", "b", "c", "d", mode=TEAMS)
        self.load("c")
        self.assertEqual(self.leave("b"), (Cancelled("Duos", Reason.PLAYER_LEFT),))
        self.assertEqual(self.queue(TEAMS), ["a", "c", "d", "e"])
        self.assertEqual(
            {player: self.record(player)["since"] for player in "acde"},
            {**since, "b": ""} and {p: since[p] for p in "acde"},
        )
        self.assertEqual(self.told("c")[-1], {"type": "requeued", "reason": "player_left"})
        self.assertNotIn(f"loading:{session}", self.dump())

    def test_allocating(self) -> None:
        """A match for which a server is sought goes on without his connection: he is matched, and can resume."""
        reservation = self.reserved("a", "b")
        self.assertEqual(self.leave("a"), ())
        self.assertEqual(self.settle(reservation), "matched")
        self.assertEqual(self.state("a", "b"), ["matched", "matched"])
        self.assertIsNotNone(outcome(self.store.resume("a", "a2")))

    def test_allocating_in_vain(self) -> None:
        """If no server takes that match, there is nobody to put back for the connection that is gone."""
        session = self.allocating("a", "b")
        self.leave("a")
        self.assertEqual(outcome(self.store.abandon(session)), (Cancelled("Ranked", Reason.ALLOCATION_FAILED),))
        self.assertEqual((self.queue(), self.state("a")), (["b"], ["left"]))

    def test_late_goodbye(self) -> None:
        """An old connection's goodbye does nothing to a player who speaks by a newer one."""
        self.enqueue("a")
        self.enqueue("a", conn="a2")
        before = self.dump()
        self.leave("a", "a1")
        self.assert_unchanged(before)

    def test_twice(self) -> None:
        """Said twice, it changes what it changes when said once, in every place a player can be."""
        self.settle(self.reserved("a", "b"))
        self.allocating("c", "d")
        for player in "efgh":
            self.enqueue(player)
        self.loading("e", "f")
        for player, grace in (("a", 0), ("c", 0), ("d", 5), ("e", 0), ("g", 5), ("h", 0)):
            self.leave(player, grace=grace)
            before = self.dump()
            self.leave(player, grace=grace)
            self.assert_unchanged(before)

    def test_grace(self) -> None:
        """With a grace a queued player keeps his place but is not drawn, and a loading one's match waits for him."""
        self.server()
        for player in "abc":
            self.enqueue(player)
        self.leave("a", grace=10)
        session = self.loading("b", "c")
        self.leave("b", grace=10)
        self.assertEqual(self.state("a", "b", "c"), ["queued", "loading", "loading"])
        self.assertEqual(self.record("b")["session"], session)
        self.assertEqual(self.redis.ask("SMEMBERS", "players:"), [b"a", b"b"])
