"""What one connection's player is told, each message once and in order, and where he stands by it."""

from __future__ import annotations

from collections.abc import Iterable

from matchd.messages import ErrorCode, Notice, error, read_notice
from matchd.model import Place
from matchd.players.delivery import Delivery
from matchd.players.lobby import Lobby
from matchd.players.standing import Standing, Wish
from matchd.store.answers import Accepted, Claim
from matchd.websocket.conversation import Outlet


class Telling:
    """The way out of a session: whatever its client hears goes through here."""

    __slots__ = ("_lobby", "_outlet", "delivery", "standing")

    def __init__(self, outlet: Outlet, lobby: Lobby) -> None:
        self._outlet = outlet
        self._lobby = lobby
        self.begin("")

    def begin(self, player_id: str) -> None:
        """From now on it is this player who is told, of whom nothing is known yet; nobody, if it is empty."""
        self.standing, self.delivery = Standing(player_id), Delivery()

    def asks_for(self, mode: str, order: str) -> None:
        """The player asks for this mode: known even if the answer gets lost."""
        stands = self.standing
        if stands.place == Place.ASKING:
            stands.mode, stands.order = mode, order
        else:
            stands.wish = Wish(mode, order, self.delivery.expected)

    def refuse(self, code: ErrorCode, text: str, retry_after_s: int | None = None) -> None:
        """Tell the client that what it asked for is not done, and why."""
        self._lobby.metrics.message_out("error")
        self._outlet.send(error(code, text, retry_after_s))

    def hear(self, frame: bytes) -> None:
        """A message for the player has come; one of the store's has a number, others are passed on as they are."""
        notice = read_notice(frame)
        if notice.seq is not None:
            self._send(self.delivery.arrive(notice.seq, frame), notice)
            return
        self._lobby.metrics.message_out(notice.type)
        self._outlet.send(frame)

    def accepted(self, answer: Accepted) -> None:
        """The player is under way; the message that tells him so is on its way, or here.

        An emptied store may know of an earlier life only, given back by another node: what this one was told counts.
        """
        stands = self.standing
        if stands.place not in (Place.QUEUED, Place.LOADING) or int(answer.since) >= int(stands.since):
            stands.mode, stands.order, stands.since = answer.mode, answer.order, answer.since
        self.answered(answer.seq)

    def answered(self, seq: int) -> None:
        """A question has its answer in the message of this number."""
        self._send(self.delivery.start(seq))

    def catch_up(self, missed: Iterable[bytes]) -> None:
        """These messages had passed unheard."""
        numbered = [(read_notice(frame).seq or 0, frame) for frame in missed]
        due = self.delivery.start(numbered[0][0]) if numbered else []
        self._send(due + self.delivery.fill(numbered))

    def claim(self, connection_id: str) -> Claim:
        """What is believed of the player, for the store to compare."""
        stands, last = self.standing, self.delivery.last
        stands.forget_old(self._now())
        return Claim(
            stands.player_id, connection_id, stands.place, stands.mode, stands.order,
            stands.since, stands.session, -1 if last is None else last, stands.match, stands.team,
        )  # fmt: skip

    def _send(self, frames: list[bytes], notice: Notice | None = None) -> None:
        for frame in frames:
            known = notice if notice is not None and len(frames) == 1 else read_notice(frame)
            self.standing.told(known, frame, self._now())
            self._lobby.metrics.message_out(known.type)
            self._outlet.send(self._with_token(frame) if known.type == "match_found" else frame)

    def _with_token(self, match_found: bytes) -> bytes:
        tokens = self._lobby.join_tokens
        return match_found if tokens is None else tokens.added(self.standing.player_id, match_found)

    def _now(self) -> float:
        return self._lobby.background.reactor.seconds()
