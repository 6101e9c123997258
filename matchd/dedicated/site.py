"""A game server's HTTP side.

``POST /session/create``, ``DELETE /session/{loading_session_id}`` and ``GET /health`` are for matchd,
``POST /session/{session_id}/join`` for players: docs/gameservers.md describes them.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Annotated

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from matchd.dedicated.sessions import Full, NotAdmitted, Sessions
from matchd.jointoken import BadToken, JoinTokenCheck
from matchd.model import is_name

log = Logger()

BODY_LIMIT = 16 * 1024
"""The longest request body, in bytes."""


class _Create(msgspec.Struct):
    players: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    game_mode: str
    loading_session_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Join(msgspec.Struct):
    join_token: Annotated[str, msgspec.Meta(max_length=4096)]


class _TooLong(ValueError):
    """A body beyond the limit."""


_decoder = msgspec.json.Decoder(_Create)
_join_decoder = msgspec.json.Decoder(_Join)


def _body(request: Request) -> bytes:
    body: bytes = request.content.read()  # type: ignore[union-attr]
    if len(body) > BODY_LIMIT:
        raise _TooLong(f"more than {BODY_LIMIT} bytes")
    return body


def _read(body: bytes) -> _Create:
    """The request in a body; raises ValueError with the reason when there is none."""
    try:
        wanted = _decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    for name in (*wanted.players, wanted.game_mode):
        if not is_name(name):
            raise ValueError(f"{name[:64]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    return wanted


class GameServerResource(Resource):
    """Answers for ``sessions``; every answer is one line of JSON.

    ``address`` tells where players go; ``on_change`` is called when a session began or ended. Without a
    ``check`` nobody can join by a token.
    """

    isLeaf = True

    def __init__(
        self,
        clock: IReactorTime,
        sessions: Sessions,
        address: Callable[[], str],
        on_change: Callable[[], None],
        check: JoinTokenCheck | None = None,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._sessions = sessions
        self._address = address
        self._on_change = on_change
        self._check = check

    def render(self, request: Request) -> bytes:
        """The answer to any request."""
        match request.postpath:
            case [b"session", b"create"]:
                answer, allowed = self._create, b"POST"
            case [b"session", _, b"join"]:
                answer, allowed = self._join, b"POST"
            case [b"session", _]:
                answer, allowed = self._end, b"DELETE"
            case [b"health"]:
                answer, allowed = self._health, b"GET"
            case _:
                return _refuse(request, HTTPStatus.NOT_FOUND, "no such page")
        if request.method != allowed:
            request.setHeader(b"Allow", allowed)
            return _refuse(request, HTTPStatus.METHOD_NOT_ALLOWED, f"only {allowed.decode()} is allowed here")
        return answer(request)

    def _health(self, request: Request) -> bytes:
        return _answer(request, status="ok", sessions=self._sessions.count, capacity=self._sessions.capacity)

    def _create(self, request: Request) -> bytes:
        try:
            wanted = _read(_body(request))
        except _TooLong as error:
            return _refuse(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: {error}")
        except ValueError as error:
            return _refuse(request, HTTPStatus.BAD_REQUEST, f"body: {error}")
        try:
            session_id = self._begin(wanted)
        except Full as error:
            return _refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return _answer(request, session_id=session_id, server_address=self._address())

    def _begin(self, wanted: _Create) -> str:
        before = self._sessions.count
        session_id = self._sessions.create(wanted.loading_session_id, wanted.players, self._clock.seconds())
        if self._sessions.count > before:
            log.info(
                "session {session} of {mode} for {players}",
                session=session_id,
                mode=wanted.game_mode,
                players=wanted.players,
            )
            self._on_change()
        return session_id

    def _join(self, request: Request) -> bytes:
        """A player comes with his token."""
        if self._check is None:
            return _refuse(request, HTTPStatus.NOT_IMPLEMENTED, "join tokens are not checked: no --join-key-file")
        session_id = (request.postpath or [b"", b""])[1].decode("utf-8", "replace")
        try:
            joining = self._check.read(_join_decoder.decode(_body(request)).join_token)
            self._sessions.admit(session_id, joining)
        except (ValueError, RecursionError):
            return _refuse(request, HTTPStatus.BAD_REQUEST, 'body: not {"join_token": "..."}')
        except BadToken as error:
            return _refuse(request, HTTPStatus.FORBIDDEN, f"join_token: {error}")
        except NotAdmitted as error:
            return _refuse(request, HTTPStatus.FORBIDDEN, str(error))
        log.info("{player} joined session {session}", player=joining.player_id, session=session_id)
        return _answer(request, player_id=joining.player_id, team=joining.team)

    def _end(self, request: Request) -> bytes:
        key = (request.postpath or [b""])[-1].decode("utf-8", "replace")
        if not self._sessions.end(key):
            return _refuse(request, HTTPStatus.NOT_FOUND, "no such session")
        self._on_change()
        request.setResponseCode(HTTPStatus.NO_CONTENT)
        return b""


class GameServerSite(Site):
    """Serves the resource: no access log, and no request body is kept beyond the limit."""

    noisy = False

    def __init__(self, resource: GameServerResource, clock: IReactorTime) -> None:
        super().__init__(resource, reactor=clock)

    def getContentFile(self, length: int | None) -> BytesIO:
        """Where twisted.web puts a request's body."""
        return _Bounded()

    def log(self, request: object) -> None:
        """Write nothing: what matters of a request is logged where it is answered."""


class _Bounded(BytesIO):
    """Forgets what comes after the limit, but for one byte that shows there was more."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return super().write(data[: BODY_LIMIT + 1 - self.tell()])


def _answer(request: Request, **fields: object) -> bytes:
    request.setHeader("Content-Type", "application/json")
    return msgspec.json.encode(fields) + b"\n"


def _refuse(request: Request, status: int, reason: str) -> bytes:
    request.setResponseCode(status)
    return _answer(request, error=reason)
