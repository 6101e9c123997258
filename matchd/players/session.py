"""One connection's conversation: what each message of a player means, and what he is told.

A session reads one message after the other, in order, each to its end. It decides nothing that others
could contest: where a player is, is asked of the store, whose answer comes by the player's channel, the
one road for messages to players. docs/protocol.md has the table of what is answered when.
"""

from __future__ import annotations

from collections import deque
from math import ceil

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from matchd.auth.authority import Authority
from matchd.auth.tokens import Expired, Unauthorized
from matchd.errors import StoreUnavailable
from matchd.messages import (
    BadMessage,
    ClientMessage,
    CloseCode,
    Dequeue,
    Enqueue,
    ErrorCode,
    LoadingComplete,
    Resume,
    decode,
)
from matchd.model import Place, Roster
from matchd.players.identification import Credential, Identification
from matchd.players.lobby import Lobby
from matchd.players.standing import Standing
from matchd.players.telling import Telling
from matchd.store.answers import Accepted, AlreadyQueued, Claim, CoolingDown, Finding
from matchd.store.store import PATIENCE_MS
from matchd.websocket.conversation import Outlet

MOST_WAITING = 32
"""Messages of one client that may wait for the one before them."""
VOID_SECONDS = 2 * PATIENCE_MS / 1000
"""After which a question that reached nobody reaches nobody any more, whatever the clocks say."""
UNREACHED = "the store can't be reached: ask again, nothing was lost"


