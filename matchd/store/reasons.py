"""Why a connection failed, in a few words that a person can act on."""

from __future__ import annotations

import os

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, DNSLookupError, TimeoutError
from twisted.python.failure import Failure

from matchd.errors import MatchdError

_KNOWN: dict[type[BaseException], str] = {
    DNSLookupError: "the host's name is unknown",
    TimeoutError: "no connection in time",
    ConnectionDone: "closed by the other side",
    ConnectionLost: "connection lost",
    VerificationError: "TLS: the certificate is another host's",
}


def reason(failure: Failure) -> str:
    """One line without a secret: ``connection refused``, ``TLS: certificate verify failed``."""
    error = failure.value
    for kind, text in _KNOWN.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, MatchdError):
        return str(error)
    if isinstance(error, SSL.Error):
        return f"TLS: {_complaint(error)}"
    if isinstance(error, ConnectError) and error.osError:
        return os.strerror(error.osError).lower()
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _complaint(error: SSL.Error) -> str:
    """The last of OpenSSL's errors, each of which is (library, function, what)."""
    details = error.args[0] if error.args else []
    return str(details[-1][-1]) if details else "handshake failed"
