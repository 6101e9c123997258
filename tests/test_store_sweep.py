"""What the sweep puts right: overdue sessions and allocations, absences, and what it leaves alone."""

from __future__ import annotations

from matchd.model import GameServer, Reason, Roster
from matchd.store.answers import Cancelled
from matchd.store.store import Store
from tests.support.keyspace import changes
from tests.support.sweeping import SweepTestCase
from tests.support.world import FIFO, TEAMS, outcome

TIMED_OUT = {"type": "error", "code": "loading_timeout", "message": "you did not finish loading in time"}


class GapTests(SweepTestCase):
    """Nobody has swept for a while, because the store was away or every node was."""

    def test_nobody_is_judged(self) -> None:
        """After half a minute in which nobody could reach the store, nobody is dead and nothing is overdue."""
        for player in "abcdef":
            self.enqueue(player, TEAMS, store=self.there if player in "ace" else self.store)
        session = self.loading(*"abcd", mode=TEAMS)
        self.leave("f", grace=5)
        self.pass_time(30)
        before = self.dump()
        self.sweep()
        kept = changes(before, self.dump()).keys() - {"swept", "calm_until", "servers", "slots"}
        self.assertEqual(kept, set())
        outcome(self.there.heartbeat())
        self.live(3, self.store, self.there)
        self.assertEqual(self.redis.ask("EXISTS", "fenced:there", f"loading:{session}"), 1)

    def test_then_as_ever(self) -> None:
        """One node timeout later, who is still silent is given up."""
        self.enqueue("a", store=self.there)
        self.pass_time(30)
        self.live(4)
        self.assertEqual(self.queue(), ["a"])
        self.live(2)
        self.assertEqual(self.queue(), [])


