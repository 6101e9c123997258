"""Players who do anything in any order, on two nodes whose connections to the store come and go."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.model import GameMode, Place
from tests.support.keyspace import state
from tests.support.world import Player, TestNode, World
from tests.support.worlds import valkey_path

FOLLOWS = {
    "queued": {"queued", "dequeued", "start_loading"},
    "dequeued": {"queued"},
    "start_loading": {"start_loading", "match_found", "requeued", "error"},
    "requeued": {"queued", "dequeued", "start_loading"},
    "match_found": {"match_found", "queued"},
    "error": {"queued"},
}
"""What a player may be told next."""

AGREES = {
    Place.QUEUED: ("queued",),
    Place.MATCHED: ("matched", ""),
    Place.NONE: ("left", "matched", ""),
    Place.ASKING: ("left", "matched", ""),
}
"""What the store may have of a player whose connection stands there."""


class Story:
    """A service in which something happens, step by step."""

    def __init__(self) -> None:
        modes = {name: GameMode(name, loading_timeout=8) for name in ("Ranked", "Duel")}
        self.world = World(valkey_path(), 2, modes=modes)
        self.world.server()
        self.connections: dict[str, list[Player]] = {}
        self.turns = 0

    @property
    def node(self) -> TestNode:
        self.turns += 1
        return self.world.nodes[self.turns % 2]

    def newest(self, name: str) -> Player:
        """The newest connection of a player; a new one if that is closed."""
        mine = self.connections.setdefault(name, [])
        if not mine or mine[-1].closed is not None:
            self.connect(name)
        return mine[-1]

    def connect(self, name: str) -> None:
        self.turns += 1
        self.connections.setdefault(name, []).append(self.world.player(name, self.turns % 2))

    def cut_and_heal(self, name: str) -> None:
        node = self.newest(name).node
        node.subscriber.cut()
        self.load_all(name)
        self.world.advance(0.5)
        if not node.commands.down:
            node.heal_subscriber()

    def outage(self, name: str) -> None:
        """A short one, in which the player tries everything."""
        node = self.newest(name).node
        node.disconnect()
        self.newest(name).enqueue("Ranked").resume().load().dequeue()
        self.world.advance(0.5)
        node.reconnect()

    def load_all(self, _: str) -> None:
        for mine in self.connections.values():
            if mine[-1].closed is None:
                mine[-1].load()

    def game_servers(self, how: str) -> Callable[[str], None]:
        return lambda _: self.world.games.behaviour.update({"one:7000": how})

    @property
    def steps(self) -> dict[str, Callable[[str], object]]:
        return {
            "enqueue": lambda name: self.newest(name).enqueue("Ranked"),
            "enqueue elsewhere": lambda name: self.newest(name).enqueue("Duel"),
            "resume": lambda name: self.newest(name).resume(),
            "dequeue": lambda name: self.newest(name).dequeue(),
            "load": lambda name: self.newest(name).load(),
            "everybody loads": self.load_all,
            "connect": self.connect,
            "vanish": lambda name: self.newest(name).vanish(),
            "nonsense": lambda name: self.newest(name).say_raw(b"{"),
            "cut": self.cut_and_heal,
            "outage": self.outage,
            "wait": lambda _: self.world.advance(2),
            "refuse": self.game_servers("refuse"),
            "be slow": self.game_servers("slow"),
            "be good": self.game_servers("ok"),
        }

    def come_to_an_end(self) -> None:
        """Time passes until nobody loads."""
        self.world.games.behaviour.clear()
        for _ in range(20):
            self.world.games.answer_all()
            self.world.server(sessions=0)
            self.world.advance(4, step=1)
            sessions = [session for node in self.world.nodes for session in node.node.presence]
            if all(session.standing.place != Place.LOADING for session in sessions):
                return
        raise AssertionError("somebody loads for ever")


STEPS = (
    "enqueue", "enqueue elsewhere", "resume", "dequeue", "load", "everybody loads", "connect", "vanish", "nonsense",
    "cut", "outage", "wait", "refuse", "be slow", "be good",
)  # fmt: skip


class AnythingTests(SynchronousTestCase):
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(STEPS)), min_size=10, max_size=50))
    def test_anything(self, happenings: list[tuple[str, str]]) -> None:
        """Everybody is told each step once, in order and in a sequence that makes sense, and at the end all agree."""
        story = Story()
        self.assertEqual(list(story.steps), list(STEPS))
        try:
            for name, step in happenings:
                story.steps[step](name)
            story.come_to_an_end()
            self.check(story)
        finally:
            story.world.close()

    def check(self, story: Story) -> None:
        self.assertEqual(story.world.invariants()["contradictions"], [])
        for player in story.world.players:
            told = [message for message in player.heard if "seq" in message]
            numbers = [message["seq"] for message in told]
            self.assertEqual(numbers, sorted(set(numbers)))
            for before, after in pairwise(told):
                self.assertIn(after["type"], FOLLOWS[before["type"]])
        for node in story.world.nodes:
            self.assertEqual(node.node.background.failures, {})
            for session in node.node.presence:
                recorded = state(story.world.direct, session.standing.player_id)
                self.assertIn(recorded, AGREES[session.standing.place])
