"""What matchd asks of a game server: make a session, end a session.

Every question ends within a bounded time in one of three ways: done; ``SessionRefused``, the server certainly
made none; ``SessionUncertain``, it may have. docs/gameservers.md describes the two requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IAgent

from matchd.errors import SessionRefused, SessionUncertain
from matchd.matches.addressbook import AddressBook
from matchd.matches.addresses import AddressRefused, Allowed, is_address
from matchd.matches.bounds import Turns
from matchd.matches.exchange import Answer, Exchanges, Unanswered, Unreachable
from matchd.model import GameSession


@dataclass(frozen=True, slots=True)
class CreateSession:
    """The session that a game server is asked for; ``loading_session_id`` is the idempotency key."""

    players: tuple[str, ...]
    game_mode: str
    loading_session_id: str
    teams: tuple[tuple[str, ...], ...]

    def body(self) -> bytes:
        """The JSON that is posted."""
        return msgspec.json.encode(self)


class _Created(msgspec.Struct):
    session_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    server_address: str


_decoder = msgspec.json.Decoder(_Created)


class GameServerClient:
    """Asks game servers, each for at most ``per_server`` sessions at a time, and ``overall`` of all, see Turns.

    A request has ``timeout`` seconds, from connecting to the end of the answer. One for a session waits for its turn
    for as long again at most. The ``addresses`` say where it may send players, else anywhere. An ``agent`` takes
    the place of real connections in tests.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        addresses: AddressBook | None = None,
        timeout: float = 5.0,
        per_server: int = 32,
        overall: int = 256,
        agent: IAgent | None = None,
    ) -> None:
        self._exchanges = Exchanges(reactor, timeout=timeout, keep=per_server, agent=agent)
        self._turns = Turns(reactor, timeout, per_server, overall)
        self._addresses = addresses or AddressBook(reactor, Allowed(loopback=True))

    async def create_session(self, address: str, request: CreateSession) -> GameSession:
        """The session made at ``address``, or made before for the same loading session.

        Raises SessionRefused or SessionUncertain.
        """
        async with self._turns.at(address):
            answer = await self._ask("POST", address, "/session/create", request.body())
        if not answer.ok:
            raise SessionRefused(f"game server {address}: {answer}")
        if answer.flaw:
            raise SessionUncertain(f"game server {address}: {answer.flaw}")
        session = _session(address, answer.body)
        try:
            await self._addresses.check(session.server_address, address)
        except AddressRefused as error:
            raise SessionUncertain(f"game server {address}: bad answer: server_address: {error}") from None
        return session

    async def end_session(self, address: str, loading_session_id: str) -> None:
        """Have the game server forget a session, if it has it; any answer will do. Raises SessionUncertain.

        This takes no turn: Orphans bounds how often it is called.
        """
        try:
            await self._ask("DELETE", address, f"/session/{quote(loading_session_id, safe='')}")
        except SessionRefused as error:
            raise SessionUncertain(str(error)) from None

    def close(self) -> Deferred[None]:
        """Close the idle connections; used once, when the node stops."""
        return self._exchanges.close()

    async def _ask(self, method: str, address: str, path: str, body: bytes | None = None) -> Answer:
        if not is_address(address):
            raise SessionRefused(f"game server {address[:64]!r}: not host:port")
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            return await self._exchanges.ask(method, f"http://{address}{path}", body, headers)
        except Unreachable as error:
            raise SessionRefused(f"game server {address}: {error}") from None
        except Unanswered as error:
            raise SessionUncertain(f"game server {address}: {error}") from None


def _session(address: str, body: bytes) -> GameSession:
    try:
        created = _decoder.decode(body)
    except (ValueError, RecursionError) as error:
        reason = str(error)[:100] if isinstance(error, msgspec.ValidationError) else "not JSON"
        raise SessionUncertain(f"game server {address}: bad answer: {reason}") from None
    if not created.session_id.isprintable():
        raise SessionUncertain(f"game server {address}: bad answer: session_id is not printable")
    if not is_address(created.server_address):
        raise SessionUncertain(f"game server {address}: bad answer: server_address is not host:port")
    return GameSession(created.session_id, created.server_address)
