"""Answers as values, and the resources that give them: JSON, one line for every error, never a traceback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from matchd.errors import StoreError, StoreUnavailable

log = Logger()


class Invalid(Exception):
    """The request can't be meant; its text is one line that begins with the field's name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request is answered."""

    body: bytes
    status: int = http.OK
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def write(self, request: Request) -> None:
        """Send it, and with it end the request."""
        request.setResponseCode(self.status)
        for name, value in self.headers:
            request.setHeader(name, value)
        if self.status != http.NO_CONTENT:
            request.setHeader("Content-Type", self.content_type)
            request.setHeader("Content-Length", str(len(self.body)))
        request.write(self.body)
        request.finish()


def as_json(value: object, status: int = http.OK) -> Answer:
    """``value`` as JSON."""
    return Answer(msgspec.json.encode(value), status)


def problem(status: int, text: str, **headers: str) -> Answer:
    """An error and its text, with ``headers`` whose names have ``_`` for ``-``."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(msgspec.json.encode({"error": text}), status, headers=named)


NO_CONTENT = Answer(b"", http.NO_CONTENT)
NOT_FOUND = problem(http.NOT_FOUND, "nothing is here")

Respond = Callable[[Request], Awaitable[Answer]]


class Path(Resource):
    """A step of a path, which gives the same answer to whatever is asked of it."""

    def __init__(self, answer: Answer = NOT_FOUND) -> None:
        super().__init__()
        self._answer = answer

    def getChild(self, path: bytes, request: Request) -> Resource:
        """What no child was put for is not there."""
        return Path()

    def render(self, request: Request) -> int:
        """Answer at once."""
        self._answer.write(request)
        return NOT_DONE_YET


class Endpoint(Path):
    """A path with an async function for each method that it allows; ``GET`` answers ``HEAD`` too."""

    def __init__(self, **methods: Respond) -> None:
        super().__init__(_only(methods))
        self._methods = methods | ({"HEAD": methods["GET"]} if "GET" in methods else {})

    def render(self, request: Request) -> int:
        """Answer, now or when the answer is there."""
        respond = self._methods.get(request.method.decode("ascii"))
        if respond is None:
            return super().render(request)
        Deferred.fromCoroutine(_serve(request, respond))
        return NOT_DONE_YET


def _only(methods: dict[str, Respond]) -> Answer:
    allowed = ", ".join(sorted(methods))
    return problem(http.NOT_ALLOWED, f"method: only {allowed}", Allow=allowed)


async def _serve(request: Request, respond: Respond) -> None:
    """Write the answer unless the client has left meanwhile, which is no error."""
    ended = request.notifyFinish()
    ended.addErrback(lambda _: None)
    answer = await _answered(request, respond)
    if not ended.called:
        answer.write(request)


async def _answered(request: Request, respond: Respond) -> Answer:
    method, path = request.method.decode("ascii"), request.path.decode("ascii")
    try:
        return await respond(request)
    except Invalid as refusal:
        return problem(http.BAD_REQUEST, str(refusal))
    except StoreUnavailable as reason:
        return problem(http.SERVICE_UNAVAILABLE, str(reason))
    except StoreError as error:
        log.error("{method} {path} failed: {reason}", method=method, path=path, reason=str(error))
        return problem(http.INTERNAL_SERVER_ERROR, str(error))
    except Exception:
        log.failure("{method} {path} failed", Failure(), method=method, path=path)
        return problem(http.INTERNAL_SERVER_ERROR, "internal error")
