"""The operators' site without a socket: a node that is made up, and requests in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import Clock, StringTransport
from twisted.python.failure import Failure

from matchd.model import GameServer
from matchd.operators.access import Access
from matchd.operators.site import site


@dataclass
class MadeUpNode:
    """A ``Source`` that says what a test has put in; ``failure`` is raised by whatever is awaited."""

    unready: str | None = None
    failure: Exception | None = None
    registry: dict[str, GameServer] = field(default_factory=dict)
    limits: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    pending: Deferred[None] | None = None

    def ready(self) -> str | None:
        return self.unready

    def metrics(self) -> bytes:
        return b"matchd_redis_up 1.0\n"

    async def modes(self) -> list[dict[str, Any]]:
        await self._work()
        return [{"name": "Normal_1v1", "teams": [1, 1], "order": "fifo", "players": {"queued": 3}}]

    async def servers(self) -> list[dict[str, Any]]:
        await self._work()
        return [{"id": server.server_id, "address": server.address} for server in self.registry.values()]

    async def sessions(self, limit: int) -> list[dict[str, Any]]:
        await self._work()
        self.limits.append(limit)
        return [{"id": "s1", "mode": "Normal_1v1", "state": "loading", "players": {"a": "ready", "b": "loading"}}]

    async def invariants(self) -> dict[str, Any]:
        await self._work()
        return {"players": {"queued": 3, "loading": 2}, "contradictions": []}

    async def totals(self) -> dict[str, Any]:
        await self._work()
        return {"players": {"queued": {"Normal_1v1": 3}, "away": 0, "in_sessions": 2, "matched": 4}}

    async def register_server(self, server: GameServer) -> None:
        await self._work()
        self.registry[server.server_id] = server

    async def deregister_server(self, server_id: str) -> bool:
        await self._work()
        return self.registry.pop(server_id, None) is not None

    def registration_refused(self, reason: str) -> None:
        self.refused.append(reason)

    async def _work(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.pending is not None:
            await self.pending


class Wire(StringTransport):
    """The server's end of one connection; ``aborted`` when it was cut without waiting."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Browser:
    """Asks one site; every request is a connection of its own."""

    def __init__(self, source: object, token: str = "", max_connections: int = 10, servers: str = "") -> None:
        self.clock = Clock()
        self.site = site(source, Access(token, servers), self.clock, max_connections)

    def connect(self) -> tuple[Any, Wire]:
        """A new connection: its protocol, to give bytes to, and its transport, to read the answer from."""
        channel, wire = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 40000)), Wire()
        channel.makeConnection(wire)
        return channel, wire

    def send(self, raw: bytes) -> bytes:
        """The bytes that these bytes are answered with; the client has gone after that."""
        channel, wire = self.connect()
        channel.dataReceived(raw)
        hang_up(channel)
        return wire.value()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """One request and its answer."""
        given = {"Host": "127.0.0.1:8081", **headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return Reply.read(self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body), method)

    def get(self, path: str, **headers: str) -> Reply:
        """One ``GET``."""
        return self.ask("GET", path, **headers)


def error(text: str) -> str:
    """The JSON that says what was wrong."""
    return f'{{"error":"{text}"}}'


def hang_up(channel: Any) -> None:
    """The client has closed the connection."""
    channel.connectionLost(Failure(ConnectionError("gone")))


@dataclass
class Reply:
    """An answer as the standard library's client reads it."""

    status: int
    text: str
    headers: dict[str, str]

    @classmethod
    def read(cls, raw: bytes, method: str = "GET") -> Reply:
        class Socket:
            def makefile(self, mode: str) -> io.BytesIO:
                return io.BytesIO(raw)

        response = HTTPResponse(Socket(), method=method)
        response.begin()
        return cls(response.status, response.read().decode(), dict(response.getheaders()))

    def __iter__(self) -> Any:
        return iter((self.status, self.text))