class OverdueTests(SweepTestCase):
    """Deadlines that have passed."""

    def keep_alive(self, seconds: int, *stores: Store) -> list[Cancelled]:
        """Time passes, with a game server; the sessions that were cancelled."""
        cancelled: list[Cancelled] = []
        for _ in range(seconds):
            self.server("one", 100)
            for swept in self.live(1, *stores or (self.store, self.there)):
                cancelled += swept.cancelled
        return cancelled

    def test_not_loaded_in_time(self) -> None:
        """Who has not loaded in time is out and told so; those who had are back in the queue, before all others."""
        for player in "abcde":
            self.enqueue(player, TEAMS)
        session = self.loading(*"abcd", mode=TEAMS)
        for player in "ac":
            self.load(player)
        self.assertEqual(self.keep_alive(19), [])
        self.assertEqual(self.keep_alive(2), [Cancelled("Duos", Reason.LOADING_TIMEOUT)])
        self.assertEqual(
            (self.queue(TEAMS), self.state(*"abcd")), (["a", "c", "e"], ["queued", "left", "queued", "left"])
        )
        heard = self.ear.heard()
        told = {channel[-1]: {k: v for k, v in message.items() if k != "seq"} for channel, message in heard}
        requeued = {"type": "requeued", "reason": "loading_timeout"}
        self.assertEqual(told, {"a": requeued, "b": TIMED_OUT, "c": requeued, "d": TIMED_OUT, "e": {"type": "queued"}})
        self.assertNotIn(f"loading:{session}", self.dump())

    def test_at_the_last_moment(self) -> None:
        """Of the last player's having loaded and the deadline, whichever is first counts, and only that."""
        for player in "abcd":
            self.enqueue(player, TEAMS)
        self.loading(*"abcd", mode=TEAMS)
        for player in "abc":
            self.load(player)
        self.pass_time(21)
        self.assertIsInstance(self.load("d"), Roster)
        self.assertEqual(self.keep_alive(6), [])
        self.assertEqual(self.state(*"abcd"), ["allocating"] * 4)

    def test_lease_run_out(self) -> None:
        """An allocation on which nothing has happened for a minute is taken over, whoever had it."""
        session = self.allocating("a", "b")
        self.keep_alive(59, self.there, self.store)
        self.assertEqual(outcome(self.there.adopt()), [])
        self.keep_alive(2, self.there, self.store)
        self.assertEqual(outcome(self.there.adopt()), [Roster(session, "Ranked", ("a", "b"))])
        self.assertEqual(outcome(self.store.adopt()), [])

    def test_away_for_too_long(self) -> None:
        """When the grace is over, who was queued has left, and the match of who was loading falls through."""
        for player in "abc":
            self.enqueue(player)
        self.leave("a", grace=10)
        self.loading("b", "c")
        self.leave("b", grace=10)
        self.assertEqual(self.keep_alive(9), [])
        self.assertEqual(self.keep_alive(2), [Cancelled("Ranked", Reason.PLAYER_LEFT)])
        self.assertEqual((self.state("a", "b"), self.queue()), (["left", "left"], ["c"]))

    def test_away_for_too_long_while_a_server_is_sought(self) -> None:
        """Who is away for too long while a server is sought is matched all the same; without a match he has left."""
        for number, end in enumerate(("matched", "left")):
            away, other = f"a{number}", f"b{number}"
            session = self.allocating(away, other)
            self.leave(away, grace=5)
            self.keep_alive(6)
            if end == "matched":
                self.settle(self.reserve(session))
            else:
                outcome(self.store.abandon(session))
            self.assertEqual(self.state(away), [end])

    def test_away_while_it_falls_through(self) -> None:
        """Who is away when his match falls through is away from the queue, and can still come back to it."""
        for player in "ab":
            self.enqueue(player)
        self.loading("a", "b")
        self.leave("a", grace=30)
        self.leave("b")
        self.assertEqual((self.state("a"), self.queue()), (["queued"], []))
        outcome(self.store.resume("a", "a2"))
        self.assertEqual(self.queue(), ["a"])

    def test_nothing_overdue(self) -> None:
        """With nothing overdue a sweep changes nothing but the note that it was made."""
        self.settle(self.reserved("a", "b"))
        self.allocating("c", "d")
        for player in "efg":
            self.enqueue(player, FIFO)
        self.loading("e", "f")
        before = self.dump()
        swept = [self.sweep(), self.sweep(self.there)]
        self.assertEqual([(s.more, s.adopted, s.cancelled, s.orphans) for s in swept], [(False, 0, (), ())] * 2)
        self.assertEqual(changes(before, self.dump()).keys(), {"swept"})


class EmptyAgainTests(SweepTestCase):
    """When all have left, the store is as empty as before."""

    def test_all_left(self) -> None:
        """Two minutes after the last player has gone nothing is left of any."""
        self.live(1)
        before = self.dump().keys()
        self.settle(self.reserved("a", "b"))
        refused = self.reserved("c", "d")
        outcome(self.store.release(refused, False))
        outcome(self.store.abandon(refused.loading_session_id))
        for player in "ef":
            self.enqueue(player)
        outcome(self.store.dequeue("e", "e1"))
        for player in "abcdf":
            self.leave(player)
        outcome(self.store.deregister_server("one"))
        self.server("one", 100)
        for _ in range(11):
            self.server("one", 100)
            self.live(11, self.store, self.there)
        self.draw()
        self.assertEqual(self.dump().keys() - before, {"tally"})


class ManyServersTests(SweepTestCase):
    """Thousands of game servers, each with an id of its own, that are not heard of any more."""

    def test_forgotten(self) -> None:
        """They are forgotten when their time is over, all in a few runs."""
        servers = [GameServer(f"pod{number}", f"pod{number}:7000", 1) for number in range(3000)]
        for server in servers:
            outcome(self.store.register_server(server))
        self.live(16)
        runs = 0
        while self.sweep().more:
            runs += 1
            self.assertLess(runs, 10)
        self.assertEqual(self.redis.ask("EXISTS", "servers", "slots", "dedicated_server:pod1"), 0)
