"""A service in a world whose players have to show tokens."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from matchd.auth.authority import Authority
from matchd.messages import CloseCode
from tests.support.tokens import authority, signer
from tests.support.world import Player
from tests.support.worlds import WorldTestCase

REFUSED = CloseCode.UNAUTHORIZED, "unauthorized"


def unauthorized(why: str) -> dict[str, Any]:
    return {"type": "error", "code": "unauthorized", "message": why}


def token(player_id: str = "ada", **claims: Any) -> str:
    return signer().token(player_id, **claims)


class Identified(WorldTestCase):
    """A service that believes tokens alone."""

    def setUp(self) -> None:
        self.service = self.world(authority=self.authority)
        self.service.server()
        self.addCleanup(self.leave)

    def leave(self) -> None:
        for player in self.service.players:
            player.vanish()

    def authority(self, clock: Clock) -> Authority:
        return authority(clock)

    def wish(self, player_id: str, **fields: Any) -> Player:
        """A new connection that asks for a match at once."""
        return self.service.player(player_id).say(type="enqueue", player_id=player_id, game_mode="Ranked", **fields)

    def assert_refused(self, player: Player, why: str) -> None:
        self.assertEqual(player.last, unauthorized(why))
        self.assertEqual((player.closed, player.reason), REFUSED)
