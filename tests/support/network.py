"""A network in memory: what connects through a memory reactor meets what listens on it, byte by byte."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.test.iosim import ConnectionCompleter, IOPump


class Network:
    """Connects and carries whatever there is, whenever ``settle`` is called; ``connections`` counts them."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.pumps: list[IOPump] = []
        self._completer = ConnectionCompleter(self.reactor)

    @property
    def connections(self) -> int:
        """How many were made so far."""
        return len(self.pumps)

    @property
    def open(self) -> int:
        """How many are open now."""
        return sum(not pump.clientIO.disconnected and not pump.serverIO.disconnected for pump in self.pumps)

    def listen(self, port: int, factory: Factory) -> None:
        """Let ``factory`` serve at ``port``, on every host."""
        self.reactor.listenTCP(port, factory)

    def settle(self) -> None:
        """Make the connections that are wanted and carry bytes until all is quiet."""
        moved = True
        while moved:
            moved = False
            while (pump := self._completer.succeedOnce()) is not None:
                self.pumps.append(pump)
                moved = True
            for pump in self.pumps:
                moved = pump.flush() or moved

    def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in steps, and settle after each."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            self.settle()

    def refuse(self) -> None:
        """Refuse the oldest connection that is wanted."""
        self._completer.failOnce()

    def reset(self, pump: IOPump) -> None:
        """Break a connection at both ends."""
        for end in (pump.clientIO, pump.serverIO):
            end.disconnectReason = ConnectionLost()
            end.disconnecting = True
        self.settle()


Script = Callable[["ScriptedServer", bytes, bytes], None]


class ScriptedServer(Protocol):
    """An HTTP server that follows a script: it is called with each request's head and body, and does what it likes."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._received = b""

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, rest = self._received[:end], self._received[end + 4 :]
            lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            length = int(lengths[0]) if lengths else 0
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._script(self, head, rest[:length])

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.transport.write(data)

    def hang_up(self) -> None:
        """Close the connection."""
        self.transport.loseConnection()


class ScriptedServers(Factory):
    """Serves ``script`` and keeps the requests that came, as (head, body)."""

    noisy = False

    def __init__(self, script: Script) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self._answer = script

    def buildProtocol(self, addr: object) -> ScriptedServer:
        return ScriptedServer(self._note)

    def _note(self, server: ScriptedServer, head: bytes, body: bytes) -> None:
        self.requests.append((head, body))
        self._answer(server, head, body)


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(answer: bytes) -> Script:
    """The script of a server that gives every request the same answer."""
    return lambda server, head, body: server.say(answer)
