"""One HTTP exchange with a peer that is not trusted: one deadline, a bounded answer, nothing done at its word.

treq alone ends its time-out at the headers, reads bodies of any length, follows redirects, unpacks gzip and
keeps cookies. Here a single deadline covers connecting, asking and the whole answer, the body has a limit,
and a redirect or a packed body is just an answer that is of no use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import CookieJar
from typing import Any

from hyperlink import EncodedURL
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IAgent, IResponse

from matchd.errors import MatchdError
from matchd.matches.agent import Content, KeepingAgent
from matchd.matches.http1 import StaleConnection

BODY_LIMIT = 16 * 1024
"""The longest body that is read, in bytes, unless it is said otherwise."""

_PLAINLY: dict[str, Any] = {"allow_redirects": False, "unbuffered": True, "cookies": CookieJar()}


class Unreachable(MatchdError):
    """The request was certainly not sent."""


class Unanswered(MatchdError):
    """The request may have arrived, but no answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A peer's answer. ``flaw`` says why the body is not whole; an empty one means that it is."""

    status: int
    body: bytes
    flaw: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        words = " ".join(self.body.decode("utf-8", "replace").split())
        shown = "".join(letter if letter.isprintable() else "?" for letter in words[:100])
        return f"answered {self.status}: {shown}" if shown else f"answered {self.status}"


class Exchanges:
    """Asks peers over HTTP, each within ``timeout`` seconds; keeps up to ``keep`` idle connections to each.

    A body of more than ``limit`` bytes is not read to its end.
    An ``agent`` takes the place of real connections in tests.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        timeout: float,
        keep: int = 2,
        limit: int = BODY_LIMIT,
        agent: IAgent | None = None,
    ) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._limit = limit
        self._agent = KeepingAgent(reactor, keep)
        self._kept = HTTPClient(agent or self._agent, _NoCookies())
        self._fresh = HTTPClient(agent or KeepingAgent(reactor, keep=0), _NoCookies())

    def close(self) -> Deferred[None]:
        """Close the idle connections."""
        return self._agent.close()

    async def ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer. Raises Unreachable or Unanswered.

        A kept connection that turns out to be dead is replaced by a new one, so a request can arrive twice.
        """
        deadline = self._reactor.seconds() + self._timeout
        asked = Deferred.fromCoroutine(self._send(method, url, body, dict(headers or {})))
        response: IResponse = await asked.addTimeout(self._timeout, self._reactor, self._too_late)
        reading = _Body(self._limit)
        response.deliverBody(reading)
        flaw = ""
        try:
            await reading.ended.addTimeout(max(0.0, deadline - self._reactor.seconds()), self._reactor)
        except TimeoutError:
            flaw = f"no whole answer within {self._timeout:g} s"
        except _Flawed as error:
            flaw = str(error)
        return Answer(response.code, bytes(reading.content), flaw)

    def _too_late(self, result: object, timeout: float) -> Failure:
        if isinstance(result, Failure) and result.check(_CancelledUnsent):
            return Failure(Unreachable(f"no connection within {timeout:g} s"))
        return Failure(Unanswered(f"no answer within {timeout:g} s"))

    async def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> IResponse:
        try:
            return await self._request(self._kept, method, url, body, headers)
        except StaleConnection:
            pass
        try:
            return await self._request(self._fresh, method, url, body, headers)
        except (Unreachable, _CancelledUnsent) as error:
            raise Unanswered(str(error)) from None

    async def _request(
        self, client: HTTPClient, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> IResponse:
        content = None if body is None else Content(body)
        try:
            response: IResponse = await client.request(
                method, _known(url), headers=headers, data=content, reactor=self._reactor, **_PLAINLY
            )
            return response
        except (StaleConnection, CancelledError):
            raise
        except ConnectingCancelledError:
            raise _CancelledUnsent from None
        except (ConnectError, DNSLookupError) as error:
            raise Unreachable(_in_words(error)) from None
        except Exception as error:
            raise Unanswered(_in_words(error)) from None


class _Known(EncodedURL):
    """A URL that treq need not work out anew for each request."""

    text: str

    def to_uri(self) -> _Known:
        return self

    def to_text(self, with_password: bool = False) -> str:
        return self.text


@lru_cache(1024)
def _known(url: str) -> EncodedURL:
    uri = EncodedURL.from_text(url).to_uri()
    known = _Known(uri.scheme, uri.host, uri.path, uri.query, port=uri.port, rooted=uri.rooted)
    known.text = uri.to_text()
    return known


class _NoCookies(CookieJar):
    """Keeps nothing and sends nothing."""

    def add_cookie_header(self, request: Any) -> None:
        pass

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass


class _CancelledUnsent(CancelledError):
    """Cancelled while still connecting."""


class _Flawed(Exception):
    """The body is not whole; the text says why."""


class _Body(Protocol):
    """Reads a body up to the limit; ``ended`` fires when it is whole and fails with _Flawed when it is not."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.content = bytearray()
        self.ended: Deferred[None] = Deferred(lambda _: self._hang_up())

    def dataReceived(self, data: bytes) -> None:
        if self.ended.called:
            return
        self.content += data
        if len(self.content) > self._limit:
            del self.content[self._limit :]
            self._hang_up()
            self.ended.errback(_Flawed(f"more than {self._limit} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.ended.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.ended.callback(None)
        else:
            self.ended.errback(_Flawed("the answer broke off"))

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def _in_words(error: Exception) -> str:
    """Why a request failed, for a person."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, DNSLookupError):
        return "unknown host"
    return " ".join(str(error).split())[:100] or type(error).__name__
