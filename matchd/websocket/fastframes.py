"""Autobahn's server protocol with a short way for the ordinary frame and little weight when idle.

Nothing is said differently on the wire. Whatever is not an ordinary frame, and whole, goes Autobahn's own
way, and tests/test_fastframes.py holds the two ways against each other. This is the one module that knows
Autobahn's insides, which is why its version is pinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.protocol import TrafficStats
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from matchd.prompt import write
from matchd.websocket.opening import FastOpening

TEXT, PING, PONG = 0x81, 0x89, 0x8A
"""The first byte of such a frame in one piece."""

BARE_PING, BARE_PONG = b"\x89\x00", b"\x8a\x80"
"""Our ping, with nothing in it, and the answer of a client, but for its mask."""

PIECES = 64
"""How many parts of an unfinished message are kept before they are made one."""


def joined(pieces: list[bytes]) -> list[bytes]:
    """The same bytes in fewer pieces than are too many."""
    return pieces if len(pieces) < PIECES else [b"".join(pieces)]


def cut(data: bytes, start: int, longest: int) -> tuple[int, bytes, int] | None:
    """The frame at ``start``: its first byte, its payload, and where the next one begins.

    None for all but a whole and masked ping, pong, or text in one piece of at most ``longest`` bytes of UTF-8.
    """
    if len(data) < start + 6 or data[start] not in (TEXT, PING, PONG) or not 0x80 <= data[start + 1] < 0xFF:
        return None
    kind, length, at = data[start], data[start + 1] & 0x7F, start + 2
    if length == 126:
        length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        if length < 126 or kind != TEXT:
            return None
    end = at + 4 + length
    if length > longest or end > len(data):
        return None
    payload = _unmask(data[at : at + 4], data[at + 4 : end], length)
    return (kind, payload, end) if kind != TEXT or _is_utf8(payload) else None


def _unmask(key: bytes, masked: bytes, length: int) -> bytes:
    """One long integer's XOR is many times faster than a loop, and than a call into C for so few bytes."""
    mask = (key * (length // 4 + 1))[:length]
    return (int.from_bytes(masked, "little") ^ int.from_bytes(mask, "little")).to_bytes(length, "little")


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Nobody:
    """Stands where Autobahn would have a Deferred that nobody waits for."""

    def callback(self, result: object) -> None:
        """Let ``result`` go; a Deferred would keep it, and so tie a closed connection into a cycle."""


class _Shared:
    """What stands in, from the class, for what each connection would own."""

    send_queue = ()
    trafficStats = TrafficStats()
    is_open = is_closed = _Nobody()
    _transport_details = None

    @cached_property
    def utf8validator(self) -> Any:
        """Only who sends in pieces gets one."""
        return Utf8Validator()


_AT_REST: dict[str, Any] = {
    "autoPingPendingSeq": 0,
    "data": b"",
    "send_state": 0,
    "websocket_version": 13,
    **dict.fromkeys((
        "_isMessageCompressed", "closedByMe", "droppedByMe", "failedByMe", "inside_message", "trackTimings",
        "triggered", "utf8validateIncomingCurrentMessage", "wasClean", "wasCloseHandshakeTimeout",
        "wasMaxFramePayloadSizeExceeded", "wasMaxMessagePayloadSizeExceeded", "wasOpenHandshakeTimeout",
        "wasServerConnectionDropTimeout", "wasServingFlashSocketPolicyFile",
    ), False),
    **dict.fromkeys((
        "_perMessageCompress", "autoPingPending", "autoPingPendingCall", "autoPingPendingSent", "autoPingTimeoutCall",
        "closeHandshakeTimeoutCall", "control_frame_data", "current_frame", "frame_data", "localCloseCode",
        "localCloseReason", "message_data", "openHandshakeTimeoutCall", "remoteCloseCode", "remoteCloseReason",
        "trackedTimings", "wasNotCleanReason", "websocket_protocol_in_use",
    )),
}  # fmt: skip
"""What Autobahn keeps for each connection, and where it stays for nearly all of them: kept once, on the class."""

_DISPENSABLE = {name for name in vars(_Shared) if not name.startswith("__")} | {
    "_wskey", "http_headers", "http_request_data", "http_request_host", "http_request_params", "http_request_path",
    "http_request_uri", "http_response_data", "http_status_line", "websocket_extensions",
    "websocket_extensions_in_use", "websocket_origin", "websocket_protocols",
}  # fmt: skip
"""What an open connection has no more need to own."""


class FastFrames(_Shared, FastOpening):
    """Autobahn's protocol for one client; a subclass is used like any other of its kind."""

    closeHandshakeTimeoutCall: IDelayedCall | None
    _held: list[bytes] | None = None
    data: bytes
    message_data: list[bytes]
    log = txaio.make_logger("critical")  # what clients do wrong is counted: a log that they can fill is none

    def __init__(self) -> None:
        """Autobahn's own makes what ``_Shared`` has."""

    def _onOpen(self) -> None:
        """The connection is open: forget the handshake."""
        super()._onOpen()
        self.__dict__ = {
            name: value
            for name, value in self.__dict__.items()
            if name not in _DISPENSABLE and (name not in _AT_REST or value != _AT_REST[name])
        }

    def _closeConnection(self, abort: bool = False) -> None:
        """Hang up, when all has been said."""
        self._let_go()
        super()._closeConnection(abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Autobahn leaves the timer of its closing handshake running."""
        if self.closeHandshakeTimeoutCall is not None:
            self.closeHandshakeTimeoutCall.cancel()
            self.closeHandshakeTimeoutCall = None
        super().connectionLost(reason)

    # frames in

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.state == self.STATE_OPEN and self._between_frames():
            if len(data) == 6 and data.startswith(BARE_PONG):
                self.onPong(b"")
                return
            start = 0
            while self.state == self.STATE_OPEN and (frame := cut(data, start, self.maxMessagePayloadSize)):
                kind, payload, start = frame
                if start < len(data):
                    self._hold()
                self._receive(kind, payload)
            data = data[start:]
        if data and self.state != self.STATE_CLOSED:
            self._hold()
            self._dataReceived(data)
        self._let_go()

    def _receive(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self.onMessage(payload, False)
        elif kind == PING:
            self.onPing(payload)
        else:
            self.onPong(payload)

    def _between_frames(self) -> bool:
        return not (self.data or self.inside_message or self.current_frame)

    def onMessageEnd(self) -> None:
        """A message is complete; Autobahn's own also tells observers, of which there are none."""
        if not self.failedByMe:
            self.onMessage(b"".join(self.message_data), self.message_is_binary)
        del self.message_data

    # frames out

    def send_text(self, text: bytes) -> None:
        """One text frame, in one piece; the connection must be open."""
        length = len(text)
        if length < 126:
            head = bytes((TEXT, length))
        elif length < 65_536:
            head = b"\x81\x7e" + length.to_bytes(2, "big")
        else:
            head = b"\x81\x7f" + length.to_bytes(8, "big")
        self._write(head + text)

    def pong(self, payload: bytes) -> None:
        """The answer to a ping; the connection must be open."""
        self._write(bytes((PONG, len(payload))) + payload)

    def ping(self) -> None:
        """Ask for a sign of life; Autobahn's own makes the same two bytes each time."""
        if self.state == self.STATE_OPEN:
            write(self.transport, BARE_PING)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Autobahn's own also formats a log line that nobody reads; nothing here is sent in pieces."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        """At once; but what is answered to many frames that came together goes out together."""
        if self._held is None:
            write(self.transport, data)
        else:
            self._held.append(data)

    def _hold(self) -> None:
        if self._held is None:
            self._held = []

    def _let_go(self) -> None:
        if self._held is not None:
            held = self._held
            del self._held
            if held:
                write(self.transport, b"".join(held))


def with_options(protocol: type[FastFrames], factory: WebSocketServerFactory) -> type[FastFrames]:
    """``protocol`` with the options of ``factory`` on the class, so that no connection has to copy and list them."""
    names: Sequence[str] = protocol.CONFIG_ATTRS
    options = {name: getattr(factory, name) for name in names}
    options["perMessageCompressionAccept"] = staticmethod(options["perMessageCompressionAccept"])
    return type(protocol.__name__, (protocol,), {**options, "CONFIG_ATTRS": (), "__module__": protocol.__module__})


for _name, _value in _AT_REST.items():
    setattr(FastFrames, _name, _value)
