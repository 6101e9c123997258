"""The HTTP agent under treq: kept connections, direct to an IP address, and nothing that is not needed.

Twisted's own spends on each request several times what httptools and a pool do: see docs/performance.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IConsumer, IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from matchd.matches.http1 import Connection

KEEP_SECONDS = 20
"""How long an idle connection is kept; shorter than the idle time-out of the usual servers."""

Peer = tuple[bytes, bytes]
"""Scheme and authority of a URI."""


@implementer(IAgent)
class KeepingAgent:
    """Keeps up to ``keep`` idle connections to each peer; asks for unpacked bodies.

    What a request fails with: what its endpoint fails to connect with, StaleConnection, or NoAnswer.
    """

    def __init__(self, reactor: IReactorTime, keep: int) -> None:
        self._reactor = reactor
        self._keep = keep
        self._idle: defaultdict[Peer, dict[Connection, IDelayedCall]] = defaultdict(dict)
        self._closing: dict[Connection, Deferred[None]] = {}

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803
    ) -> Deferred[IResponse]:
        """Send a request, on a kept connection if there is one. The body can only be ``Content``."""
        assert bodyProducer is None or isinstance(bodyProducer, Content)
        scheme, _, rest = uri.partition(b"://")
        authority, _, path = rest.partition(b"/")
        peer = scheme, authority
        request = b"".join(self._written(method, path, authority, headers or Headers(), bodyProducer))
        if connection := self._kept(peer):
            return connection.ask(request)
        connecting: Deferred[Any] = _endpoint(self._reactor, peer).connect(self._factory(peer))
        return connecting.addCallback(lambda connection: connection.ask(request))

    def close(self) -> Deferred[None]:
        """Close the idle connections; fires when they are gone."""
        connections = [connection for idle in self._idle.values() for connection in idle]
        for connection in connections:
            self._closing[connection] = Deferred()
        gone = DeferredList([self._closing[connection] for connection in connections])
        for connection in connections:
            connection.transport.loseConnection()
        return gone.addCallback(lambda _: None)

    def _written(
        self, method: bytes, path: bytes, authority: bytes, headers: Headers, content: Content | None
    ) -> Iterator[bytes]:
        yield method + b" /" + path + b" HTTP/1.1\r\nHost: " + authority + b"\r\nAccept-Encoding: identity\r\n"
        if not self._keep:
            yield b"Connection: close\r\n"
        for name, values in headers.getAllRawHeaders():
            if name.lower() != b"accept-encoding":
                yield from (name + b": " + value + b"\r\n" for value in values)
        if content is not None:
            yield b"Content-Length: %d\r\n" % content.length
        yield b"\r\n"
        if content is not None:
            yield content.content

    # idle connections

    def _kept(self, peer: Peer) -> Connection | None:
        idle = self._idle.get(peer)
        if not idle:
            return None
        connection, timer = idle.popitem()  # the youngest
        timer.cancel()
        return connection

    def _factory(self, peer: Peer) -> Any:
        factory = Factory.forProtocol(lambda: Connection(idle, lost))
        factory.noisy = False

        def idle(connection: Connection) -> None:
            if len(self._idle[peer]) < self._keep:
                self._idle[peer][connection] = self._reactor.callLater(KEEP_SECONDS, connection.drop)
            else:
                connection.transport.loseConnection()

        def lost(connection: Connection) -> None:
            timer = self._idle[peer].pop(connection, None)
            if timer is not None and timer.active():
                timer.cancel()
            if not self._idle[peer]:
                del self._idle[peer]
            if connection in self._closing:
                self._closing.pop(connection).callback(None)

        return factory


@lru_cache(1024)
def _parsed(scheme: bytes, authority: bytes) -> URI:
    uri: URI = URI.fromBytes(scheme + b"://" + authority)
    return uri


def _endpoint(reactor: Any, peer: Peer) -> IStreamClientEndpoint:
    """Where a peer is to be reached: a literal IP address needs no resolver thread."""
    uri = _parsed(*peer)
    host = uri.host.decode("ascii")
    endpoint: IStreamClientEndpoint
    if isIPAddress(host):
        endpoint = TCP4ClientEndpoint(reactor, host, uri.port)
    elif isIPv6Address(host):
        endpoint = TCP6ClientEndpoint(reactor, host, uri.port)
    else:
        endpoint = HostnameEndpoint(reactor, host, uri.port)
    if uri.scheme == b"https":
        return wrapClientTLS(BrowserLikePolicyForHTTPS().creatorForNetloc(uri.host, uri.port), endpoint)
    return endpoint


@implementer(IBodyProducer)
class Content:
    """A request's body, all of it at hand."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """For agents other than this one, in tests."""
        consumer.write(self.content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing to pause: all is written."""

    def resumeProducing(self) -> None:
        """Nothing to resume: all is written."""

    def stopProducing(self) -> None:
        """Nothing to stop: all is written."""
