"""Connections that only stand there: opened by the hundred and held, to see what one of them takes."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from bench.frames import TEXT, Reader, address_of, frame, opening

AT_ONCE = 50
PATIENCE_SECONDS = 30.0


class Holder:
    """Holds connections to ``url`` until ``close``."""

    def __init__(self, reactor: Any, url: str) -> None:
        self._reactor = reactor
        self._url = url
        self._held: list[_Held] = []

    def __len__(self) -> int:
        return len(self._held)

    async def open(self, count: int, mode: str = "") -> None:
        """Open ``count`` more, some at a time; with a ``mode`` they enter its queue too."""
        for start in range(0, count, AT_ONCE):
            some = [Deferred.fromCoroutine(self._open(mode)) for _ in range(min(AT_ONCE, count - start))]
            await gatherResults(some, consumeErrors=True)

    def close(self) -> None:
        """Drop them all."""
        for held in self._held:
            held.transport.abortConnection()
        self._held.clear()

    async def _open(self, mode: str) -> None:
        host, port = address_of(self._url)
        held = _Held(self._url, f"idle-{len(self._held)}", mode)
        self._held.append(held)
        await TCP4ClientEndpoint(self._reactor, host, port).connect(Factory.forProtocol(lambda: held))
        await held.settled.addTimeout(PATIENCE_SECONDS, self._reactor)


class _Held(Protocol):
    transport: ITCPTransport

    def __init__(self, url: str, name: str, mode: str) -> None:
        self.settled: Deferred[None] = Deferred()
        self._url = url
        self._enqueue = {"type": "enqueue", "player_id": name, "game_mode": mode} if mode else None
        self._reader = Reader()

    def connectionMade(self) -> None:
        self.transport.write(opening(self._url))

    def dataReceived(self, data: bytes) -> None:
        was_open = self._reader.open
        frames = list(self._reader.feed(data))
        if self._reader.open and not was_open and self._enqueue is not None:
            self.transport.write(frame(TEXT, json.dumps(self._enqueue).encode()))
        if self._reader.open and (frames or self._enqueue is None) and not self.settled.called:
            self.settled.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.settled.called:
            self.settled.errback(reason)
