"""One connection's conversation: what each message of a player means, and who may say it.

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
from matchd.errors import StoreAway, StoreUnavailable
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
from matchd.players.speaker import UNREACHED, Speaker
from matchd.store.answers import AlreadyQueued, CoolingDown
from matchd.websocket.conversation import Outlet

MOST_WAITING = 32
"""Messages of one client that may wait for the one before them."""


class Session:
    """What one connection says; its ``Speaker`` is what it says it as."""

    _identification: Identification | None = None

    def __init__(self, outlet: Outlet, connection_id: str, lobby: Lobby) -> None:
        self._outlet = outlet
        self._lobby = lobby
        self.speaker = Speaker(outlet, connection_id, lobby)
        self._telling = self.speaker.telling
        self._inbox: deque[ClientMessage | Credential] = deque()

    @property
    def enqueued(self) -> bool:
        """Whether it has ever asked for a place in a queue."""
        return self.speaker.asked

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
        player_id = self._whose(message)
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
        if not self.speaker.busy:
            self._lobby.background.spawn("session", self._work())

    def lost(self, code: int = 1006) -> None:
        """The connection is gone."""
        if self._identification is not None:
            self._identification.stop()
        self.speaker.lost(code)

    # one message after the other

    async def _work(self) -> None:
        self.speaker.busy = True
        try:
            while self._inbox and not self.speaker.over:
                await self._answer(self._inbox.popleft())
        finally:
            self.speaker.busy = False

    async def _answer(self, message: ClientMessage | Credential) -> None:
        try:
            if self._lobby.authority is not None:
                message = await self._identify(self._lobby.authority, message)
                if self.speaker.over:
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
        except StoreUnavailable as why:
            if isinstance(why, StoreAway) and isinstance(message, Enqueue):  # nobody was asked
                self.speaker.standing.wish = None
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
        if not await self.speaker.speak_for(wish.player_id):
            return
        self._telling.asks_for(mode.name, mode.order.value)
        newest = self._telling.delivery.newest
        answer = await self._lobby.store.enqueue(wish.player_id, self.speaker.connection_id, mode, newest, draws=True)
        self.speaker.standing.wish = None
        if isinstance(answer, AlreadyQueued):
            if answer.here:  # by a question before this one, whose answer is on its way
                self.speaker.standing.moves_to(answer.mode, answer.order)
            else:
                self.speaker.refused_place()
            self._telling.refuse(ErrorCode.ALREADY_QUEUED, f"you are under way in {answer.mode}")
            return
        if isinstance(answer, CoolingDown):
            self.speaker.refused_place()
            wait = ceil(answer.wait_ms / 1000)
            self._telling.refuse(ErrorCode.COOLDOWN, f"you failed to load too often: wait {wait} s", wait)
            return
        self.speaker.accepted(answer)
        if answer.drawn is not None:
            self._lobby.drew(mode.name, answer.drawn)

    async def _resume(self, question: Resume) -> None:
        if not await self.speaker.speak_for(question.player_id):
            return
        newest = self._telling.delivery.newest
        answer = await self._lobby.store.resume(question.player_id, self.speaker.connection_id, newest)
        if answer is None:
            self.speaker.refused_place()
            self._telling.refuse(ErrorCode.NOT_QUEUED, "you are in no queue and no match")
            return
        self.speaker.accepted(answer)

    async def _dequeue(self) -> None:
        player_id = self.speaker.standing.player_id
        answer = await self._lobby.store.dequeue(player_id, self.speaker.connection_id) if player_id else 0
        if answer:
            self._telling.answered(answer)
        else:
            self._telling.refuse(ErrorCode.NOT_QUEUED, "you are in no queue")

    async def _loading_complete(self, message: LoadingComplete) -> None:
        stands = self.speaker.standing
        session = message.loading_session_id or (stands.session if stands.place == Place.LOADING else "")
        progress: Roster | bool = False
        if stands.player_id:
            progress = await self._lobby.store.loading_complete(stands.player_id, self.speaker.connection_id, session)
        if isinstance(progress, Roster):
            self._lobby.allocate(progress)
        elif not progress:
            self._telling.refuse(ErrorCode.NOT_IN_SESSION, "loading_session_id: you are not in that loading session")

    # who may say it

    def _whose(self, message: ClientMessage) -> str:
        """Whose pace a message goes by: a name that anybody can write is nobody's where tokens are asked for."""
        if self._lobby.authority is not None:
            return self._identification.player_id if self._identification is not None else ""
        return str(getattr(message, "player_id", self.speaker.standing.player_id))

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

    def _now(self) -> float:
        return self._lobby.background.reactor.seconds()
