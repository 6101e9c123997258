"""The clock of Redis is set forward or back, or a server with another clock takes over: nobody is put out by that."""

from __future__ import annotations

from tests.support.nodes import WITHIN, NodesTestCase
from tests.support.world import Player


class HourForwardTests(NodesTestCase):
    """Two nodes play on while the clock of Redis is set; ``step`` is by how many seconds."""

    step = 3600.0

    def set_clock(self) -> None:
        """The clock is set, and the nodes do not know it yet."""
        self.service.set_clock(self.step)

    def live(self, seconds: float) -> None:
        """Time passes, in which the game server sends its heartbeats."""
        while seconds > 0:
            self.service.advance(1)
            self.service.server("one", self.capacity)
            seconds -= 1

    def test_killed_node(self) -> None:
        """The players of a node that is killed at that moment are out within the usual time."""
        self.queued("a", 1, "Duos")
        self.queued("b", 0, "Duos")
        self.set_clock()
        self.service.nodes[1].kill()
        self.service.until(lambda: self.state("a") == ["left"], WITHIN)
        self.assertEqual(self.queue("Duos"), ["b"])

    def test_node_killed_later(self) -> None:
        """So are those of a node that is killed when all has settled."""
        self.queued("a", 1, "Duos")
        self.set_clock()
        self.live(8)
        self.service.nodes[1].kill()
        self.service.until(lambda: self.state("a") == ["left"], WITHIN)

    def test_who_does_not_load(self) -> None:
        """Who does not load is out when the time for that is over, not earlier and hardly later."""
        players = [self.queued(name, number % 2, "Duos") for number, name in enumerate("abcd")]
        self.assertEqual({player.last["type"] for player in players}, {"start_loading"})
        for player in players[:3]:
            player.load()
        self.live(8)
        self.set_clock()
        self.live(7)
        self.assertEqual([player.types[-1] for player in players], ["start_loading"] * 4)
        self.service.until(lambda: players[3].last.get("code") == "loading_timeout", 7)
        self.assertEqual([player.types[-1] for player in players[:3]], ["requeued"] * 3)
        self.assertEqual([player.closed for player in players], [None] * 4)

    def test_game_server_dies(self) -> None:
        """A game server that is silent from that moment on is forgotten 15 s after its last heartbeat."""
        self.service.server("one", self.capacity)
        self.set_clock()
        self.service.advance(14)
        listed = self.service.direct.ask("ZRANGE", "servers", 0, -1)
        self.assertEqual(listed, [b"one"])
        self.service.advance(2)
        self.assertEqual(self.service.direct.ask("EXISTS", "servers", "dedicated_server:one", "slots"), 0)

    def test_the_line(self) -> None:
        """Who comes after that stands behind those who came before, and is answered within a second."""
        self.service.server("one", 0)
        self.queued("a", 0, "Duos")
        self.service.advance(1)
        self.set_clock()
        b = self.queued("b", 0, "Duos")
        if b.types != ["queued"]:
            self.assertEqual(b.last["code"], "unavailable")
            self.service.advance(1)
            b.enqueue("Duos")
        self.service.advance(1)
        self.queued("c", 1, "Duos")
        self.assertEqual(self.queue("Duos"), ["a", "b", "c"])
        self.assertIn(self.waited("a"), (2, 3, 4))

    def test_match_goes_on(self) -> None:
        """A match that is loading at that moment is found."""
        a, b = self.loading(0, 1)
        a.load()
        self.set_clock()
        self.live(2)
        b.load()
        self.live(2)
        self.assertEqual((a.types[-1], b.types[-1]), ("match_found", "match_found"))

    def test_another_server_takes_over(self) -> None:
        """After a failover to a machine with another clock nobody is put out, and the dead are found."""
        players = self.before_the_failover()
        self.service.nodes[1].kill()
        self.away()
        self.set_clock()
        self.service.nodes[0].reconnect()
        self.service.server("one", self.capacity)
        self.assertEqual(self.queued("c", 0, "Normal_1v1").types, ["queued"])
        self.service.until(lambda: self.state("b") == ["left"], WITHIN)
        self.assertEqual([player.closed for player in players[:2]], [None, None])
        self.assertEqual((self.queue("Duos"), self.state("l")), (["a"], ["queued"]))

    def before_the_failover(self) -> list[Player]:
        """One player who waits on the first node, a match of both that is loading, one who waits on the second."""
        players = [self.queued("a", 0, "Duos"), self.queued("l", 0), self.queued("m", 1), self.queued("b", 1, "Duos")]
        self.assertEqual(self.state("l", "m"), ["loading", "loading"])
        return players

    def test_emptied_afterwards(self) -> None:
        """A store that is emptied later gets the time back from the nodes: nobody's waiting time jumps."""
        self.queued("a", 0, "Duos")
        self.set_clock()
        self.live(8)
        self.away()
        self.service.direct.ask("FLUSHALL")
        self.back()
        self.queued("b", 1, "Duos")
        self.assertEqual(self.queue("Duos"), ["a", "b"])
        self.assertIn(self.waited("a"), (8, 9))

    def test_real_gap(self) -> None:
        """Where the nodes' clocks say that the time has really passed, it has: no clock is corrected."""
        self.queued("a", 0, "Duos")
        offset = int(self.service.direct.ask("GET", "clock_offset"))
        self.away()
        self.service.advance(60)
        self.back()
        self.service.advance(1)
        # The nodes' clocks stand still while a busy machine takes its time: so much may be corrected.
        self.assertGreater(int(self.service.direct.ask("GET", "clock_offset")), offset + 50_000)
        self.assertIn(self.waited("a"), range(60, 80))


class HourBackTests(HourForwardTests):
    """The same by an hour back."""

    step = -3600.0


class MinuteForwardTests(HourForwardTests):
    """By a minute forward."""

    step = 60.0


class MinuteBackTests(HourForwardTests):
    """By a minute back."""

    step = -60.0
