"""Who may use the operators' port.

With a token: whoever sends it. Without one the port is on loopback, and whoever is on this machine may;
but not a page in this machine's browser whose own name was made to point here, which the name gives away.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted.web import http
from twisted.web.server import Request

from matchd.operators.responses import Answer, problem

UNAUTHORIZED = problem(
    http.UNAUTHORIZED,
    "Authorization: Bearer with the operator_token is needed",
    WWW_Authenticate='Bearer realm="matchd"',
)
FORBIDDEN = problem(http.FORBIDDEN, "Host: without an operator_token only an address or localhost is served")


class Access:
    """Admits requests; an empty ``token`` means that none is asked for."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def refusal(self, request: Request) -> Answer | None:
        """What to answer instead; None when the request may pass."""
        if self._token:
            return None if self._has_token(request) else UNAUTHORIZED
        return None if _names_this_machine(request) else FORBIDDEN

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = (request.getHeader(b"Authorization") or b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token)


def _names_this_machine(request: Request) -> bool:
    host = request.getHeader("Host")
    if host is None:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
