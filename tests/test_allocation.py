"""From a complete roster to a game server: what is asked, of whom, how often, and what is told in the end."""

from __future__ import annotations

from matchd.matches.gameserver import CreateSession
from matchd.model import GameMode
from matchd.node import Tempo
from tests.support.nodes import NodesTestCase
from tests.support.world import MODES, Player, TestNode, outcome


class AllocationTestCase(NodesTestCase):
    nodes = 1

    def setUp(self) -> None:
        super().setUp()
        self.node = self.service.nodes[0].node

    def play(self, *players: Player) -> None:
        for player in players:
            player.load()

    def serve(self, capacity: int = 10, *servers: str, sessions: int | None = None) -> None:
        for server in servers or ("one",):
            self.service.server(server, capacity, sessions)

    def asked(self) -> list[str]:
        """The servers that were asked, in order."""
        return [address.removesuffix(":7000") for address, _ in self.games.asked]


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


class UncertainTests(AllocationTestCase):
    """Nobody knows whether the server has made the session."""

    def test_one_match_one_session(self) -> None:
        """Players are told of one session, and the other one is ended as soon as its server answers."""
        self.serve(20, "one")
        self.serve(10, "two")
        self.games.behaviour["one:7000"] = "made but silent"
        a, b = self.loading(0, 0)
        self.play(a, b)
        session = a.heard[1]["loading_session_id"]
        self.assertEqual((a.types.count("match_found"), a.last["server_address"]), (1, "two:7000"))
        self.service.advance(12)
        self.assertEqual(self.games.ended, [])
        self.games.behaviour.clear()
        self.service.advance(6)
        self.assertEqual(self.games.ended, [("one:7000", session)])
        self.assertEqual([list(self.games.sessions[f"{name}:7000"]) for name in ("one", "two")], [[], [session]])
        self.service.advance(20)
        self.assertEqual(len(self.games.ended), 1)

    def test_two_servers_may_have_made_it(self) -> None:
        """Each of them is asked to end its own until it answers, whoever answers first."""
        self.serve(20, "one")
        self.serve(10, "two")
        self.games.behaviour.update({"one:7000": "made but silent", "two:7000": "made but silent"})
        a, b = self.loading(0, 0)
        self.play(a, b)
        for server in ("one", "two"):
            del self.games.behaviour[f"{server}:7000"]
            self.service.advance(6)
        self.assertEqual([address for address, _ in self.games.ended], ["one:7000", "two:7000"])
        self.assertEqual(self.service.direct.ask("KEYS", "orphan*"), [])

    def test_slot_counted_until_the_heartbeat(self) -> None:
        """The slot stays taken until the server has said how many sessions it runs."""
        self.serve(1)
        self.games.behaviour["one:7000"] = "lost"
        self.play(*self.loading(0, 0))
        self.assertEqual(self.slots(), 1)
        self.service.advance(3)
        self.serve(1, sessions=0)
        self.assertEqual(self.slots(), 0)

    def test_a_server_that_never_answers_again(self) -> None:
        """It is asked to end the session every 5 s, not more often."""
        self.games.behaviour["one:7000"] = "lost"
        asked: list[str] = []
        end_session = self.games.end_session

        async def count(address: str, session: str) -> None:
            asked.append(address)
            await end_session(address, session)

        self.games.end_session = count  # type: ignore[method-assign]
        self.play(*self.loading(0, 0))
        self.service.advance(21)
        self.assertIn(len(asked), (4, 5))

    def test_gone_before_its_answer_counted(self) -> None:
        """A server that left while it made the session is not told to the players; it is to end the session."""
        a, b = self.loading(0, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        outcome(self.node.store.deregister_server("one"))
        self.serve(5, "two")
        self.games.answer_all()
        self.service.advance(1)
        self.assertEqual((a.last["server_address"], b.last["server_address"]), ("two:7000", "two:7000"))
        self.assertEqual([address for address, _ in self.games.ended], ["one:7000"])


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


class DyingServerTests(AllocationTestCase):
    """The game server dies; its heartbeats stop, and 15 s later it is forgotten."""

    def setUp(self) -> None:
        super().setUp()
        self.a, self.b = self.loading(0, 0)
        self.serve(10, "two")
        self.serve(20, "one")

    def next_match(self) -> str:
        """Where the next two players are sent."""
        players = [self.queued(name) for name in "cd"]
        self.play(*players)
        self.assertEqual(players[0].last, {**players[1].last, "team": 0})
        return str(players[0].last["server_address"])

    def is_forgotten(self) -> None:
        """Its heartbeats stop, those of the other one go on; then nothing is left of it."""
        for _ in range(4):
            self.service.advance(5)
            self.serve(10, "two")
        self.assertEqual(self.service.direct.ask("KEYS", "*:one"), [])

    def test_before_it_was_asked(self) -> None:
        """Between reservation and request: the next one is asked, its slot is free, and it rests."""
        self.games.behaviour["one:7000"] = "refuse"
        self.play(self.a, self.b)
        self.assertEqual((self.asked(), self.a.last["server_address"], self.slots()), (["one", "two"], "two:7000", 0))
        self.assertEqual(self.next_match(), "two:7000")

    def test_while_it_is_asked(self) -> None:
        """Its session may exist: the players are sent to another one, and are told of no second."""
        self.games.behaviour["one:7000"] = "made but silent"
        self.play(self.a, self.b)
        self.assertEqual((self.a.last["server_address"], self.slots()), ("two:7000", 1))
        self.is_forgotten()
        self.assertEqual((self.a.types.count("match_found"), self.next_match()), (1, "two:7000"))

    def test_after_its_answer(self) -> None:
        """Its match was told, and stays so for those who ask again; nobody else is sent there, and no slot is left."""
        self.play(self.a, self.b)
        self.assertEqual((self.a.last["server_address"], self.slots()), ("one:7000", 1))
        self.is_forgotten()
        self.assertEqual(self.service.player("a").resume().last["server_address"], "one:7000")
        self.assertEqual(self.next_match(), "two:7000")


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


class StoreAwayTests(AllocationTestCase):
    """The store can't be reached in the middle of an allocation."""

    nodes = 2

    def cut(self, seconds: float) -> None:
        self.service.nodes[0].commands.down = True
        self.games.answer_all()
        self.service.advance(seconds)
        self.service.nodes[0].commands.down = False

    def test_for_a_moment(self) -> None:
        """What the server answered is told when the store is back; the server is not asked twice."""
        a, b = self.loading(1, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        self.cut(3)
        self.service.advance(0.5)
        self.assertEqual((a.types[-1], b.types[-1], self.asked()), ("match_found", "match_found", ["one"]))

    def test_for_longer_than_the_lease(self) -> None:
        """What no node could go on with for a minute is gone on with when the store is back: that is no failure."""
        a, b = self.loading(1, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        self.away()
        self.games.answer_all()
        self.service.advance(70, step=2)
        self.games.behaviour.clear()
        self.back()
        self.service.until(lambda: "requeued" in a.types, 5)  # the server was not heard of in all that time
        self.assertEqual([node.node.background.failures for node in self.service.nodes], [{}, {}])

    def test_while_others_go_on(self) -> None:
        """A node that was away for too long finds its match made by another; nothing is told or made twice."""
        a, b = self.loading(1, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        late, self.games.waiting = self.games.waiting, []
        self.games.behaviour.clear()
        self.service.nodes[0].commands.down = True
        self.service.until(lambda: "match_found" in a.types, 8)
        self.games.waiting = late
        self.games.answer_all()
        self.service.nodes[0].commands.down = False
        self.service.advance(3)
        self.assertEqual((a.types.count("match_found"), self.slots()), (1, 1))
        self.assertEqual(list(self.games.sessions["one:7000"].values()), [a.last["session_id"]])

    def test_emptied_meanwhile(self) -> None:
        """The store was emptied while the server was asked: what it made is ended, for nobody knows of it any more."""
        a, _ = self.loading(0, 0)
        self.games.behaviour["one:7000"] = "slow"
        self.play(*self.service.players)
        self.service.server("one", self.capacity, self.capacity)
        self.away()
        self.service.direct.ask("FLUSHALL")
        self.back()
        self.service.advance(2.5)
        self.assertIn("requeued", a.types)
        session = a.heard[1]["loading_session_id"]
        self.games.answer_all()
        self.service.advance(2)
        self.assertIn(("one:7000", session), self.games.ended)

    def test_emptied_after_the_answer_was_written(self) -> None:
        """Where the match may have been told before the store was emptied, the players' session is left alone."""
        a, b = self.loading(1, 1)
        self.games.behaviour["one:7000"] = "slow"
        self.play(a, b)
        node = self.service.nodes[1]
        node.commands.lose_the_next_answer(then=node.disconnect)
        self.games.answer_all()
        self.service.direct.ask("FLUSHALL")
        self.service.nodes[0].disconnect()
        self.back()
        self.service.advance(3)
        self.assertEqual(self.games.ended, [])
