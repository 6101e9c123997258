"""HTTP at its edge: what one connection may cost, and what stands above every answer.

A connection carries one request and is closed after its answer, so that nothing depends on where
a second one would begin, and a node that stops waits for nobody.

A connection is silent unless it waits for the node's answer to a complete request. Where there are too many
connections the oldest silent one is cut for the new one, so that nobody keeps others out by saying nothing.
"""

from __future__ import annotations

from collections import Counter
from io import BytesIO

from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from matchd.operators.responses import Answer, problem

log = Logger()

MAX_BODY = 4096
"""The longest body of a request, in bytes."""

PATIENCE_S = 15
"""How long a client may take to send its request, and again to read the answer."""

TOO_LARGE = problem(http.REQUEST_ENTITY_TOO_LARGE, f"body: more than {MAX_BODY} bytes")
FULL = problem(http.SERVICE_UNAVAILABLE, "too many connections")

EVERYWHERE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The headers of every answer that does not set them itself."""


class Channel(http.HTTPChannel):
    """One connection of a ``BoundedSite``; turned away when there are too many."""

    totalHeadersSize = 8192
    maxHeaders = 64
    site: BoundedSite
    transport: ITCPTransport
    address = ""
    refused = False

    def connectionMade(self) -> None:
        """Count it in, and turn it away if that is one too many."""
        super().connectionMade()
        self.address = getattr(self.transport.getPeer(), "host", "")
        if not self.site.admit(self):
            self.refuse(FULL)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count it out."""
        self.site.forget(self)
        super().connectionLost(reason)

    def refuse(self, answer: Answer) -> None:
        """Answer before the request is complete, hear no more of it, and hang up."""
        self.refused = True
        headers = Headers({"Content-Type": [answer.content_type], "Content-Length": [str(len(answer.body))]})
        self.writeHeaders(b"HTTP/1.1", b"%d" % answer.status, http.RESPONSES[answer.status], headers)
        self.write(answer.body)
        self.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Bytes of a request, unless it was refused."""
        if not self.refused:
            super().dataReceived(data)

    def resetTimeout(self) -> None:
        """A byte now and then buys no more time."""

    def timeoutConnection(self) -> None:
        """Cut it off: closing it would wait for the client again."""
        self.transport.abortConnection()

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """One request, one connection."""
        return False

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """The status and the headers, with those that stand everywhere."""
        headers.removeHeader("Server")
        headers.setRawHeaders("Connection", ["close"])
        for name, value in EVERYWHERE.items():
            if not headers.hasHeader(name):
                headers.setRawHeaders(name, [value])
        super().writeHeaders(version, code, reason, headers)

    def requestDone(self, request: http.Request) -> None:
        """The answer is written; whoever does not read it is cut off in the end."""
        self.site.answered(self)
        self.setTimeout(PATIENCE_S)
        super().requestDone(request)


class BoundedRequest(Request):
    """A request whose body is small, or is not read."""

    channel: Channel
    content: BytesIO

    def gotLength(self, length: int | None) -> None:
        """The length of the body as announced; None if it comes in chunks."""
        self.content = BytesIO()
        if length is not None and length > MAX_BODY:
            # Else the channel would go on to ask for the body that was just refused.
            self.requestHeaders.removeHeader("Expect")
            self.channel.refuse(TOO_LARGE)

    def handleContentChunk(self, data: bytes) -> None:
        """Some of the body."""
        if self.channel.refused:
            return
        if self.content.tell() + len(data) > MAX_BODY:
            self.channel.refuse(TOO_LARGE)
        else:
            super().handleContentChunk(data)

    def process(self) -> None:
        """The request is complete."""
        if not self.channel.refused:
            self.channel.site.asked(self.channel)
            super().process()


class BoundedSite(Site):
    """A site with a bounded number of connections, each of them bounded, and without an access log.

    ``silent`` has the address of each silent connection, the one that is silent for longest first.
    """

    noisy = False
    protocol = Channel  # type: ignore[assignment]  # the base speaks HTTP/2 too, by a proxy for both
    requestFactory = BoundedRequest

    def __init__(self, root: Resource, reactor: IReactorTime, max_connections: int) -> None:
        super().__init__(root, timeout=PATIENCE_S, reactor=reactor, parsePOSTFormSubmission=False)
        self.max_connections = max_connections
        self.connections: set[Channel] = set()
        self.silent: dict[Channel, str] = {}

    @property
    def is_busy(self) -> bool:
        """Whether so many connections wait for answers that the rest is kept for what can't wait."""
        return len(self.connections) - len(self.silent) > self.max_connections * 3 // 4

    def admit(self, channel: Channel) -> bool:
        """Count a new connection in, and cut another one for it if need be; False if none can be cut."""
        crowded = len(self.connections) >= self.max_connections
        slowest = self._slowest() if crowded else None
        if slowest is not None:
            self.forget(slowest)
            slowest.transport.abortConnection()
        self.connections.add(channel)
        self.silent[channel] = channel.address
        return not crowded or slowest is not None

    def asked(self, channel: Channel) -> None:
        """A connection waits for the answer to its request."""
        self.silent.pop(channel, None)

    def answered(self, channel: Channel) -> None:
        """A connection has its answer, and has only to read it."""
        if channel in self.connections:
            self.silent[channel] = channel.address

    def forget(self, channel: Channel) -> None:
        """A connection is gone, or as good as gone."""
        self.connections.discard(channel)
        self.silent.pop(channel, None)

    def _slowest(self) -> Channel | None:
        """The oldest silent connection of the address that has the most of them."""
        held = Counter(self.silent.values())
        most = max(held.values(), default=0)
        return next((channel for channel, address in self.silent.items() if held[address] == most), None)

    def startFactory(self) -> None:
        """No access log, and so no clock for it."""

    def stopFactory(self) -> None:
        """Nothing was started."""

    def log(self, request: http.Request) -> None:
        """One request was answered; what stands behind the ``?`` stays out of the log."""
        method, path = request.method.decode("ascii"), request.path.decode("ascii")
        log.debug("{method} {path}: {status}", method=method, path=path, status=request.code)
