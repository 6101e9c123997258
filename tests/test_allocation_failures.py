"""Game servers that fall silent or die while a match is sent there: its players are told of one session, theirs."""

from __future__ import annotations

from tests.support.allocating import AllocationTestCase
from tests.support.world import outcome


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
