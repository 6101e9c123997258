"""One game server under two ids: its players are sent to one session, which nobody ends."""

from __future__ import annotations

from matchd.matches.gameserver import CreateSession
from matchd.model import GameServer, GameSession
from tests.support.nodes import NodesTestCase
from tests.support.world import Player, outcome

ADDRESS = "10.0.0.7:7000"


class OneAddressTests(NodesTestCase):
    """It is at ADDRESS, and was first known as ``first``."""

    def setUp(self) -> None:
        super().setUp()
        outcome(self.service.nodes[0].node.store.deregister_server("one"))
        self.players: list[Player] = []

    def known(self, server_id: str, capacity: int, fixed: bool = False) -> None:
        server = GameServer(server_id, ADDRESS, capacity, fixed=fixed)
        outcome(self.service.nodes[0].node.store.register_server(server))

    def play(self) -> None:
        """Two players load, and the game server is asked for their session."""
        for player in self.players:
            player.load()

    def played(self) -> str:
        """The session to which the players were sent, which runs when all that is to be ended was."""
        for _ in range(30):
            self.service.advance(1)
            for server_id in ("0f3a", "10.0.0.7_7000"):
                self.known(server_id, 10, fixed=server_id != "0f3a")
        a, b = self.players
        self.assertEqual([player.types.count("match_found") for player in (a, b)], [1, 1])
        session = str(a.last["loading_session_id"])
        self.assertNotIn((ADDRESS, session), self.games.ended)
        self.assertEqual(list(self.games.sessions[ADDRESS]), [session])
        return session

    def answer_the_second(self) -> None:
        """The server makes what it is asked for first, but that answer is lost; from then on it answers."""
        create, self.games.behaviour[ADDRESS] = self.games.create_session, "made but silent"

        async def answer(address: str, request: CreateSession) -> GameSession:
            try:
                return await create(address, request)
            finally:
                self.games.behaviour.clear()

        self.games.create_session = answer  # type: ignore[method-assign]

    def test_the_first_answer_is_lost(self) -> None:
        """The players wait again, and are sent to the session of their next match; that of the first is ended."""
        for first, second in (("0f3a", "10.0.0.7_7000"), ("10.0.0.7_7000", "0f3a")):
            self.known(first, 20, fixed=first != "0f3a")
            self.answer_the_second()
            self.players = self.loading(0, 1)
            self.known(second, 10, fixed=second != "0f3a")
            self.play()
            tried = self.games.asked[-1]
            self.assertEqual(self.players[0].types[-2:], ["requeued", "start_loading"])
            self.play()
            self.assertNotEqual(self.played(), tried[1])
            self.assertEqual(self.games.ended, [tried])
            for player in self.players:
                player.vanish()
            self.service.advance(130, step=1)
            self.games.ended.clear()
            self.games.sessions.clear()

    def test_the_other_node_goes_on(self) -> None:
        """The node dies that asked; another one asks that server by the same key, and nothing is ended."""
        self.known("0f3a", 10)
        self.games.behaviour[ADDRESS] = "slow"
        a, b = self.loading(0, 1)
        a.load()
        b.load()
        self.service.nodes[1].kill()
        for _ in range(8):
            self.service.advance(1)
            self.known("0f3a", 10)
            self.known("9c41", 20)
        self.assertEqual(self.games.asked, [(ADDRESS, a.last["loading_session_id"])] * 2)
        self.games.answer_all()
        self.service.advance(12)
        self.assertEqual((a.types.count("match_found"), self.games.ended), (1, []))