class Session:
    """What one connection says and hears; ``connection_id`` names it across all nodes."""

    _identification: Identification | None = None

    def __init__(self, outlet: Outlet, connection_id: str, lobby: Lobby) -> None:
        self.connection_id = connection_id
        self.enqueued = False
        self.busy = False
        self._outlet = outlet
        self._lobby = lobby
        self._telling = Telling(outlet, lobby)
        self._inbox: deque[ClientMessage | Credential] = deque()
        self._over = False
        self._catching_up = False
        self._asked_at = 0.0

    @property
    def standing(self) -> Standing:
        """Where its player stands, as he was told."""
        return self._telling.standing

    # what the connection brings

    def present(self, token: str) -> None:
        """A token that came with the handshake; it means nothing where players are not authenticated."""
        if self._lobby.authority is not None:
            self._take(Credential(token))

    def receive(self, frame: bytes) -> None:
        """One text frame of the client."""
        try:
            message = decode(frame)
        except BadMessage as bad:
            self._lobby.metrics.message_in("invalid")
            self._telling.refuse(bad.code, bad.text)
            self._outlet.fault()
            return
        self._lobby.metrics.message_in(str(message.__struct_config__.tag))
        player_id = self._speaker(message)
        if player_id and not self._lobby.pace.take(player_id, self._now()):
            self._telling.refuse(ErrorCode.RATE_LIMITED, "too many messages of this player")
            self._outlet.fault()
            return
        if len(self._inbox) >= MOST_WAITING:
            self._telling.refuse(ErrorCode.RATE_LIMITED, "too many messages wait for an answer")
            return
        self._take(message)

    def _take(self, message: ClientMessage | Credential) -> None:
        self._inbox.append(message)
        if not self.busy:
            self._lobby.background.spawn("session", self._work())

    def lost(self, code: int = 1006) -> None:
        """The connection is gone; who loads has deserted his match, unless we sent him away ourselves (4000)."""
        if self._over:
            return
        self._over = True
        if self._identification is not None:
            self._identification.stop()
        standing, claim = self.standing, self.claim()
        self._fall_silent()
        if standing.under_way:
            deserts = standing.place == Place.LOADING and code != CloseCode.DRAINING
            self._lobby.departed(standing.player_id, self.connection_id, standing.session if deserts else "")
        elif standing.place == Place.MATCHED:
            self._lobby.remember(claim)

    # what the node brings

    def hear(self, frame: bytes) -> None:
        """A message for the player has come by his channel."""
        self._telling.hear(frame)
        if self._telling.delivery.gap and not self._catching_up:
            self._lobby.background.spawn("catch-up", self._catch_up())

    def superseded(self) -> None:
        """A newer connection speaks for the player now; this one has no more say."""
        self.lost()  # it may have asked once more meanwhile: whose word counts is the store's to say
        self._outlet.close(CloseCode.SUPERSEDED, "a newer connection speaks for this player")

    def close(self, code: CloseCode, reason: str) -> None:
        """Close the connection; its player leaves when it is gone."""
        self._outlet.close(code, reason)

    def claim(self) -> Claim:
        """What this session believes, for the store to compare."""
        return self._telling.claim(self.connection_id)

    def learn(self, finding: Finding) -> None:
        """What comparing brought: a newer connection, or messages that were missed."""
        if self._over:
            return
        if finding.superseded:
            self.superseded()
            return
        if finding.since:
            self.standing.since, self.standing.mode, self.standing.order = finding.since, finding.mode, finding.order
        self._telling.catch_up(finding.missed)
        if not self.busy and not finding.undecided:
            self._give_up_what_was_forgotten()

    def _give_up_what_was_forgotten(self) -> None:
        """The store has told all it knows: an answer that is still awaited, or a question without any, is lost."""
        if self._telling.delivery.awaited:
            self._telling.delivery.expect_nothing()
            self._telling.refuse(ErrorCode.UNAVAILABLE, UNREACHED)
        if self.standing.place == Place.ASKING and self._now() - self._asked_at > VOID_SECONDS:
            self.standing.place = Place.NONE

    # one message after the other

    async def _work(self) -> None:
        self.busy = True
        try:
            while self._inbox and not self._over:
                await self._answer(self._inbox.popleft())
        finally:
            self.busy = False

    async def _answer(self, message: ClientMessage | Credential) -> None:
        try:
            if self._lobby.authority is not None:
                message = await self._identify(self._lobby.authority, message)
                if self._over:
                    return
            match message:
                case Enqueue():
                    await self._enqueue(message)
                case Resume():
                    await self._resume(message)
                case Dequeue():
                    await self._dequeue()
                case LoadingComplete():
                    await self._loading_complete(message)
        except Unauthorized as doubt:
            self._send_away(str(doubt))
        except Expired:
            self._ask_for_token()
        except StoreUnavailable:
            self._telling.refuse(ErrorCode.UNAVAILABLE, UNREACHED)
        except CancelledError:
            raise
        except Exception:
            self._telling.refuse(ErrorCode.UNAVAILABLE, "something went wrong here: ask again")
            self._lobby.background.note("session", Failure())

    async def _enqueue(self, wish: Enqueue) -> None:
        mode = self._lobby.modes.get(wish.game_mode)
        if mode is None:
            self._telling.refuse(ErrorCode.INVALID_GAME_MODE, f"game_mode: {wish.game_mode} is unknown")
            return
        if not await self._speak_for(wish.player_id):
            return
        if self.standing.place == Place.ASKING:  # known even if the answer gets lost
            self.standing.mode, self.standing.order = mode.name, mode.order.value
        newest = self._telling.delivery.newest
        answer = await self._lobby.store.enqueue(wish.player_id, self.connection_id, mode, newest)
        if isinstance(answer, AlreadyQueued):
            if answer.here:  # by a question before this one, whose answer is on its way
                self.standing.mode, self.standing.order = answer.mode, answer.order
            else:
                self._refused_place()
            self._telling.refuse(ErrorCode.ALREADY_QUEUED, f"you are under way in {answer.mode}")
            return
        if isinstance(answer, CoolingDown):
            self._refused_place()
            wait = ceil(answer.wait_ms / 1000)
            self._telling.refuse(ErrorCode.COOLDOWN, f"you failed to load too often: wait {wait} s", wait)
            return
        self._accepted(answer)
        if answer.waiting >= mode.size:
            self._lobby.match(mode.name)

    async def _resume(self, question: Resume) -> None:
        if not await self._speak_for(question.player_id):
            return
        answer = await self._lobby.store.resume(question.player_id, self.connection_id)
        if answer is None:
            self._refused_place()
            self._telling.refuse(ErrorCode.NOT_QUEUED, "you are in no queue and no match")
            return
        self._accepted(answer)

    async def _dequeue(self) -> None:
        player_id = self.standing.player_id
        answer = await self._lobby.store.dequeue(player_id, self.connection_id) if player_id else 0
        if answer:
            self._telling.answered(answer)
        else:
            self._telling.refuse(ErrorCode.NOT_QUEUED, "you are in no queue")

    async def _loading_complete(self, message: LoadingComplete) -> None:
        player_id, session = self.standing.player_id, message.loading_session_id or ""
        progress: Roster | bool = False
        if player_id:
            progress = await self._lobby.store.loading_complete(player_id, self.connection_id, session)
        if isinstance(progress, Roster):
            self._lobby.allocate(progress)
        elif not progress:
            self._telling.refuse(ErrorCode.NOT_IN_SESSION, "loading_session_id: you are not in that loading session")

    # for whom this connection speaks

    def _speaker(self, message: ClientMessage) -> str:
        """Whose pace a message goes by: a name that anybody can write is nobody's where tokens are asked for."""
        if self._lobby.authority is not None:
            return self._identification.player_id if self._identification is not None else ""
        return str(getattr(message, "player_id", self.standing.player_id))

    async def _identify(self, authority: Authority, message: ClientMessage | Credential) -> ClientMessage | Credential:
        """The message, if it is his to say. Raises Unauthorized or Expired."""
        if self._identification is None:
            self._identification = Identification(
                authority, self._lobby.background.reactor, self._ask_for_token, self._token_expired
            )
        return await self._identification.admit(message)

    def _ask_for_token(self) -> None:
        self._telling.refuse(ErrorCode.TOKEN_EXPIRED, "token: has expired; send a new one with enqueue or resume")

    def _token_expired(self) -> None:
        self._send_away("token: has expired, and no new one came")

    def _send_away(self, why: str) -> None:
        self._inbox.clear()
        self._telling.refuse(ErrorCode.UNAUTHORIZED, why)
        self._outlet.close(CloseCode.UNAUTHORIZED, "unauthorized")

    async def _speak_for(self, player_id: str) -> bool:
        """Be reachable as this player before anything is asked for him; False if that can't be."""
        self.enqueued = True
        if self.standing.player_id != player_id:
            if self.standing.under_way:
                self._telling.refuse(
                    ErrorCode.INVALID_MESSAGE, f"player_id: this connection speaks for {self.standing.player_id}"
                )
                return False
            self._fall_silent()
            self._telling.begin(player_id)
            self._lobby.presence.add(self, player_id)
        if not self.standing.under_way:
            self.standing.place, self.standing.since, self._asked_at = Place.ASKING, "0", self._now()
        await self._lobby.listen(player_id)
        return not self._over

    def _refused_place(self) -> None:
        """What was asked for was refused: this connection speaks for nobody, unless it did before."""
        if self.standing.place == Place.ASKING and not self._telling.delivery.awaited:
            self._fall_silent()

    def _fall_silent(self) -> None:
        player_id = self.standing.player_id
        self._telling.begin("")
        if player_id and self._lobby.presence.remove(self, player_id):
            self._lobby.unlisten(player_id)

    # what comes of it

    def _accepted(self, answer: Accepted) -> None:
        if self._over:
            return
        for other in self._lobby.presence.of_player(self.standing.player_id):
            if other is not self and not other.busy:  # the store says so too, if it knows of it and can be heard
                other.superseded()
        self._telling.accepted(answer)

    async def _catch_up(self) -> None:
        self._catching_up = True
        try:
            while self._telling.delivery.gap:
                for finding in await self._lobby.store.reconcile([self.claim()]):
                    self.learn(finding)
        finally:
            self._catching_up = False

    def _now(self) -> float:
        return self._lobby.background.reactor.seconds()
