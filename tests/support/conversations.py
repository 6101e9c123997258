"""What conversations are made of: players on the nodes of a World with one game server, and the frames they hear."""

from __future__ import annotations

from typing import Any

from matchd.messages import CloseCode
from tests.support.world import Player
from tests.support.worlds import WorldTestCase

NOT_QUEUED = {"type": "error", "code": "not_queued", "message": "you are in no queue"}
NOWHERE = {"type": "error", "code": "not_queued", "message": "you are in no queue and no match"}
NOT_IN_SESSION = {
    "type": "error",
    "code": "not_in_session",
    "message": "loading_session_id: you are not in that loading session",
}
UNAVAILABLE = {
    "type": "error",
    "code": "unavailable",
    "message": "the store can't be reached: ask again, nothing was lost",
}
SUPERSEDED = CloseCode.SUPERSEDED, "a newer connection speaks for this player"


def queued(seq: int) -> dict[str, Any]:
    return {"type": "queued", "seq": seq}


def start_loading(session: str, seq: int) -> dict[str, Any]:
    return {"type": "start_loading", "loading_session_id": session, "seq": seq}


def requeued(reason: str, seq: int) -> dict[str, Any]:
    return {"type": "requeued", "reason": reason, "seq": seq}


def match_found(session: str, team: int, seq: int) -> dict[str, Any]:
    game = {"session_id": f"game-{session}@one:7000", "server_address": "one:7000", "loading_session_id": session}
    return {"type": "match_found", **game, "team": team, "seq": seq}


class Conversation(WorldTestCase):
    """A world with one game server, whose players are spread over its nodes."""

    nodes = 1

    def setUp(self) -> None:
        self.service = self.world(self.nodes)
        self.service.server()
        self.turns: dict[str, int] = {}

    def connect(self, player_id: str) -> Player:
        """A new connection, on another node than this player's last."""
        turn = self.turns.get(player_id, len(self.turns))
        self.turns[player_id] = turn + 1
        return self.service.player(player_id, turn % self.nodes)

    def queued(self, player_id: str = "a") -> Player:
        return self.connect(player_id).enqueue("Ranked")

    def loading(self) -> tuple[Player, Player, str]:
        """Two players who load, and their loading session."""
        a, b = self.queued("a"), self.queued("b")
        return a, b, a.last["loading_session_id"]

    def allocating(self) -> tuple[Player, Player, str]:
        """Two players for whom a game server is asked that takes its time."""
        self.service.games.behaviour["one:7000"] = "slow"
        a, b, session = self.loading()
        a.load()
        b.load()
        return a, b, session

    def game_server_answers(self) -> None:
        self.service.games.answer_all()
        self.service.settle()

    def matched(self) -> tuple[Player, Player, str]:
        a, b, session = self.loading()
        a.load()
        b.load()
        return a, b, session

    def assert_closed(self, player: Player, end: tuple[CloseCode, str]) -> None:
        self.assertEqual((player.closed, player.reason), end)
