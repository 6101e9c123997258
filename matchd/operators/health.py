"""Is the process alive, and may it get players: what orchestrators and load balancers ask."""

from __future__ import annotations

from twisted.web import http
from twisted.web.server import Request

from matchd.operators.responses import Answer, Endpoint, Path, as_json
from matchd.operators.source import Source

LIVE = as_json({"status": "live"})
READY = as_json({"status": "ready"})


def health(source: Source) -> Path:
    """``/health/live`` and ``/health/ready``; neither asks for a token."""

    async def live(_: Request) -> Answer:
        return LIVE

    async def ready(_: Request) -> Answer:
        reason = source.ready()
        if reason is None:
            return READY
        return as_json({"status": "unready", "reason": reason}, http.SERVICE_UNAVAILABLE)

    folder = Path()
    folder.putChild(b"live", Endpoint(GET=live))
    folder.putChild(b"ready", Endpoint(GET=ready))
    return folder
