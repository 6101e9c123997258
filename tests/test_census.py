"""The census counts everybody once and names each contradiction; a healthy service has none, at any moment."""

from __future__ import annotations

from typing import Any

from matchd.census import MOST_CONTRADICTIONS, census, totals
from matchd.model import DEFAULT_MODE
from tests.support.records import rewrite_player, rewrite_session
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, TEAMS, outcome
from tests.support.worlds import WorldTestCase


class CountTests(StoreTestCase):
    """Who is where."""

    def test_everybody(self) -> None:
        """Players are counted by place, across all nodes, and so is how it ended for those who are gone."""
        there = self.node("there")
        self.server()
        self.settle(self.reserved("m1", "m2"))
        self.allocating("a1", "a2")
        for player in ("l1", "l2"):
            self.enqueue(player, store=there)
        self.loading("l1", "l2")
        for player in ("q1", "q2", "q3", "q4", "q5"):
            self.enqueue(player, TEAMS, store=there)
        self.enqueue("n1", DEFAULT_MODE)
        self.leave("n1", grace=10)
        self.leave("a1")
        outcome(self.store.dequeue("q5", "q51"))
        outcome(there.dequeue("q5", "q51"))
        self.assertEqual(
            outcome(census(self.store)),
            {
                "players": {
                    "queued": {"Normal_1v1": 0, "Ranked": 0, "Duos": 4},
                    "away": 1,
                    "loading": 2,
                    "allocating": 2,
                    "matched": 2,
                },
                "sessions": {"loading": 1, "allocating": 1},
                "since_the_store_was_empty": {"accepted": 12, "left": 1, "timed_out": 0, "matched": 2},
                "contradictions": [],
            },
        )

        self.assertEqual(
            outcome(totals(self.store)),
            {
                "players": {
                    "queued": {"Normal_1v1": 0, "Ranked": 0, "Duos": 4},
                    "away": 1,
                    "in_sessions": 4,
                    "matched": 2,
                },
                "sessions": {"loading": 1, "allocating": 1},
                "since_the_store_was_empty": {"accepted": 12, "left": 1, "timed_out": 0, "matched": 2},
            },
        )

    def test_totals_cost_the_same_however_many_there_are(self) -> None:
        """The totals are one question to the store, for hundreds as for nobody."""
        asked: list[Any] = []
        execute = self.store._commands.execute
        for players in (0, 500):
            for i in range(players):
                self.enqueue(f"p{i:03}", TEAMS)
            self.patch(self.store._commands, "execute", lambda *command: asked.append(command) or execute(*command))
            self.assertEqual(outcome(totals(self.store))["players"]["queued"]["Duos"], players)
            self.assertEqual(len(asked), 1)
            self.patch(self.store._commands, "execute", execute)
            asked.clear()

    def test_moments_too_far_ahead(self) -> None:
        """Nothing that waits for a moment which lies too far in the future would happen: it is named."""
        self.contradictions_expected = True
        self.enqueue("a")
        self.assertEqual(outcome(census(self.store))["contradictions"], [])
        later = outcome(self.store.time()) + 3_700_000
        self.redis.ask("ZADD", "nodes", later, "here")
        self.redis.ask("SET", "calm_until", later)
        found = outcome(census(self.store))["contradictions"]
        self.assertEqual(
            [text.partition(" lies ")[0] for text in found], ["the moment of here in nodes", "the moment in calm_until"]
        )

    def test_empty(self) -> None:
        """An empty store counts nobody and contradicts nothing."""
        counted = outcome(census(self.store))
        self.assertEqual(counted["players"]["queued"], {"Normal_1v1": 0, "Ranked": 0, "Duos": 0})
        self.assertEqual(counted["contradictions"], [])

    def test_of_a_dead_node(self) -> None:
        """Players of a node that was given up are counted until they have been put right."""
        there = self.node("there")
        self.live(5, self.store, there)
        self.enqueue("a", store=there)
        self.redis.ask("ZREM", "nodes", "there")
        self.redis.ask("SADD", "reaping", "there")
        self.assertEqual(outcome(census(self.store))["contradictions"], [])

    def test_thousands(self) -> None:
        """However many there are, everybody is looked at, in pages."""
        self.server("one", 1000)
        for i in range(700):
            self.enqueue(f"p{i:03}", TEAMS)
        while self.draw(TEAMS, 40).matches and self.redis.ask("ZCARD", "loading") < 120:
            pass
        counted = outcome(census(self.store))
        self.assertEqual((counted["players"]["loading"], counted["contradictions"]), (480, []))
        for player in ("p000", "p300", "p699"):
            rewrite_player(self.redis, player, state="matched")
        named = {line.split()[1] for line in outcome(census(self.store))["contradictions"] if line.startswith("player")}
        self.assertEqual(named, {"p000", "p300", "p699"})
        self.contradictions_expected = True


