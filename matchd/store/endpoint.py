"""From an address to what Twisted connects to."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from zope.interface import implementer

from matchd.errors import StartupError
from matchd.store.address import RedisAddress
from matchd.store.reasons import reason
from matchd.store.sentinel import SentinelEndpoint

CONNECT_TIMEOUT = 2
"""Seconds in which a connection must be made."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def endpoint(address: RedisAddress, reactor: Any) -> IStreamClientEndpoint:
    """Where to connect; raises StartupError when the file of ``?ca=`` is of no use."""
    if address.path:
        return UNIXClientEndpoint(reactor, address.path, timeout=CONNECT_TIMEOUT)
    if address.primary:
        return SentinelEndpoint(reactor, address, partial(tcp, reactor))
    ((host, port),) = address.hosts
    plain = tcp(reactor, host, port)
    if not address.tls:
        return plain
    trusted = trustRootFromCertificates(_certificates(address.ca)) if address.ca else None
    return wrapClientTLS(optionsForClientTLS(host, trustRoot=trusted), plain)


def tcp(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """A host and port; an address needs no look-up, which would be a thread's work."""
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)
    return HostnameEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)


def _certificates(path: str) -> list[Certificate]:
    try:
        found = [Certificate.loadPEM(pem) for pem in _PEM.findall(Path(path).read_bytes())]
    except OSError as error:
        raise StartupError(f"redis: ca: {path}: {error.strerror}") from None
    except Exception:
        raise StartupError(f"redis: ca: {path}: a certificate in it can't be read") from None
    if not found:
        raise StartupError(f"redis: ca: {path}: no certificate in it")
    return found


@implementer(IStreamClientEndpoint)
class WatchedEndpoint:
    """The endpoint of an address, whose failures are told to ``failed`` as text."""

    def __init__(self, address: RedisAddress, reactor: Any, failed: Callable[[str], None]) -> None:
        self._address = address
        self._endpoint = endpoint(address, reactor)
        self._failed = failed

    def __repr__(self) -> str:
        return str(self._address)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        """Connect, or tell why not."""
        return self._endpoint.connect(protocolFactory).addErrback(self._tell)

    def _tell(self, failure: Failure) -> Failure:
        if not failure.check(CancelledError):
            self._failed(reason(failure))
        return failure
