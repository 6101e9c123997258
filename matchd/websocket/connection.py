"""One player's WebSocket: frames in, frames out, and the limits of both. What they mean is the conversation's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from matchd.messages import CloseCode, ErrorCode, error
from matchd.websocket.addresses import TooMuch, Visit
from matchd.websocket.conduct import Conduct, Verdict
from matchd.websocket.conversation import Conversation
from matchd.websocket.fastframes import FastFrames, joined
from matchd.websocket.handshake import SUBPROTOCOL, credential, is_welcome, objection, refusal
from matchd.websocket.keepalive import TURNS_TO_PING
from matchd.websocket.outcasts import ABUSE, NONSENSE

if TYPE_CHECKING:
    from matchd.websocket.gateway import Gateway

log = Logger()

LAST_WORDS = 4096
"""Bytes that are still looked at after we said that we close: the answer is in there, a flood isn't worth it."""

ABUSERS_LAST_WORDS = 64
"""The same where a flood was the reason."""

OUR_FAULT = error(ErrorCode.UNAVAILABLE, "something went wrong here: ask again")


@implementer(IPushProducer)
class PlayerConnection(FastFrames):
    """The ``WebSocketServerProtocol`` of one client, on ``/ws/``; offers a conversation its ``Outlet``."""

    factory: Gateway
    current_frame: Any
    frame_data: list[bytes]
    group: int
    silence = 0
    _conduct: Conduct
    conversation: Conversation | None = None
    visit: Visit | None = None
    _pieces = 0
    _credential = ""
    _stall: IDelayedCall | None = None
    _linger: IDelayedCall | None = None
    _unread = 0
    _last_words = LAST_WORDS

    # before it is open

    def processHandshake(self) -> None:
        """Bytes of the request have come: refuse what is too long or for another path, complete or not."""
        self._pieces += 1
        if problem := objection(self.data, self.factory.limits, self._pieces):
            self.failHandshake(*problem)
        else:
            super().processHandshake()

    def onConnect(self, request: ConnectionRequest) -> str | None:
        """A valid request: only its origin can be wrong, or its address have too much. No extension is accepted.

        A token in it is for the conversation to judge: browsers tell a page nothing of a handshake refused.
        """
        self.websocket_extensions: list[object] = []
        if not is_welcome(request.origin, self.factory.origins):
            raise ConnectionDeny(403, "this origin may not connect")
        self._begin_visit(request)
        if token := credential(request.headers, request.protocols):
            self._credential = token
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def _begin_visit(self, request: ConnectionRequest) -> None:
        self._end_visit()
        del self._pieces
        host, forwarded = getattr(self.transport.getPeer(), "host", ""), request.headers.get("x-forwarded-for", "")
        try:
            visit = self.factory.addresses.enters(host, forwarded, self._now())
        except TooMuch as much:
            raise ConnectionDeny(429, str(much)) from None
        if visit is not None:  # else there is nothing to keep
            self.visit = visit

    def _end_visit(self) -> None:
        self.factory.settled(self)
        if self.visit is not None:
            self.visit.ends()
            del self.visit

    def _offends(self, times: float) -> None:
        if self.visit is not None:
            self.visit.offends(self._now(), times)

    def failHandshake(self, reason: str, code: int = 400, headers: Iterable[tuple[str, str]] | None = None) -> None:
        """Answer as HTTP does, and hang up."""
        self.factory.turned_away(code)
        self._offends(NONSENSE)
        self.transport.write(refusal(code, reason, headers or ()))
        self.dropConnection(abort=False)

    def onOpenHandshakeTimeout(self) -> None:
        """The request did not come in time."""
        self.factory.turned_away(408)
        self._offends(NONSENSE)
        super().onOpenHandshakeTimeout()

    def onOpen(self) -> None:
        """The WebSocket is open: begin the conversation, unless there is no place for one."""
        if refused := self.factory.refusal():
            self.close(*refused)
            return
        self._conduct = Conduct(self.factory.limits, self._now())
        try:
            self.conversation = self.factory.converse(self)
        except Exception:
            log.failure("no conversation with {peer}", peer=self.peer)
            self.close(CloseCode.FULL, "something went wrong here: try again later")
            return
        self.registerProducer(self, True)
        self.factory.joined(self)
        if self._credential:
            self.conversation.present(self._credential)
            del self._credential

    # what comes in

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        """A message, whole, within its limits and valid UTF-8 if it is text."""
        if self.state != self.STATE_OPEN:
            return
        if is_binary:
            self.close(CloseCode.BINARY, "binary frame: only text is spoken here")
        elif self._admits(len(payload)):
            self._hand_over(payload)

    def onPing(self, payload: bytes) -> None:
        """The client's pings are answered as fast as it may send."""
        if self.state == self.STATE_OPEN and self._admits(len(payload)):
            self.pong(payload)

    def onPong(self, payload: bytes) -> None:
        """It is still there; the one that answers our ping counts towards no limit."""
        if self.silence == TURNS_TO_PING:
            self.silence = 0
        elif self.state == self.STATE_OPEN:
            self._admits(len(payload))

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame of a message begins, perhaps not its first."""
        super().onMessageFrameBegin(length)
        continues = self.current_frame.opcode == 0
        if continues and self.state == self.STATE_OPEN and not self._conduct.fragment(self._now()):
            self._fail_connection(CloseCode.ABUSE, "too many fragments")

    def onMessageFrameData(self, payload: bytes) -> None:
        """A piece of a frame; many small ones would weigh many times what they hold."""
        super().onMessageFrameData(payload)
        self.frame_data = joined(self.frame_data)

    def onMessageFrame(self, payload: list[bytes]) -> None:
        """A frame of a message is complete; the same goes for many of those."""
        super().onMessageFrame(payload)
        self.message_data = joined(self.message_data)

    def _admits(self, size: int) -> bool:
        """Whether one more message may be worked on; when not, the client is told."""
        self.silence = 0
        now, too_fast = self._now(), self.factory.too_fast
        verdict = self._conduct.message(now)
        if verdict is Verdict.OK and self.visit is not None and not self.visit.says(size, now):
            verdict, too_fast = self._conduct.refusal(now), self.factory.too_fast_together
        if verdict is Verdict.WARN:
            self.send(too_fast)
        elif verdict is Verdict.CLOSE:
            self.close(CloseCode.ABUSE, "too many messages")
        return verdict is Verdict.OK

    def _hand_over(self, frame: bytes) -> None:
        assert self.conversation is not None
        try:
            self.conversation.receive(frame)
        except Exception:
            log.failure("a message of {peer} failed", peer=self.peer)
            self.send(OUR_FAULT)
            self.fault()  # bounds the log

    def _dataReceived(self, data: bytes) -> None:
        """Bytes that need Autobahn's whole attention, of which a connection that closes gets little."""
        if self.state == self.STATE_CLOSING:
            data = data[: self._last_words]
            self._last_words -= len(data)
            if not self._last_words:
                self.transport.pauseProducing()  # a flood that goes on costs nothing until the timer cuts it
        if data:
            super()._dataReceived(data)

    # what goes out: the Outlet

    def send(self, frame: bytes) -> None:
        """One text frame; dropped in silence when the connection is not open."""
        if self.state != self.STATE_OPEN:
            return
        self.send_text(frame)
        if self._stall is not None:
            self._unread += len(frame)
            if self._unread > self.factory.limits.stall_bytes:
                self.dropConnection(abort=True)

    def close(self, code: CloseCode, reason: str) -> None:
        """Close with ``code`` and ``reason``; nothing is received or sent from here on."""
        self.sendClose(int(code), reason)

    def fault(self) -> None:
        """A bad message was answered: too many of them close the connection."""
        if self.state == self.STATE_OPEN and not self._conduct.fault(self._now()):
            self.close(CloseCode.ABUSE, "too many bad messages")

    @property
    def has_enqueued(self) -> bool:
        """Whether the client has ever asked for a place."""
        return self.conversation is not None and self.conversation.enqueued

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:
        """Whoever closes: of what has already come, only the last words are still looked at."""
        super().sendCloseFrame(*args, **kwargs)
        if self.localCloseCode == CloseCode.ABUSE:
            self._last_words = ABUSERS_LAST_WORDS
            self._offends(ABUSE)
        self.data = self.data[: self._last_words]
        self._last_words -= len(self.data)

    # a client that doesn't read: the IPushProducer

    def pauseProducing(self) -> None:
        """It leaves what we send unread: read no more of it either, and wait a little."""
        self.transport.pauseProducing()
        if self._stall is None:
            self._stall = self._later(self.factory.limits.stall_seconds, self.dropConnection, True)

    def resumeProducing(self) -> None:
        """It has read everything."""
        _cancel(self._stall)
        self._stall, self._unread = None, 0
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` follows."""

    # the end

    def _closeConnection(self, abort: bool = False) -> None:
        """Hang up.

        After a closing handshake never by a reset, which could overtake our last frame; nor, otherwise,
        wait without end for a client to read it.
        """
        abort = abort and not self.wasClean
        if not abort:
            self._linger = self._later(self.factory.limits.close_seconds, self.transport.abortConnection)
        super()._closeConnection(abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The socket is gone, for whatever reason, and with it every timer."""
        _cancel(self._stall, self._linger)
        self._stall = self._linger = None
        if self.conversation is not None and not (self.has_enqueued or self.closedByMe):
            self._offends(NONSENSE)
        self._end_visit()
        super().connectionLost(reason)

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        """The end, of whatever there was."""
        conversation, self.conversation = self.conversation, None
        if conversation is None:
            return
        code = self.localCloseCode if self.closedByMe else 1000 if was_clean else 1006
        self.factory.left(self, code)
        try:
            conversation.lost(code)
        except Exception:
            log.failure("the end of {peer} failed", peer=self.peer)

    def _now(self) -> float:
        return self.factory.clock.seconds()

    def _later(self, seconds: float, call: Callable[..., object], *args: object) -> IDelayedCall:
        return self.factory.clock.callLater(seconds, call, *args)


def _cancel(*calls: IDelayedCall | None) -> None:
    for call in calls:
        if call is not None and call.active():
            call.cancel()
