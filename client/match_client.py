"""A matchmaking client on Autobahn: one connection of one player, for tests and tools."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, cast

from autobahn.exception import Disconnected
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

Message = dict[str, Any]

CLOSE_SECONDS = 2.0


class ConnectionClosed(Exception):
    """The connection is gone; ``code`` is the close code, 1005 for a goodbye without one, 1006 for no goodbye."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"connection closed with code {code}: {reason or 'no reason given'}")
        self.code = code
        self.reason = reason


class MatchClient:
    """Speaks the player's protocol over one connection.

    ``received`` keeps every message that came, in order; ``closed`` says how the connection ended, once it has.
    """

    def __init__(self, reactor: Any) -> None:
        self.received: list[Message] = []
        self.closed: ConnectionClosed | None = None
        self._reactor = reactor
        self._unread: deque[Message] = deque()
        self._protocol: _Protocol | None = None
        self._waiting: list[Deferred[None]] = []

    @property
    def closed_code(self) -> int | None:
        """The close code; None while the connection is open."""
        return self.closed.code if self.closed else None

    def connect(self, url: str, timeout: float = 10.0) -> Deferred[None]:
        """Open the connection, within ``timeout`` seconds.

        Raises ValueError for a bad URL, ConnectionClosed when the server refused the handshake, and what
        Twisted raises for a server out of reach.
        """
        return Deferred.fromCoroutine(self._connect(url)).addTimeout(timeout, self._reactor, _not_connected)

    def enqueue(self, player_id: str, game_mode: str = "Normal_1v1", **optional: object) -> None:
        """I want to play this mode."""
        self.send(type="enqueue", player_id=player_id, game_mode=game_mode, **optional)

    def resume(self, player_id: str, **optional: object) -> None:
        """Where do I stand?"""
        self.send(type="resume", player_id=player_id, **optional)

    def dequeue(self) -> None:
        """Take me out of the queue."""
        self.send(type="dequeue")

    def loading_complete(self, loading_session_id: str | None = None) -> None:
        """I have loaded; without an id the player's own session is meant."""
        if loading_session_id is None:
            self.send(type="loading_complete")
        else:
            self.send(type="loading_complete", loading_session_id=loading_session_id)

    def send(self, **message: object) -> None:
        """Send any message. Raises ConnectionClosed."""
        self.send_frame(json.dumps(message).encode())

    def send_frame(self, frame: bytes) -> None:
        """Send the bytes of one text frame, whatever they are. Raises ConnectionClosed."""
        if self.closed:
            raise self.closed
        if self._protocol is None:
            raise RuntimeError("connect first")
        try:
            self._protocol.sendMessage(frame)
        except Disconnected:
            raise ConnectionClosed(1006, "the connection is closing") from None

    async def next_message(self, type: str | None = None, timeout: float = 10.0) -> Message:
        """The next message, or the next of this ``type``; others that come before it are skipped.

        Raises TimeoutError after ``timeout`` seconds, and ConnectionClosed when nothing more can come.
        """
        deadline = self._reactor.seconds() + timeout
        while True:
            while self._unread:
                message = self._unread.popleft()
                if type is None or message.get("type") == type:
                    return message
            if self.closed:
                raise self.closed
            try:
                await self._something(deadline - self._reactor.seconds())
            except TimeoutError:
                came = ", ".join(str(message.get("type")) for message in self.received) or "nothing"
                raise TimeoutError(f"no {type or 'message'} within {timeout:g} s; received: {came}") from None

    def close(self) -> Deferred[None]:
        """Say goodbye with code 1000; fires when the connection is closed, after 2 s at most."""
        if self._protocol is None or self.closed:
            return succeed(None)
        self._protocol.sendClose(1000)
        return Deferred.fromCoroutine(self._close())

    def abort(self) -> None:
        """Drop the connection without a goodbye."""
        if self._protocol is not None:
            self._protocol.dropConnection(abort=True)

    async def _connect(self, url: str) -> None:
        factory = WebSocketClientFactory(url, reactor=self._reactor)
        factory.noisy = False
        factory.setProtocolOptions(maxMessagePayloadSize=65536, failByDrop=False)
        factory.buildProtocol = lambda _: self._build(factory)
        protocol = self._protocol = cast(_Protocol, await _endpoint(self._reactor, factory).connect(factory))
        try:
            while not protocol.opened:
                if self.closed:
                    raise self.closed
                await self._something(None)
        except BaseException:
            self.abort()
            raise

    def _build(self, factory: WebSocketClientFactory) -> _Protocol:
        protocol = _Protocol(self)
        protocol.factory = factory
        return protocol

    async def _close(self) -> None:
        deadline = self._reactor.seconds() + CLOSE_SECONDS
        try:
            while not self.closed:
                await self._something(deadline - self._reactor.seconds())
        except TimeoutError:
            self.abort()

    def _something(self, seconds: float | None) -> Deferred[None]:
        """Fires when the connection opened, closed or brought a message; fails with TimeoutError after that long."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        if seconds is not None:
            waiting.addTimeout(max(0.0, seconds), self._reactor)
        return waiting

    def _happened(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


class _Protocol(WebSocketClientProtocol):  # type: ignore[misc]
    """Hands what Autobahn reports to the client."""

    def __init__(self, client: MatchClient) -> None:
        super().__init__()
        self.opened = False
        self._client = client

    def onOpen(self) -> None:
        self.opened = True
        self._client._happened()

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        message = json.loads(payload)
        self._client.received.append(message)
        self._client._unread.append(message)
        self._client._happened()

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        reason = (reason or "").removeprefix('connection was closed uncleanly ("').removesuffix('")')
        self._client.closed = ConnectionClosed(code or (1005 if was_clean else 1006), reason)
        self._client._happened()


def _endpoint(reactor: Any, factory: WebSocketClientFactory) -> IStreamClientEndpoint:
    endpoint = HostnameEndpoint(reactor, factory.host, factory.port)
    return wrapClientTLS(optionsForClientTLS(factory.host), endpoint) if factory.isSecure else endpoint


def _not_connected(result: object, timeout: float) -> Failure:
    return Failure(TimeoutError(f"no connection within {timeout:g} s"))
