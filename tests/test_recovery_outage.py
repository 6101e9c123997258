"""A store that is out of reach for a while: nobody is judged for the silence."""

from __future__ import annotations

from tests.support.nodes import NodesTestCase
from tests.support.world import Player, outcome


class AwayTests(NodesTestCase):
    """The store is out of reach for half a minute, with all that it holds."""

    def outage(self, seconds: float = 30) -> None:
        self.away()
        self.service.advance(seconds)
        self.back()

    def test_nobody_is_judged(self) -> None:
        """Nobody is judged for the silence: nodes live, players keep their places and sockets, matches load on."""
        a, b = self.loading(0, 1)
        c, d = self.queued("c"), self.queued("d", 1, "Duos")
        self.outage()
        self.service.advance(1)
        self.assertEqual([player.closed for player in (a, b, c, d)], [None] * 4)
        self.assertEqual((self.state("a", "b", "c", "d")), ["loading", "loading", "queued", "queued"])
        a.load()
        b.load()
        self.assertEqual((a.types[-1], b.types[-1]), ("match_found", "match_found"))

    def test_dead_meanwhile(self) -> None:
        """A node that died meanwhile is found out within the usual time."""
        self.service.server("one", 0)
        self.capacity = 0
        self.queued("a", 1)
        self.queued("b")
        self.away()
        self.service.nodes[1].kill()
        self.service.advance(30)
        self.service.nodes[0].reconnect()
        self.service.advance(3)
        self.assertEqual(self.state("a"), ["queued"])
        self.service.until(lambda: self.state("a") == ["left"], 3)
        self.assertEqual(self.queue(), ["b"])

    def test_while_a_request_is_out(self) -> None:
        """A server's answer is kept until the store is back, and then told."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.away()
        self.games.answer_all()
        self.service.advance(5)
        self.assertEqual(a.types[-1], "start_loading")
        self.back()
        self.service.advance(1)
        self.assertEqual((a.types[-1], b.types[-1], len(self.games.asked)), ("match_found", "match_found", 1))

    def allocating_for_minutes(self) -> tuple[Player, Player]:
        """A request is answered while the store is away, and stays so for longer than the lease of an allocation."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.away()
        self.games.answer_all()
        self.games.behaviour.clear()
        self.service.advance(66, step=1)
        return a, b

    def test_for_longer_than_the_lease(self) -> None:
        """Even after minutes the allocation is taken up again, by one node, with the same key."""
        self.fixed_server()
        a, b = self.allocating_for_minutes()
        self.back()
        self.service.until(lambda: a.types[-1] == b.types[-1] == "match_found", 12)
        self.assertEqual(len(set(self.games.asked)), 1)
        self.assertEqual((a.types.count("match_found"), b.types.count("match_found")), (1, 1))

    def test_servers_without_heartbeats(self) -> None:
        """A server whose heartbeats did not get through is not trusted with the match, and ends its session."""
        a, b = self.allocating_for_minutes()
        self.back()
        self.service.advance(2)
        self.assertEqual((a.types[2], b.types[2]), ("requeued", "requeued"))
        self.assertEqual(self.games.ended, self.games.asked[:1])
        self.assertEqual(self.games.sessions["one:7000"], {})

    def fixed_server(self) -> None:
        """The nodes vouch for the server from now on."""
        outcome(self.service.nodes[0].node.store.deregister_server("one"))
        for node in self.service.nodes:
            node.node.provider.add_fixed(["one:7000"])
        self.service.advance(6)

    def test_left_meanwhile(self) -> None:
        """Whose connection went meanwhile has left; with him in it a match falls through, as soon as it can."""
        a, b = self.loading(0, 1)
        self.away()
        a.vanish()
        self.back()
        self.service.advance(1)
        self.assertEqual((self.state("a"), b.types[-1]), (["left"], "requeued"))
