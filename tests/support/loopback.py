"""Bytes and HTTP over the loopback, one connection a request, which is gone before the answer is handed out."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.operators import Reply

LONGEST = 10.0
"""Seconds that an answer may take."""


async def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
    """One request to a port of this machine. Raises ConnectError when nobody listens there."""
    given = {"Host": f"127.0.0.1:{port}", "Connection": "close", **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return Reply.read(await exchange(port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body), method)


async def get(port: int, path: str) -> Any:
    """The JSON at ``path``; AssertionError when the answer is another than 200."""
    reply = await ask(port, "GET", path)
    assert reply.status == 200, f"{path}: {reply.status} {reply.text}"
    return json.loads(reply.text)


async def exchange(port: int, sent: bytes) -> bytes:
    """All that is answered to these bytes until the other side hangs up."""
    listening = _Listening()
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, timeout=LONGEST)
    await endpoint.connect(Factory.forProtocol(lambda: listening))
    listening.transport.write(sent)
    await listening.ended.addTimeout(LONGEST, reactor)
    return listening.received


class _Listening(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[None] = Deferred(lambda _: self.transport.abortConnection())

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.ended.called:
            self.ended.callback(None)
