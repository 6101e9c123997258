"""Game servers in the test process, on real ports, that do whatever a script says with each request."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from tests.support.network import Script, ScriptedServer, ScriptedServers, response
from tests.support.waiting import until


class ScriptedPort(ScriptedServers):
    """Serves ``script`` on a port of its own from ``listen`` on; ``close`` leaves nothing behind."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.open: set[ScriptedServer] = set()
        self._port: IListeningPort | None = None

    def listen(self, tls: CertificateOptions | None = None, port: int = 0) -> ScriptedPort:
        """Begin to listen, for TLS if there is a certificate, on any port if none is named."""
        factory = TLSMemoryBIOFactory(tls, False, self) if tls else self
        self._port = reactor.listenTCP(port, factory, interface="127.0.0.1")
        return self

    @property
    def address(self) -> str:
        """Where it is, ``host:port``."""
        assert self._port is not None
        return f"127.0.0.1:{self._port.getHost().port}"

    @property
    def asked(self) -> list[str]:
        """The first line of each request."""
        return [head.split(b"\r\n", 1)[0].decode() for head, _ in self.requests]

    @property
    def wanted(self) -> list[dict[str, Any]]:
        """The sessions that it was asked to make."""
        return [json.loads(body) for head, body in self.requests if head.startswith(b"POST /session/create ")]

    def buildProtocol(self, addr: object) -> ScriptedServer:
        return _Connection(self)

    async def close(self) -> None:
        """Listen no more, and wait until all connections are gone."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        for connection in list(self.open):
            connection.transport.abortConnection()
        await until(lambda: not self.open)


class _Connection(ScriptedServer):
    def __init__(self, port: ScriptedPort) -> None:
        super().__init__(port._note)
        self.planned: list[IDelayedCall] = []
        self._of = port

    def connectionMade(self) -> None:
        self._of.open.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._of.open.discard(self)
        for call in self.planned:
            if call.active():
                call.cancel()


def made(server_address: str = "127.0.0.1:7000") -> Script:
    """The script of a server as it should be: each loading session gets a game session of the same name."""

    def make(server: ScriptedServer, head: bytes, body: bytes) -> None:
        if head.startswith(b"DELETE "):
            server.say(response("204 No Content"))
            return
        answer = {"session_id": f"game-{json.loads(body)['loading_session_id']}", "server_address": server_address}
        server.say(response("200 OK", json.dumps(answer).encode()))

    return make


def after(seconds: float, script: Script) -> Script:
    """The same, but later; not at all where the other side has gone by then."""

    def wait(server: ScriptedServer, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST "):
            assert isinstance(server, _Connection)
            server.planned.append(reactor.callLater(seconds, script, server, head, body))
        else:
            script(server, head, body)

    return wait
