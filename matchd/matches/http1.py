"""One HTTP/1.1 connection to a peer that is not trusted, and what comes back on it, one request at a time.

httptools parses the answers. What treq would act on in them, packed bodies and cookies, is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import httptools
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface import implementer

from matchd.prompt import write

HEAD_LIMIT = 64 * 1024
"""The most bytes read before an answer's headers are complete."""

_UNWANTED = (b"content-encoding", b"set-cookie")


class NoAnswer(Exception):
    """There is no answer and will be none; the text says why."""


class StaleConnection(Exception):
    """A kept connection was lost before any byte of an answer came."""


@implementer(IResponse)
class Response:
    """An answer whose status and headers have come; its body is handed on as it comes.

    To whoever reads the body this is the transport too: ``loseConnection`` ends what is still to come.
    """

    request = None
    previousResponse = None
    length = UNKNOWN_LENGTH

    def __init__(
        self, code: int, phrase: bytes, head: Iterable[tuple[bytes, bytes]], hang_up: Callable[[], None]
    ) -> None:
        self.version = (b"HTTP", 1, 1)
        self.code, self.phrase, self.headers = code, phrase, Headers()
        for name, value in head:
            if name.lower() not in _UNWANTED:
                self.headers.addRawHeader(name, value)
        self._hang_up: Callable[[], None] | None = hang_up
        self._reader: IProtocol | None = None
        self._unread: list[bytes] = []
        self._end: Failure | None = None

    def setPreviousResponse(self, response: IResponse) -> None:
        """No redirect is followed."""

    def deliverBody(self, protocol: IProtocol) -> None:
        """Hand the body to ``protocol``, what has come of it and what will, and at last why it ended."""
        self._reader = protocol
        protocol.makeConnection(self)  # type: ignore[arg-type]  # of a transport it needs no more
        self.come()

    def come(self, pieces: Iterable[bytes] = (), end: Failure | None = None) -> None:
        """More of the body has come, and perhaps its end."""
        self._unread += pieces
        if end is not None:
            self._end, self._hang_up = end, None
        if self._reader is None:
            return
        unread, self._unread = self._unread, []
        for piece in unread:
            self._reader.dataReceived(piece)
        if self._end is not None:
            self._reader.connectionLost(self._end)

    def loseConnection(self) -> None:
        """The rest is not wanted."""
        if self._hang_up is not None:
            self._hang_up()


class _Reading:
    """Reads one answer: what httptools calls, and what it has come to."""

    def __init__(self, hang_up: Callable[[], None]) -> None:
        self.response: Response | None = None
        self.pieces: list[bytes] = []
        self.length = 0
        self.whole = self.keeps = self.framed = False
        self._parser = httptools.HttpResponseParser(self)
        self._hang_up = hang_up
        self.on_message_begin()

    def feed(self, data: bytes) -> bool:
        """Read on; False if this is no HTTP."""
        self.length += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.keeps = False
            return self.whole  # what comes behind an answer does not spoil it
        return True

    def on_message_begin(self) -> None:
        self.keeps = False
        self._phrase = b""
        self._head: list[tuple[bytes, bytes]] = []

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head.append((name, value))

    def on_headers_complete(self) -> None:
        code = self._parser.get_status_code()
        if code >= 200 and self.response is None:
            self.framed = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._head)
            self.response = Response(code, self._phrase, self._head, self._hang_up)

    def on_body(self, piece: bytes) -> None:
        if not self.whole:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.response is not None:
            self.keeps = not self.whole and self._parser.should_keep_alive()
            self.whole = True


class Connection(Protocol):
    """Asks one request after the other.

    ``on_idle`` is called with it after each answer if it can be asked again, ``on_lost`` once it is gone.
    """

    transport: Any

    def __init__(self, on_idle: Callable[[Connection], None], on_lost: Callable[[Connection], None]) -> None:
        self._on_idle, self._on_lost = on_idle, on_lost
        self._reading: _Reading | None = None
        self._answered: Deferred[IResponse] | None = None
        self._asked = 0

    def ask(self, request: bytes) -> Deferred[IResponse]:
        """Send a request; fires with the answer when its headers have come. Cancelling ends the connection.

        Fails with StaleConnection or NoAnswer.
        """
        self._asked += 1
        self._reading = _Reading(self.drop)
        answered = self._answered = Deferred(lambda _: self.drop())
        write(self.transport, request)
        return answered

    def drop(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        reading = self._reading
        if reading is None:  # nothing was asked
            self.drop()
        elif not reading.feed(data):
            self._fail(NoAnswer("no HTTP answer"))
            self.drop()
        elif reading.response is not None:
            self._hand_on(reading, reading.response)
        elif reading.length > HEAD_LIMIT:
            self.drop()

    def _hand_on(self, reading: _Reading, response: Response) -> None:
        answered, self._answered = self._answered, None
        pieces, reading.pieces = reading.pieces, []
        if reading.whole:
            self._reading = None
            if reading.keeps:
                self._on_idle(self)
            else:
                self.transport.loseConnection()
        response.come(pieces, Failure(ResponseDone()) if reading.whole else None)
        if answered is not None:
            answered.callback(response)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        reading, self._reading = self._reading, None
        self._on_lost(self)
        if reading is None:
            return
        if reading.response is not None:
            broken = ResponseFailed([reason]) if reading.framed else PotentialDataLoss()
            reading.response.come(end=Failure(broken))
        elif self._asked > 1 and not reading.length:
            self._fail(StaleConnection())
        else:
            self._fail(NoAnswer("connection lost before an answer"))

    def _fail(self, error: Exception) -> None:
        answered, self._answered = self._answered, None
        if answered is not None and not answered.called:
            answered.errback(Failure(error))
