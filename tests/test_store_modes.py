"""What the sweep makes of a game mode that no node serves any more."""

from __future__ import annotations

from dataclasses import replace

from matchd.census import census
from matchd.model import DEFAULT_MODE
from tests.support.keyspace import changes
from tests.support.sweeping import SweepTestCase
from tests.support.world import FIFO, TEAMS, outcome


class ModesTests(SweepTestCase):
    """A game mode is taken out of the settings of the nodes: ``there`` serves Duos, then nobody does."""

    def setUp(self) -> None:
        super().setUp()
        self.there.served_ms = 0  # it is due to say again what it serves
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
        """A minute after the last node that served it, it is known no more; those that are served stay."""
        self.live(58)
        self.assertIn(TEAMS.name, self.known())
        self.live(3)
        self.assertEqual(self.known(), {DEFAULT_MODE.name, FIFO.name})

    def test_served_by_another(self) -> None:
        """As long as one node serves it, it is known."""
        for _ in range(3):
            self.pass_time(3600)
            self.live(1, self.store, self.there)
        self.assertIn(TEAMS.name, self.known())

    def test_said_now_and_then(self) -> None:
        """A node says every 20 s which modes it serves, not with each heartbeat."""
        ages = []
        for _ in range(45):
            self.live(1)
            said = int(self.redis.ask("ZSCORE", "modes", FIFO.name))
            ages.append((outcome(self.store.time()) - said) // 1000)
        self.assertGreater(max(ages), 15)
        self.assertLess(max(ages), 23)

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

    def test_many_at_once(self) -> None:
        """Modes that were taken out, however many, do not keep a dead node from being found, and are forgotten."""
        self.retire(250)
        self.enqueue("a", store=self.there)
        self.live(59, self.store, self.there)
        self.live(6)
        self.assertEqual(self.state("a"), ["left"])
        self.assertEqual(self.known(), {DEFAULT_MODE.name, FIFO.name, TEAMS.name})
        before = self.dump()
        self.assertFalse(self.sweep().more)
        self.assertEqual(changes(before, self.dump()).keys(), {"swept"})

    def retire(self, many: int) -> None:
        """So many modes are served for the last time."""
        old = self.node("old")
        old.modes.update({f"m{number}": replace(TEAMS, name=f"m{number}") for number in range(many)})
        outcome(old.heartbeat())
        outcome(old.part())

    def test_requeued_into_a_forgotten_mode(self) -> None:
        """Who is back in the queue of a mode that was forgotten meanwhile is told that it is not played any more."""
        self.server("one", 100)
        for player in "abcd":
            self.enqueue(player, TEAMS)
        self.loading(*"abcd", mode=TEAMS)
        self.redis.ask("ZREM", "modes", TEAMS.name)
        self.leave("d")
        self.assertEqual(self.queue(TEAMS), ["a", "b", "c"])
        self.live(1)
        self.assertEqual((self.queue(TEAMS), self.state(*"abc")), ([], ["left"] * 3))
        self.assertEqual(self.told("a")[-1]["code"], "invalid_game_mode")
        self.live(1)
        self.assertNotIn(TEAMS.name, self.known())

    def test_after_an_outage(self) -> None:
        """While the store was away no node could say that it serves anything: who waits keeps his place."""
        self.store.modes[TEAMS.name] = TEAMS
        self.enqueue("a", TEAMS)
        self.pass_time(3600)
        self.sweep(self.there)
        self.live(10)
        self.assertEqual(self.queue(TEAMS), ["a"])
