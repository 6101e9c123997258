"""What the model says of players who hang up before they are answered: told in its world, step by step."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.model.bugs import BUGS
from tests.model.history import Broken
from tests.model.planted import planted
from tests.model.world import ModelWorld
from tests.support.worlds import valkey_path


class Play:
    """Two nodes with a game server, on which everybody is judged."""

    def __init__(self, world: ModelWorld) -> None:
        self.world = world
        world.settle()
        world.beat(world.hosts.open("host", 5))
        world.advance(6)

    def newer_connection(self) -> None:
        """The match loads, and a newer connection hangs up before its answer."""
        for number in (0, 1):
            self.world.connect(f"p{number}", self.world.nodes[number]).enqueue("Ranked")
            self.world.settle()
        newer = self.world.connect("p0", self.world.nodes[1])
        newer.resume()
        newer.node.pump()
        newer.vanish()

    def drawn_at_once(self) -> None:
        """A player comes, is drawn, and hangs up before hearing of it."""
        self.world.connect("p1", self.world.nodes[1]).enqueue("Ranked")
        self.world.settle()
        client = self.world.connect("p0", self.world.nodes[0])
        client.enqueue("Ranked")
        client.node.pump()
        client.vanish()

    def late_goodbye(self) -> None:
        """A player is drawn because the node could not tell the store that they hung up."""
        client = self.world.connect("p0", self.world.nodes[0])
        client.enqueue("Ranked")
        self.world.settle()
        client.node.cut(hearing=False)
        client.vanish()
        self.world.settle()
        self.world.connect("p1", self.world.nodes[1]).enqueue("Ranked")
        self.world.settle()
        client.node.heal()
        self.world.advance(2)

    def play(self, story: str) -> None:
        """Play one of them; raises Broken where an invariant does not hold."""
        try:
            getattr(self, story)()
            self.world.settle()
            self.world.check()
        finally:
            self.world.close()


class HangingUpTests(SynchronousTestCase):
    """Each story holds in the product, and shows the bug that is planted for it."""

    def assert_shows(self, story: str, bug: str) -> None:
        """The story holds without the bug, and breaks invariant 13 with it."""
        Play(ModelWorld(valkey_path(), 2, cooldown=5.0)).play(story)
        [found] = [one for one in BUGS if one.name == bug]
        with planted(found) as machine:
            broken = self.assertRaises(
                Broken, Play(ModelWorld(valkey_path(), 2, 0.0, machine.changes, 5.0)).play, story
            )
        self.assertEqual(broken.invariant, 13)

    def test_before_the_answer(self) -> None:
        """A newer connection that goes before its answer has left the match."""
        self.assert_shows("newer_connection", "who hangs up before the answer has not failed")

    def test_newer_connection(self) -> None:
        """A newer connection is no excuse."""
        self.assert_shows("newer_connection", "a newer connection excuses its player")

    def test_drawn_at_once(self) -> None:
        """A player who is drawn on coming, and hangs up, has left the match."""
        self.assert_shows("drawn_at_once", "who is drawn as they come and hangs up has not failed")

    def test_late_goodbye(self) -> None:
        """A player is not blamed where the store was told late."""
        self.assert_shows("late_goodbye", "a goodbye that the store hears of late is held against the player")
