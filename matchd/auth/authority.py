"""Whom a node believes when a player says who he is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from matchd.auth.fetching import FetchedKeys, FixedKeys, KeysInFile, KeySource
from matchd.auth.keyset import single
from matchd.auth.tokens import Identity, Tokens, UnknownKey
from matchd.background import Background

if TYPE_CHECKING:
    from matchd.config.auth import Auth


class Authority:
    """Identifies players.

    ``now`` is the time of day in seconds since 1970, ``grace`` how many seconds a player has to bring a new token.
    """

    def __init__(self, tokens: Tokens, source: KeySource, now: Callable[[], float], grace: float) -> None:
        self.now = now
        self.grace = grace
        self._tokens = tokens
        self._source = source

    async def identify(self, token: str) -> Identity:
        """Whom a token names. Raises Unauthorized."""
        try:
            return self._tokens.read(token, self._source.keys, self.now())
        except UnknownKey:
            if not await self._source.renew():
                raise
        return self._tokens.read(token, self._source.keys, self.now())

    async def start(self) -> None:
        """Get the keys, unless they are out of reach. Raises StartupError."""
        await self._source.start()

    @property
    def problem(self) -> str | None:
        """Why nobody can be identified yet; None where that is possible."""
        return self._source.problem

    async def ready(self) -> None:
        """Returns when players can be identified. Raises CancelledError when ``stop`` came first."""
        await self._source.obtained()

    async def stop(self) -> None:
        """There is nobody left to identify."""
        await self._source.stop()


def authority(auth: Auth, background: Background, now: Callable[[], float] = time.time) -> Authority | None:
    """The one that the settings ask for, not yet started; None where players are not authenticated."""
    if auth.mode == "none":
        return None
    tokens = Tokens(auth.algorithm, auth.audience, auth.issuer, auth.leeway)
    return Authority(tokens, _source(auth, background), now, auth.expiry_grace)


def _source(auth: Auth, background: Background) -> KeySource:
    if auth.jwks_url:
        return FetchedKeys(auth.jwks_url, auth.algorithm, auth.jwks_refresh, background)
    if auth.jwks_file is not None:
        return KeysInFile(auth.jwks_file, auth.algorithm, auth.jwks_refresh, background)
    return FixedKeys(single(auth.algorithm, auth.key))
