"""Whom one connection has shown to speak for: admits its messages, and asks for a new token when the last runs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from matchd.auth.authority import Authority
from matchd.auth.tokens import Expired, Identity, Unauthorized
from matchd.messages import ClientMessage, Enqueue, Resume

LONGEST_SLEEP = 60.0
"""Seconds until the time of day is looked at again: it can be set meanwhile, and timers do not go by it."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A token that came with a connection's handshake, before any message."""

    token: str = field(repr=False)


class Identification:
    """One player's. ``ask`` is called when his token runs out, ``end`` when he has not brought another in time."""

    __slots__ = ("_ask", "_authority", "_clock", "_end", "_identity", "_over", "_timer")

    def __init__(
        self, authority: Authority, clock: IReactorTime, ask: Callable[[], object], end: Callable[[], object]
    ) -> None:
        self._authority = authority
        self._clock = clock
        self._ask = ask
        self._end = end
        self._identity: Identity | None = None
        self._timer: IDelayedCall | None = None
        self._over = False

    @property
    def player_id(self) -> str:
        """Who he has shown to be; empty as long as he has not."""
        return self._identity.player_id if self._identity is not None else ""

    async def admit(self, said: ClientMessage | Credential) -> ClientMessage | Credential:
        """What is said, with what the token says in place of what he says of himself.

        Raises Unauthorized, or Expired where a new token is due first.
        """
        if isinstance(said, Credential):
            await self._show(said.token)
        elif isinstance(said, Enqueue | Resume):
            if said.token is not None:
                await self._show(said.token)
            return self._in_his_name(said)
        return said

    def stop(self) -> None:
        """The connection is gone."""
        self._over = True
        self._disarm()

    def _in_his_name(self, said: Enqueue | Resume) -> ClientMessage:
        he = self._identity
        if he is None:
            raise Unauthorized("token: missing")
        if said.player_id != he.player_id:
            raise Unauthorized("player_id: the token is somebody else's")
        if said.token is None and he.expires <= self._authority.now():
            raise Expired
        if isinstance(said, Resume):
            return said
        return replace(said, rating=he.rating, party_id=he.party_id, party_size=he.party_size)

    async def _show(self, token: str) -> None:
        identity = await self._authority.identify(token)
        if self._identity is not None and identity.player_id != self._identity.player_id:
            raise Unauthorized("token: is somebody else's than the one before")
        self._identity = identity
        if not self._over:
            self._watch()

    # the time that is left

    def _watch(self) -> None:
        assert self._identity is not None
        left = self._identity.expires - self._authority.now()
        if left > 0:
            self._arm(min(left, LONGEST_SLEEP), self._watch)
        else:
            self._arm(self._authority.grace, self._end)
            self._ask()

    def _arm(self, seconds: float, call: Callable[[], object]) -> None:
        self._disarm()
        self._timer = self._clock.callLater(seconds, call)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
