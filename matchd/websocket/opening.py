"""Autobahn's opening handshake with a short way for the request that is as ordinary as can be.

What Autobahn does for a connection that opens and closes is a third of all that one player costs: it looks at every
header in turn, describes the transport, and makes log lines that nobody sees. Here one pattern knows the ordinary
request, and whatever does not fit it goes Autobahn's own way; tests/test_opening.py holds the two ways against each
other. Like fastframes.py this knows Autobahn's insides.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from autobahn.twisted.util import peer2str
from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

_HEAD = re.compile(r"GET (/[!\"$->@-~]*) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: ?[!-~](?:[ -~]*[!-~])?\r\n)+)\r\n")
_HOST = re.compile(r"([A-Za-z0-9.-]+)(?::[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[1-9][0-9]{0,3})?")
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_OFFERS = re.compile(r"permessage-deflate(?:; ?client_max_window_bits)?")

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
)


def ordinary(head: bytes, peer: str | None) -> ConnectionRequest | None:
    """What a request asks for, if there is nothing about it that Autobahn need look at; ``head`` is all of it.

    That is: no query, no sub-protocol, no header twice, and each of those that matter as nearly all clients send it.
    """
    match = _HEAD.fullmatch(head.decode("iso-8859-1"))
    if match is None:
        return None
    fields = [line.split(":", 1) for line in match[2].split("\r\n")[:-1]]
    headers = {name.lower(): value.strip() for name, value in fields}
    host = _HOST.fullmatch(headers.get("host", ""))
    if host is None or len(headers) < len(fields) or not _is_ordinary(headers):
        return None
    return ConnectionRequest(peer, headers, host[1], match[1], {}, 13, headers.get("origin", ""), [], [])


def _is_ordinary(headers: dict[str, str]) -> bool:
    return bool(
        headers.get("upgrade", "").lower() == "websocket"
        and headers.get("connection", "").lower() in ("upgrade", "keep-alive, upgrade")
        and headers.get("sec-websocket-version") == "13"
        and "sec-websocket-protocol" not in headers
        and _KEY.fullmatch(headers.get("sec-websocket-key", ""))
        and ("origin" not in headers or _ORIGIN.fullmatch(headers["origin"]))
        and ("sec-websocket-extensions" not in headers or _OFFERS.fullmatch(headers["sec-websocket-extensions"]))
    )


class FastOpening(WebSocketServerProtocol):  # type: ignore[misc]
    """Opens and closes the connection of one client.

    A subclass has on its class what Autobahn would make for each connection. ``onConnect`` is synchronous.
    """

    data: bytes
    websocket_protocols: list[str]
    websocket_extensions: list[object]

    def connectionMade(self) -> None:
        """A socket; its request has ``openHandshakeTimeout`` seconds to come."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(self.tcpNoDelay)
        self.peer = _named(self.transport)
        self.state = self.STATE_CONNECTING
        self.factory.countConnections += 1
        if self.openHandshakeTimeout > 0:
            self.openHandshakeTimeoutCall = self.factory._batched_timer.call_later(
                self.openHandshakeTimeout, self.onOpenHandshakeTimeout
            )

    def processHandshake(self) -> None:
        """Bytes of the request have come."""
        end = self.data.find(b"\r\n\r\n") + 4
        request = ordinary(self.data[:end], self.peer) if end > 3 and not self._is_full() else None
        if request is None:
            super().processHandshake()
            return
        rest, self.data = self.data[end:], b""
        try:
            answer = self.onConnect(request)
        except ConnectionDeny as no:
            self.failHandshake(no.reason, no.code)
            return
        self._wskey, self.data = request.headers["sec-websocket-key"], rest
        if answer is None and not self.factory.headers:
            self._open()
        else:
            self.websocket_protocols, self.websocket_extensions = [], []
            self.succeedHandshake(answer)

    def _is_full(self) -> bool:
        return bool(0 < self.maxConnections < self.factory.countConnections)

    def _open(self) -> None:
        accept = base64.b64encode(hashlib.sha1(self._wskey.encode() + _MAGIC, usedforsecurity=False).digest())
        self.sendData(_RESPONSE % accept)
        self.state = self.STATE_OPEN
        if self.openHandshakeTimeoutCall is not None:
            self.openHandshakeTimeoutCall.cancel()
            self.openHandshakeTimeoutCall = None
        self._onOpen()
        if self.data:
            self.consumeData()

    def _onOpen(self) -> None:
        """Autobahn's own also asks TLS for what nobody wants to know."""
        self.onOpen()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The socket is gone; Autobahn's own also words a log line for each way in which it can go."""
        WebSocketProtocol._connectionLost(self, reason)
        self.factory.countConnections -= 1


def _named(transport: Any) -> str:
    """The peer as Autobahn names it, which takes longer."""
    address = transport.getPeer()
    if isinstance(address, IPv4Address):
        return f"tcp4:{address.host}:{address.port}"
    return str(peer2str(transport))
