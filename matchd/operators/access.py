"""Who may use the operators' port.

With a token: whoever sends it. Without one the port is on loopback, and whoever is on this machine may;
but not a page in this machine's browser whose own name was made to point here, which the name gives away.

Changes, which are the game servers' registrations, ask for a token as soon as there is any: the game servers'
own or the operators'. No web page makes changes, not even ours, so whatever a browser sends for one is refused.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted.web import http
from twisted.web.server import Request

from matchd.operators.responses import Answer, problem

READS = (b"GET", b"HEAD", b"OPTIONS")


def _unauthorized(token: str) -> Answer:
    text = f"Authorization: Bearer with the {token} is needed"
    return problem(http.UNAUTHORIZED, text, WWW_Authenticate='Bearer realm="matchd"')


UNAUTHORIZED = _unauthorized("operator_token")
UNREGISTERED = _unauthorized("servers.token")
FORBIDDEN = problem(http.FORBIDDEN, "Host: without an operator_token only an address or localhost is served")
FROM_A_PAGE = problem(http.FORBIDDEN, "Origin: no web page may change anything here")


class Access:
    """Admits requests; of ``operators`` and ``servers``, the tokens, an empty one is none."""

    def __init__(self, operators: str = "", servers: str = "") -> None:
        self._operators = operators.encode()
        self._servers = servers.encode()

    def refusal(self, request: Request) -> Answer | None:
        """What to answer instead; None when the request may pass."""
        tokens = [self._operators] if self._operators else []
        if changes(request):
            if _is_from_a_page(request):
                return FROM_A_PAGE
            tokens += [self._servers] if self._servers else []
        if not tokens:
            return None if _names_this_machine(request) else FORBIDDEN
        if any(_is_sent(token, request) for token in tokens):
            return None
        return UNREGISTERED if self._servers in tokens else UNAUTHORIZED


def changes(request: Request) -> bool:
    """Whether a request asks for more than to be told something."""
    return request.method not in READS


def _is_sent(token: bytes, request: Request) -> bool:
    scheme, _, sent = (request.getHeader(b"Authorization") or b"").partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(sent.strip(), token)


def _is_from_a_page(request: Request) -> bool:
    """Whether a script sent it: for changes every browser names the page's origin, and most say how far off it is."""
    headers = request.requestHeaders
    return headers.hasHeader(b"Origin") or headers.hasHeader(b"Sec-Fetch-Site")


def _names_this_machine(request: Request) -> bool:
    host = request.getHeader("Host")
    if host is None:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