class ContradictionTests(StoreTestCase):
    """Each contradiction, made by hand, is named."""

    contradictions_expected = True

    def setUp(self) -> None:
        super().setUp()
        self.server()
        for player in "abcd":
            self.enqueue(player)
        self.session = self.loading("a", "b")

    def assert_found(self, *expected: str) -> None:
        self.assertEqual(sorted(self.contradictions()), sorted(expected))

    def contradictions(self) -> list[str]:
        found: list[str] = outcome(census(self.store))["contradictions"]
        return found

    def plant(self, *command: Any) -> None:
        """Somebody writes into the store what no script would."""
        self.redis.ask(*command)

    def test_nothing(self) -> None:
        """Before anything is planted there is nothing to find."""
        self.assert_found()

    # players

    def test_counted_but_gone(self) -> None:
        """Somebody who has left still counts as under way."""
        rewrite_player(self.redis, "c", state="left")
        self.assert_found('player c is counted under way and is "left"', 'the queue Ranked holds c, who is "left"')

    def test_record_gone(self) -> None:
        """A record is deleted."""
        self.plant("DEL", "player:c")
        self.assert_found('player c is counted under way and is ""', 'the queue Ranked holds c, who is ""')

    def test_counted_at_another_node(self) -> None:
        """A player counts as another node's."""
        self.node("there")
        self.plant("SMOVE", "players:here", "players:there", "c")
        self.assert_found(
            'player c belongs to node "here" and is counted at "there"', "player c is queued and counted nowhere"
        )

    def test_not_in_the_queue(self) -> None:
        """A player who waits is in no queue."""
        self.plant("SREM", "queue:Ranked", "c")
        self.assert_found("player c is queued, and not in the queue Ranked")

    def test_in_the_queue_while_away(self) -> None:
        """A player who is away could be drawn."""
        self.leave("c", grace=10)
        self.plant("SADD", "queue:Ranked", "c")
        self.assert_found("player c is queued, away, and in the queue Ranked", "player c has lost his place in line")

    def test_in_the_queue_while_loading(self) -> None:
        """A player who loads could be drawn again."""
        self.plant("SADD", "queue:Ranked", "a")
        self.assert_found("player a is loading, and in the queue Ranked", 'the queue Ranked holds a, who is "loading"')

    def test_in_no_session(self) -> None:
        """A player loads in a session that is not there."""
        rewrite_player(self.redis, "a", session="other")
        self.assert_found(
            "player a is loading in session other, which does not have him so",
            f'session {self.session} is loading and has a, who is "loading"',
        )

    def test_away_for_ever(self) -> None:
        """Nobody would notice that a player does not come back."""
        self.leave("c", grace=10)
        self.plant("ZREM", "away", "c")
        self.assert_found("player c is away for ever")

    def test_counted_nowhere(self) -> None:
        """A player who waits is nobody's."""
        self.plant("SREM", "players:here", "c")
        self.assert_found("player c is queued and counted nowhere", "4 were accepted, but 0 ended and 3 are under way")

    # queues

    def test_stranger_in_the_queue(self) -> None:
        """Somebody else has put an id into a queue."""
        self.plant("SADD", "queue:Ranked", "stranger")
        self.assert_found('the queue Ranked holds stranger, who is ""')

    def test_in_another_queue(self) -> None:
        """A player is in the queue of another mode as well."""
        self.plant("SADD", "queue:Duos", "c")
        self.assert_found('the queue Duos holds c, who is "queued"')

    def test_out_of_line(self) -> None:
        """A player stands elsewhere in line than his waiting time says."""
        self.plant("ZINCRBY", "order:Ranked", "1", "c")
        self.assert_found("player c has lost his place in line")

    # sessions

    def test_twice_in_a_session(self) -> None:
        """A session has a player twice."""
        rewrite_session(self.redis, self.session, roster="a a")
        self.assert_found(f"session {self.session} has a twice")

    def test_too_few_in_a_session(self) -> None:
        """A session lacks a player."""
        rewrite_session(self.redis, self.session, roster="a")
        self.assert_found(f"session {self.session} has 1 players of 2")

    def test_a_member_elsewhere(self) -> None:
        """A session has a player who waits in the queue."""
        rewrite_session(self.redis, self.session, roster="a c")
        self.assert_found(f'session {self.session} is loading and has c, who is "queued"')

    def test_no_deadline(self) -> None:
        """A session could load for ever."""
        self.plant("ZREM", "loading", self.session)
        self.plant("ZADD", "allocating", "1", self.session)
        self.assert_found(f"session {self.session} is loading without a deadline")

    def test_not_looking_for_a_server(self) -> None:
        """A slot is promised to fewer sessions than need one."""
        self.plant("SREM", "unplaced", self.session)
        self.assert_found(f"session {self.session} has no game server and does not count as looking for one")

    def test_no_slot(self) -> None:
        """A session believes in a slot that it does not hold."""
        session = self._reserved()
        self.plant("ZREM", "reserved:one", session)
        self.assert_found(f"session {session} has no slot on one")

    # servers

    def test_slot_of_a_session_that_is_over(self) -> None:
        """A slot is held for nobody."""
        self.plant("ZADD", "reserved:one", "1", "gone")
        self.assert_found("server one keeps a slot for gone, which is over")

    def test_too_many_slots(self) -> None:
        """A server has more slots reserved than it has; but what it takes beyond that by itself is its own affair."""
        self._reserved()
        self.plant("HSET", "dedicated_server:one", "capacity", "0")
        self.assert_found("server one has 1 slots reserved of 0")
        self.plant("HSET", "dedicated_server:one", "running", "1")
        self.assert_found()

    # everybody

    def test_somebody_vanished(self) -> None:
        """Somebody was accepted and is nowhere."""
        self.plant("HINCRBY", "tally", "accepted", "1")
        self.assert_found("5 were accepted, but 0 ended and 4 are under way")

    def test_at_most_a_hundred(self) -> None:
        """A store that is wrong all over is described by its first hundred contradictions."""
        self.plant("SADD", "queue:Ranked", *(f"s{i}" for i in range(300)))
        self.assertEqual(len(self.contradictions()), MOST_CONTRADICTIONS)

    def _reserved(self) -> str:
        self.load("a")
        self.load("b")
        return self.reserve(self.session).loading_session_id


class HealthyWorldTests(WorldTestCase):
    """A busy service of three nodes."""

    def test_at_any_moment(self) -> None:
        """While players come, load, leave, are cut off and matched, nothing ever contradicts itself."""
        world = self.world(3)
        world.server("one", 8)
        world.server("two", 4)
        players = [world.player(f"p{i}", i % 3) for i in range(30)]
        for i, player in enumerate(players):
            player.enqueue((DEFAULT_MODE, FIFO, TEAMS)[i % 3].name)
            self.assertEqual(world.invariants()["contradictions"], [])
        for i, player in enumerate(players):
            if i % 5 == 4:
                player.vanish()
            elif i % 7 != 6 and player.last["type"] == "start_loading":
                player.load()
            if i % 10 == 0:
                world.advance(1)
            self.assertEqual(world.invariants()["contradictions"], [])
        world.nodes[1].kill()
        for _ in range(35):
            world.server("one", 8, sessions=0)
            world.advance(2, step=1)
            self.assertEqual(world.invariants()["contradictions"], [])
        counted = world.invariants()["since_the_store_was_empty"]
        self.assertGreater(min(counted.values()), 0)
