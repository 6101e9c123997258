"""What the sweep puts right: dead nodes, overdue sessions and allocations, absences, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

from matchd.census import census
from matchd.model import DEFAULT_MODE, Reason, Roster
from matchd.store.answers import Cancelled
from matchd.store.store import Store
from tests.support.keyspace import changes
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, TEAMS, outcome

TIMED_OUT = {"type": "error", "code": "loading_timeout", "message": "you did not finish loading in time"}


class SweepTestCase(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.there = self.node("there")
        self.live(5, self.store, self.there)
        self.server("one", 100)

    def die(self, *grace: float) -> None:
        """``there`` is silent until it is given up."""
        for seconds in (5, 1):
            self.live(seconds, grace=sum(grace))
        self.assertEqual(self.redis.ask("ZRANGE", "nodes", 0, -1), [b"here"])


class DeadNodeTests(SweepTestCase):
    """A node is silent for longer than the node timeout."""

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


class ModesTests(SweepTestCase):
    """A game mode is taken out of the settings of the nodes: ``there`` serves Duos, then nobody does."""

    def setUp(self) -> None:
        super().setUp()
        self.live(1, self.there)
        del self.store.modes[TEAMS.name]

    def known(self) -> set[str]:
        """The modes that are counted."""
        queued: dict[str, int] = outcome(census(self.store))["players"]["queued"]
        return set(queued)

    def wait(self, hours: float) -> None:
        """Time passes without a sweep, after which nothing is judged for a while."""
        self.pass_time(hours * 3600)
        self.live(6)

    def test_gone(self) -> None:
        """Two hours after the last node that served it, it is known no more; those that are served stay."""
        self.wait(1.9)
        self.assertIn(TEAMS.name, self.known())
        self.wait(0.2)
        self.assertEqual(self.known(), {DEFAULT_MODE.name, FIFO.name})

    def test_served_by_another(self) -> None:
        """As long as one node serves it, it is known."""
        for _ in range(3):
            self.pass_time(3600)
            self.live(1, self.store, self.there)
        self.assertIn(TEAMS.name, self.known())

    def test_somebody_waits(self) -> None:
        """Nobody is forgotten with it: after a minute he is told that it is not played any more, and may ask anew."""
        for player in "ab":
            self.enqueue(player, TEAMS)
        self.leave("b", grace=600)
        self.ear.heard()
        self.live(55)
        self.assertEqual((self.queue(TEAMS), self.told("a")), (["a"], []))
        self.live(6)
        self.assertEqual((self.queue(TEAMS), self.state("a", "b")), ([], ["left", "queued"]))
        gone = {"type": "error", "code": "invalid_game_mode", "message": "game_mode: Duos is not played any more"}
        self.assertEqual(self.told("a"), [gone])
        outcome(self.store.resume("b", "b2"))
        self.live(1)
        self.assertEqual((self.told("b")[-1], self.state("b")), (gone, ["left"]))
        self.enqueue("a")
        self.assertEqual(self.queue(), ["a"])

    def test_after_an_outage(self) -> None:
        """While the store was away no node could say that it serves anything: who waits keeps his place."""
        self.store.modes[TEAMS.name] = TEAMS
        self.enqueue("a", TEAMS)
        self.pass_time(3600)
        self.sweep(self.there)
        self.live(10)
        self.assertEqual(self.queue(TEAMS), ["a"])


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
        self.assertEqual(self.dump().keys() - before, {"tally"})
