"""The HTTP agent under matchd's exchanges: direct to an IP address, on kept connections, and plain.

Twisted's own, with three differences: a literal IP address needs no resolver thread; a kept connection that
died unanswered says so (``StaleConnection``), because the request may be asked anew; and what treq would
act on in an answer, packed bodies and cookies, is taken away.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IConsumer, IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

KEEP_SECONDS = 20
"""How long an idle connection is kept; shorter than the idle time-out of the usual servers."""

HEAD_LIMIT = 64 * 1024
"""The most bytes read before an answer's headers are complete."""


class StaleConnection(Exception):
    """A kept connection was lost before any byte of an answer came."""


def web_agent(reactor: IReactorTime, keep: int) -> tuple[IAgent, HTTPConnectionPool]:
    """An agent that keeps up to ``keep`` idle connections to each peer, and the pool that holds them."""
    pool = _Connections(reactor, keep)
    return _PlainAgent(Agent.usingEndpointFactory(reactor, _Endpoints(reactor), pool)), pool


def was_cancelled(error: BaseException | None) -> bool:
    """Whether a request failed because its Deferred was cancelled; Twisted wraps that in several ways."""
    if isinstance(error, CancelledError | ConnectingCancelledError):
        return True
    return any(reason.check(CancelledError) for reason in getattr(error, "reasons", ()))


@implementer(IAgent)
class _PlainAgent:
    """Asks for unpacked bodies, and hides from treq that a body is packed or a cookie set."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803
    ) -> Deferred[IResponse]:
        headers = headers.copy() if headers else Headers()
        headers.setRawHeaders(b"Accept-Encoding", [b"identity"])
        answered: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return answered.addCallback(self._plain)

    def _plain(self, response: IResponse) -> IResponse:
        for name in (b"Content-Encoding", b"Set-Cookie"):
            response.headers.removeHeader(name)
        return response


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Where a URI's connection goes: a literal IP address is not looked up."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        endpoint: IStreamClientEndpoint
        if isIPAddress(host):
            endpoint = TCP4ClientEndpoint(self._reactor, host, uri.port)
        elif isIPv6Address(host):
            endpoint = TCP6ClientEndpoint(self._reactor, host, uri.port)
        else:
            endpoint = HostnameEndpoint(self._reactor, host, uri.port)
        if uri.scheme == b"https":
            return wrapClientTLS(BrowserLikePolicyForHTTPS().creatorForNetloc(uri.host, uri.port), endpoint)
        return endpoint


class _Connections(HTTPConnectionPool):
    """A pool that tells a kept connection from a new one, and leaves it to the caller to ask again."""

    cachedConnectionTimeout = KEEP_SECONDS
    retryAutomatically = False

    def __init__(self, reactor: IReactorTime, keep: int) -> None:
        super().__init__(reactor, persistent=keep > 0)
        self.maxPersistentPerHost = keep

    def getConnection(self, key: Hashable, endpoint: IStreamClientEndpoint) -> Deferred[Any]:
        """A connection for one request: kept from an earlier one, or new."""
        connection: Deferred[Any] = super().getConnection(key, _Quietly(endpoint))
        # A kept connection is there at once, a new one never is.
        return connection.addCallback(_Connection, kept=connection.called)


@implementer(IStreamClientEndpoint)
class _Quietly:
    """Connects without the two log lines that Twisted writes for every connection."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def connect(self, protocolFactory: Any) -> Deferred[IProtocol]:  # noqa: N803
        protocolFactory.noisy = False
        return self._endpoint.connect(protocolFactory)


class _Connection:
    """A connection for one request: the head of the answer is bounded, and a stale connection says so."""

    def __init__(self, connection: Any, kept: bool) -> None:
        self._connection = connection
        self._kept = kept

    def request(self, request: Any) -> Deferred[IResponse]:
        answered: Deferred[IResponse] = self._connection.request(request)
        self._bound_head(answered)
        return answered.addErrback(self._failed) if self._kept else answered

    def _bound_head(self, answered: Deferred[IResponse]) -> None:
        """Drop the connection of a peer whose headers do not end: Twisted bounds a line, but not their number."""
        connection = self._connection
        receive = type(connection).dataReceived.__get__(connection)
        received = 0

        def bounded(data: bytes) -> None:
            nonlocal received
            receive(data)
            received += len(data)
            if answered.called:
                connection.dataReceived = receive
            elif received > HEAD_LIMIT:
                connection.transport.abortConnection()

        connection.dataReceived = bounded

    def _failed(self, failure: Failure) -> Failure:
        unanswered = failure.check(RequestTransmissionFailed, ResponseNeverReceived)
        return Failure(StaleConnection()) if unanswered and not was_cancelled(failure.value) else failure


@implementer(IBodyProducer)
class Content:
    """A request's body, written in one go.

    Twisted's own producer reads a file piece by piece in turns of the global reactor.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.length = len(content)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing to pause: all is written."""

    def resumeProducing(self) -> None:
        """Nothing to resume: all is written."""

    def stopProducing(self) -> None:
        """Nothing to stop: all is written."""
