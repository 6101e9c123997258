"""From a complete roster to a game server: what is asked, of whom, how often, and what is told in the end."""

from __future__ import annotations

from matchd.matches.gameserver import CreateSession
from matchd.model import GameMode
from matchd.node import Tempo
from tests.support.allocating import AllocationTestCase
from tests.support.world import MODES, TestNode, outcome


class RequestTests(AllocationTestCase):
    """What a game server is asked."""

    def test_who_plays(self) -> None:
        """It is told the players in the order they were drawn, their teams, the mode, and the key of the request."""
        players = [self.queued(name, mode="Duos") for name in "dbca"]
        self.play(*players)
        session = players[0].heard[1]["loading_session_id"]
        expected = CreateSession(("d", "b", "c", "a"), "Duos", session, (("d", "b"), ("c", "a")))
        self.assertEqual(self.games.requests, [expected])
        self.assertEqual([player.last["team"] for player in players], [0, 0, 1, 1])

    def test_mode_of_another_node(self) -> None:
        """A node takes over the match of a mode that its own settings do not name: everybody is a team of his own."""
        world = self.world(1, modes={**MODES, "Trio": GameMode("Trio", (2, 1))})
        world.server()
        world.advance(5)
        other = TestNode(world, Tempo(), MODES, None)
        world.nodes.append(other)
        a, b, c = [world.player(name).enqueue("Trio") for name in "abc"]
        world.games.behaviour["one:7000"] = "slow"
        self.play(a, b, c)
        world.nodes[0].kill()
        world.until(lambda: len(world.games.asked) == 2, 8)
        self.assertEqual(
            [request.teams for request in world.games.requests], [(("a", "b"), ("c",)), (("a",), ("b",), ("c",))]
        )

    def test_once(self) -> None:
        """However often a node hears of a roster, it seeks one server for it."""
        a, b = self.loading(0, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        for _ in range(3):
            outcome(self.node.allocator.adopt())
        self.assertEqual((self.asked(), len(self.node.allocator)), (["one"], 1))
        self.games.answer_all()
        self.service.settle()
        self.assertEqual((a.last["type"], len(self.node.allocator)), ("match_found", 0))


class NoServerTests(AllocationTestCase):
    """No game server takes anything for a long time."""

    def test_refusing_for_minutes(self) -> None:
        """A server that always refuses is asked ever more rarely: players are not driven round in circles."""
        self.games.behaviour["one:7000"] = "refuse"
        a, b = self.loading(0, 0)
        for _ in range(60):
            self.serve(10)
            self.service.advance(5, step=1)
            for player in (a, b):
                if player.last["type"] == "start_loading":
                    player.load()
        self.assertLessEqual(len(self.games.asked), 9)
        self.assertGreater(len(self.games.asked), 5)

    def test_crowded(self) -> None:
        """A server that could not be asked for the crowd before its door does not rest: it plays as soon as it can."""
        self.games.behaviour["one:7000"] = "crowded"
        a, b = self.loading(0, 0)
        self.play(a, b)
        self.assertEqual(a.types[-2:], ["requeued", "start_loading"])
        self.games.behaviour["one:7000"] = "ok"
        self.play(a, b)
        self.assertEqual((a.last["type"], b.last["type"]), ("match_found", "match_found"))

    def test_gone_for_minutes(self) -> None:
        """Without a server nobody is drawn, asked or told anything, until there is one."""
        outcome(self.node.store.deregister_server("one"))
        a, b = self.queued("a"), self.queued("b")
        self.service.advance(180, step=2)
        self.assertEqual((a.types, b.types, self.games.asked), (["queued"], ["queued"], []))
        self.serve()
        self.service.advance(1)
        self.assertEqual((a.types, b.types), (["queued", "start_loading"],) * 2)

    def test_gone_while_they_load(self) -> None:
        """If there is none left when all have loaded, they are back in the queue at once, with their places."""
        a, b = self.loading(0, 0)
        outcome(self.node.store.deregister_server("one"))
        self.play(a, b)
        self.assertEqual((a.last["type"], a.last["reason"]), ("requeued", "allocation_failed"))
        self.assertEqual((self.queue(), self.games.asked), (["a", "b"], []))

    def test_more_sessions_than_slots(self) -> None:
        """If slots were lost while they loaded, those who come first play; the others wait, in their places."""
        self.serve(2)
        first, second = self.loading(0, 0), [self.queued("x"), self.queued("y")]
        self.serve(1)
        self.play(*second, *first)
        self.assertEqual([player.types[-1] for player in (*second, *first)], ["match_found"] * 2 + ["requeued"] * 2)
        self.assertEqual(self.queue(), ["a", "b"])


class AttemptsTests(AllocationTestCase):
    """How many servers are asked for one match."""

    tempo = Tempo(allocation_attempts=2)

    def test_no_more_than_set(self) -> None:
        """After as many failures as are allowed the players are back in the queue, whatever other servers there are."""
        self.serve(10, "two", "three", "four")
        for server in ("one", "two", "three", "four"):
            self.games.behaviour[f"{server}:7000"] = "refuse"
        a, b = self.loading(0, 0)
        self.play(a, b)
        self.assertEqual((len(self.asked()), len(set(self.asked())), a.types[2]), (2, 2, "requeued"))
