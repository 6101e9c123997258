"""Cooldowns in the store: what counts as a failure to load, how long one waits, and what is nobody's fault."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from matchd.model import Cooldown
from matchd.store.answers import Accepted, CoolingDown
from matchd.store.store import Store
from tests.support.stores import StoreTestCase
from tests.support.world import outcome


class ArithmeticTests(SynchronousTestCase):
    """How long the waits are."""

    def test_defaults(self) -> None:
        """The second failure in an hour costs a minute, each further one twice the last, up to half an hour."""
        self.assertEqual(Cooldown().waits(), (0, 60, 120, 240, 480, 960, 1800))

    def test_off(self) -> None:
        """One setting turns it off."""
        self.assertEqual(Cooldown(first=0).waits(), ())

    def test_bounds(self) -> None:
        """The first failure may cost already, and no wait is longer than the longest."""
        self.assertEqual(Cooldown(after=1, first=10, longest=25).waits(), (10, 20, 25))
        self.assertEqual(Cooldown(after=3, first=10, longest=5).waits(), (0, 0, 5))


class CooldownTestCase(StoreTestCase):
    """Two nodes that live, and a game server."""

    def setUp(self) -> None:
        super().setUp()
        self.there = self.node("there")
        self.server("one", 1000)
        self.live(6, self.store, self.there)

    def start(self, store: Store | None = None, conn: str = "") -> None:
        """The player ``a`` loads together with ``b``."""
        self.enqueue("a", store=store, conn=conn)
        self.enqueue("b")
        self.server("one", 1000)
        self.loading("a", "b")

    def settle_down(self) -> None:
        """Whoever was in a match with ``a`` leaves."""
        outcome(self.store.dequeue("b", "b1"))

    def dodge(self, times: int = 1) -> None:
        """The player ``a`` leaves a match that loads, so often."""
        for _ in range(times):
            self.start()
            self.leave("a")
            self.settle_down()

    def keep_on(self, seconds: int) -> None:
        """Time passes, and everybody lives."""
        self.live(seconds, self.store, self.there)

    def long_pause(self, seconds: float) -> None:
        """Much time passes, too much to live through each second of it."""
        self.pass_time(seconds)
        for store in (self.store, self.there):
            outcome(store.heartbeat())
        self.keep_on(6)

    @property
    def wait(self) -> float:
        """How long (s) the player ``a`` is told to wait, 0 where he may enqueue; he does not stay."""
        answer = self.enqueue("a")
        if isinstance(answer, CoolingDown):
            return round(answer.wait_ms / 1000)
        self.assertIsInstance(answer, Accepted)
        self.leave("a")
        return 0


class FailureTests(CooldownTestCase):
    """What counts."""

    def test_once(self) -> None:
        """Once is nothing."""
        self.dodge()
        self.assertEqual(self.wait, 0)

    def test_twice_in_an_hour(self) -> None:
        """The second time he has to wait for a minute, and then may play again."""
        self.dodge(2)
        self.assertEqual(self.wait, 60)
        self.keep_on(58)
        self.assertEqual(self.wait, 2)
        self.keep_on(3)
        self.assertEqual(self.wait, 0)

    def test_a_refusal_changes_nothing(self) -> None:
        """Who has to wait is in no queue, and asking does not make it longer."""
        self.dodge(2)
        before = self.dump()
        self.assertEqual((self.wait, self.queue()), (60, []))
        self.assert_unchanged(before)

    def test_grows(self) -> None:
        """The third time it is two minutes, the fourth four."""
        waits = []
        self.dodge()
        for _ in range(3):
            self.dodge()
            waits.append(self.wait)
            self.redis.ask("DEL", "cooldown:a")
        self.assertEqual(waits, [60, 120, 240])

    def test_decays(self) -> None:
        """What is older than an hour is forgotten."""
        self.dodge()
        self.long_pause(3600)
        self.dodge()
        self.assertEqual(self.wait, 0)
        self.dodge()
        self.assertEqual(self.wait, 60)

    def test_nothing_is_left(self) -> None:
        """An hour after the last failure there is no trace of it."""
        self.dodge(2)
        self.assertIn("dodges:a", self.dump())
        self.long_pause(3600)
        self.assertEqual([key for key in self.dump() if key.startswith(("dodges:", "cooldown:"))], [])

    def test_not_loaded_in_time(self) -> None:
        """Who does not load in time has failed, and is told at once how long he has to wait; who had loaded has not."""
        for told in ({}, {"retry_after_s": 60}):
            self.start()
            self.load("b")
            self.ear.heard()
            for _ in range(31):
                self.server("one", 1000)
                self.keep_on(2)
            late = {"type": "error", "code": "loading_timeout", "message": "you did not finish loading in time"}
            self.assertEqual(self.told("a"), [{**late, **told}])
            self.settle_down()
        self.assertIn(self.wait, range(55, 61))
        self.assertNotIn("dodges:b", self.dump())

    def test_loaded_and_gone(self) -> None:
        """Who leaves while the others still load has failed too, even if he had loaded."""
        for _ in range(2):
            self.start()
            self.load("a")
            self.leave("a")
            self.settle_down()
        self.assertEqual(self.wait, 60)

    def test_away_for_too_long(self) -> None:
        """With a grace, who does not come back in time has failed; who comes back has not."""
        for back in (False, False, True):
            self.redis.ask("DEL", "cooldown:a")
            self.start()
            self.leave("a", grace=3)
            self.keep_on(2)
            if back:
                outcome(self.store.resume("a", "a1"))
            self.keep_on(2)
            self.settle_down()
        self.assertEqual(self.redis.ask("ZCARD", "dodges:a"), 2)

    def test_once_a_match(self) -> None:
        """What is told twice of one match counts once."""
        self.start()
        before = self.redis.ask("DUMP", "player:a")
        self.leave("a")
        self.redis.ask("RESTORE", "player:a", 0, before, "REPLACE")
        self.leave("a")
        self.assertEqual(self.redis.ask("ZCARD", "dodges:a"), 1)
        self.contradictions_expected = True


class InnocenceTests(CooldownTestCase):
    """What is nobody's fault, or the service's."""

    def assert_innocent(self) -> None:
        self.assertNotIn("dodges:a", self.dump())
        self.assertNotIn("dodges:b", self.dump())

    def test_leaving_the_queue(self) -> None:
        """Whoever is not loading may go."""
        for _ in range(3):
            self.enqueue("a")
            outcome(self.store.dequeue("a", "a1"))
            self.enqueue("a")
            self.leave("a")
        self.assert_innocent()

    def test_gone_while_a_server_is_asked(self) -> None:
        """The match goes on without his connection."""
        session = self.allocating("a", "b")
        self.leave("a")
        outcome(self.store.abandon(session))
        self.assert_innocent()

    def test_no_server(self) -> None:
        """No game server took the match."""
        outcome(self.store.abandon(self.allocating("a", "b")))
        self.assert_innocent()

    def test_his_node_died(self) -> None:
        """His connection went with it, and the match with his connection."""
        self.start(store=self.there)
        self.live(7)
        self.assertEqual(self.state("a", "b"), ["left", "queued"])
        self.assert_innocent()

    def test_his_node_died_just_before_the_time_was_over(self) -> None:
        """Whether he had loaded by then nobody could hear, though the node is not given up yet."""
        self.start(store=self.there)
        self.keep_on(57)
        self.live(4)
        self.assertEqual(self.state("a", "b"), ["left", "left"])
        self.assertNotIn("dodges:a", self.dump())
        self.assertIn("dodges:b", self.dump())

    def test_his_node_died_and_he_was_waited_for(self) -> None:
        """He did not come back within the grace, or not in time to load."""
        self.start(store=self.there)
        self.live(12, grace=3)
        self.assertEqual(self.state("a", "b"), ["left", "queued"])
        self.assert_innocent()

    def test_his_node_died_and_he_came_back_late(self) -> None:
        """He came back elsewhere, and could not load in what was left of the time."""
        self.start(store=self.there)
        self.live(7, grace=30)
        outcome(self.store.resume("a", "a2"))
        for _ in range(60):
            self.server("one", 1000)
            self.live(1, grace=30)
        self.assertEqual(self.state("a"), ["left"])
        self.assertNotIn("dodges:a", self.dump())

    def test_his_node_drained(self) -> None:
        """He was sent away, and had no time to come back, or took too long."""
        for grace in (0, 3000):
            self.start()
            outcome(self.store.leave("a", "a1", grace))
            self.keep_on(4)
            self.assertEqual(self.state("a"), ["left"])
            self.settle_down()
        self.assert_innocent()

    def test_an_outage(self) -> None:
        """The store, or every node, was away while the match loaded: nobody could say that he had."""
        self.start()
        self.pass_time(62)
        for store in (self.store, self.there):
            outcome(store.heartbeat())
        self.keep_on(6)
        self.assertEqual(self.state("a", "b"), ["left", "left"])
        self.assert_innocent()

    def test_the_store_forgot(self) -> None:
        """A match that the store has lost is nobody's failure."""
        self.start()
        claims = [self.claim("a"), self.claim("b")]
        self.redis.ask("FLUSHALL")
        outcome(self.store.prepare(self.store._commands))
        self.compare(*claims)
        self.leave("a")
        self.assert_innocent()

    def test_never_told(self) -> None:
        """Nobody heard that he was to load: no node listened."""
        self.ear.close()
        self.start()
        self.leave("a")
        self.assert_innocent()

    def test_told_late(self) -> None:
        """He was told only when his node compared what it believed."""
        self.start()
        late = self.claim("a", place="queued", session="", seq=int(self.record("a")["seq"]) - 1)
        self.compare(late)
        self.leave("a")
        self.assert_innocent()

    def test_turned_off(self) -> None:
        """Nobody counts, and who had to wait has to no longer."""
        self.dodge(2)
        before = self.dump()["dodges:a"]
        self.store._cooldown = (3_600_000, "")
        self.assertEqual(self.wait, 0)
        self.dodge(3)
        self.assertEqual((self.wait, self.dump()["dodges:a"]), (0, before))
