"""What there is to see: metrics, modes, sessions, invariants. Nothing here changes anything."""

from __future__ import annotations

import re

from twisted.web.server import Request

from matchd.metrics import CONTENT_TYPE
from matchd.operators.responses import Answer, Endpoint, Invalid, as_json
from matchd.operators.source import Source

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def metrics(source: Source) -> Endpoint:
    """``/metrics`` for Prometheus."""

    async def get(_: Request) -> Answer:
        return Answer(source.metrics(), content_type=CONTENT_TYPE)

    return Endpoint(GET=get)


def modes(source: Source) -> Endpoint:
    """``/v1/modes``: the game modes and who is where in them."""

    async def get(_: Request) -> Answer:
        return as_json({"modes": await source.modes()})

    return Endpoint(GET=get)


def sessions(source: Source) -> Endpoint:
    """``/v1/sessions``: the loading sessions, at most ``?limit=`` of them."""

    async def get(request: Request) -> Answer:
        return as_json({"sessions": await source.sessions(_limit(request))})

    return Endpoint(GET=get)


def invariants(source: Source) -> Endpoint:
    """``/v1/invariants``: the players per place, across all nodes, and whatever contradicts itself."""

    async def get(_: Request) -> Answer:
        return as_json(await source.invariants())

    return Endpoint(GET=get)


def totals(source: Source) -> Endpoint:
    """``/v1/totals``: the players and sessions, across all nodes, as far as they are counted already."""

    async def get(_: Request) -> Answer:
        return as_json(await source.totals())

    return Endpoint(GET=get)


def _limit(request: Request) -> int:
    given: list[bytes] = request.args.get(b"limit", [b"%d" % DEFAULT_LIMIT])
    if len(given) == 1 and re.fullmatch(rb"[0-9]{1,4}", given[0]) and 1 <= int(given[0]) <= MAX_LIMIT:
        return int(given[0])
    raise Invalid(f"limit: only a number from 1 to {MAX_LIMIT}")
