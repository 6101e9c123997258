"""The site on the operators' port: which path leads where, and past which door."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from matchd.operators import views
from matchd.operators.access import UNAUTHORIZED, Access, changes
from matchd.operators.channel import FULL, BoundedSite
from matchd.operators.health import health
from matchd.operators.page import login, page
from matchd.operators.responses import Path
from matchd.operators.servers import Servers
from matchd.operators.source import Source

__all__ = ["Source", "site"]


def site(source: Source, access: Access, reactor: IReactorTime, max_connections: int = 512) -> Site:
    """The operators' site over ``source``, everything but health for those whom ``access`` admits."""
    return _GuardedSite(source, access, reactor, max_connections)


def _tree(source: Source) -> Path:
    root, v1 = Path(), Path()
    root.putChild(b"", page())
    root.putChild(b"health", health(source))
    root.putChild(b"metrics", views.metrics(source))
    root.putChild(b"v1", v1)
    v1.putChild(b"modes", views.modes(source))
    v1.putChild(b"servers", Servers(source))
    v1.putChild(b"sessions", views.sessions(source))
    v1.putChild(b"totals", views.totals(source))
    v1.putChild(b"invariants", views.invariants(source))
    return root


class _GuardedSite(BoundedSite):
    """Whoever may not enter is told the same everywhere, so that he can't even see what is there."""

    def __init__(self, source: Source, access: Access, reactor: IReactorTime, max_connections: int) -> None:
        super().__init__(_tree(source), reactor, max_connections)
        self._source = source
        self._access = access
        self._login = login(UNAUTHORIZED)

    def getResourceFor(self, request: Request) -> Resource:
        """What answers a request, or refuses to."""
        path = request.postpath or []
        of_health = path[:1] == [b"health"]
        refusal = None if of_health else self._access.refusal(request)
        if refusal is None and self.is_busy and not (of_health or changes(request)):
            return Path(FULL)  # heartbeats and health keep room
        if refusal is None:
            found: Resource = super().getResourceFor(request)
            return found
        if changes(request) and path[:2] == [b"v1", b"servers"]:
            self._source.registration_refused("unauthorized" if refusal.status == UNAUTHORIZED.status else "origin")
        return self._login if refusal is UNAUTHORIZED and path == [b""] else Path(refusal)
