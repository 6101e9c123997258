"""For which player a connection speaks, and where it believes him to be: the half of a session that its node sees.

Nothing here is decided: that a newer connection speaks for the player, or what he missed, is what the store said.
"""

from __future__ import annotations

from contextlib import suppress

from matchd.errors import StoreUnavailable
from matchd.messages import CloseCode, ErrorCode
from matchd.model import Place
from matchd.players.lobby import Lobby
from matchd.players.standing import Standing
from matchd.players.telling import Telling
from matchd.store.answers import Accepted, Claim, Finding
from matchd.store.runner import PATIENCE_MS
from matchd.websocket.conversation import Outlet

VOID_SECONDS = 2 * PATIENCE_MS / 1000
"""After which a question that reached nobody reaches nobody any more, whatever the clocks say."""
UNREACHED = "the store can't be reached: ask again, nothing was lost"


class Speaker:
    """What one connection is for its player; ``connection_id`` names it across all nodes.

    ``busy`` is set while a question of its player is under way, ``over`` once it has no more say.
    """

    __slots__ = ("_asked_at", "_catching_up", "_lobby", "_outlet", "asked", "busy", "connection_id", "over", "telling")

    def __init__(self, outlet: Outlet, connection_id: str, lobby: Lobby) -> None:
        self.connection_id = connection_id
        self.telling = Telling(outlet, lobby)
        self.asked = False
        self.busy = False
        self.over = False
        self._outlet = outlet
        self._lobby = lobby
        self._catching_up = False
        self._asked_at = 0.0

    @property
    def standing(self) -> Standing:
        """Where its player stands, as he was told."""
        return self.telling.standing

    # for whom it speaks

    async def speak_for(self, player_id: str) -> bool:
        """Be reachable as this player before anything is asked for him; False if that can't be."""
        self.asked = True
        if self.standing.player_id != player_id:
            if self.standing.under_way:
                self.telling.refuse(
                    ErrorCode.INVALID_MESSAGE, f"player_id: this connection speaks for {self.standing.player_id}"
                )
                return False
            self._fall_silent()
            self.telling.begin(player_id)
            self._lobby.presence.add(self, player_id)
        if not self.standing.under_way:
            self.standing.place, self.standing.since, self._asked_at = Place.ASKING, "0", self._now()
        self.standing.wish = None  # the newest question counts
        await self._lobby.listen(player_id)
        return not self.over

    def accepted(self, answer: Accepted) -> None:
        """What was asked for him is so, and this is his connection."""
        if self.over:
            return
        for other in self._lobby.presence.of_player(self.standing.player_id):
            if other is self:
                break  # who asked later is newer, even in vain
            if not other.busy:  # the store says so too, if it knows of it and can be heard
                other.superseded()
        self.telling.accepted(answer)

    def refused_place(self) -> None:
        """What was asked for was refused: this connection speaks for nobody, unless it did before."""
        if self.standing.place == Place.ASKING and not self.telling.delivery.awaited:
            self._fall_silent()

    def lost(self, code: int = 1006) -> None:
        """The connection is gone: its client hung up, unless this node sent it away (4000)."""
        if self.over:
            return
        self.over = True
        standing, claim, asks = self.standing, self.claim(), self.busy or self.telling.delivery.awaited
        if standing.under_way or (asks and standing.player_id):  # what it asked may put its player somewhere yet
            self._forget_player()  # but listen until the store knows: else it looks as if nobody could be told
            self._lobby.departed(standing.player_id, self.connection_id, code != CloseCode.DRAINING)
        else:
            self._fall_silent()
        if standing.place == Place.MATCHED:
            self._lobby.remember(claim)

    def _fall_silent(self) -> None:
        player_id = self.standing.player_id
        if self._forget_player():
            self._lobby.unlisten(player_id)

    def _forget_player(self) -> bool:
        """Speak for nobody any more; True if no other connection here is the player's."""
        player_id = self.standing.player_id
        self.telling.begin("")
        return bool(player_id) and self._lobby.presence.remove(self, player_id)

    # what the node brings

    def hear(self, frame: bytes) -> None:
        """A message for the player has come by his channel."""
        self.telling.hear(frame)
        if self.telling.delivery.gap and not self._catching_up:
            self._lobby.background.spawn("catch-up", self._catch_up())

    def superseded(self) -> None:
        """A newer connection speaks for the player now; this one has no more say."""
        self.lost()  # it may have asked once more meanwhile: whose word counts is the store's to say
        self._outlet.close(CloseCode.SUPERSEDED, "a newer connection speaks for this player")

    def send_away(self, code: CloseCode, reason: str) -> None:
        """Close the connection, which has no more say from now on, however long the socket takes."""
        self.lost(code)
        self._outlet.close(code, reason)

    def claim(self) -> Claim:
        """What is believed of the player, for the store to compare."""
        return self.telling.claim(self.connection_id)

    def learn(self, finding: Finding) -> None:
        """What comparing brought: a newer connection, or messages that were missed."""
        if self.over:
            return
        if finding.superseded:
            self.superseded()
            return
        if finding.level:
            self.telling.delivery.forget_early()
        self.telling.catch_up(finding.missed)
        if finding.since:  # it says where he is after what he had missed
            self.standing.since, self.standing.mode, self.standing.order = finding.since, finding.mode, finding.order
        if not self.busy and not finding.undecided:
            self._give_up_what_was_forgotten()

    def _give_up_what_was_forgotten(self) -> None:
        """The store has told all it knows: an answer that is still awaited, or a question without any, is lost."""
        if self.telling.delivery.awaited:
            self.telling.delivery.expect_nothing()
            self.telling.refuse(ErrorCode.UNAVAILABLE, UNREACHED)
        if self.standing.place == Place.ASKING and self._now() - self._asked_at > VOID_SECONDS:
            self.standing.place = Place.NONE

    async def _catch_up(self) -> None:
        self._catching_up = True
        try:
            with suppress(StoreUnavailable):  # all are compared when it is back
                while self.telling.delivery.gap:
                    for finding in await self._lobby.store.reconcile([self.claim()]):
                        self.learn(finding)
        finally:
            self._catching_up = False

    def _now(self) -> float:
        return self._lobby.background.reactor.seconds()
