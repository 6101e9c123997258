"""The join token: what a player shows at the game server, so that nobody else plays in his place.

A JSON Web Token (RFC 7519), signed by matchd and verified by the game server: issuer ``matchd``, the player as
``sub``, the game session as ``sid``, his ``team``, and an ``exp`` shortly after. Its ``jti`` lets a server accept it
only once. docs/gameservers.md tells what a game server does with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec

ISSUER = "matchd"
TYPE = "join+jwt"
"""The ``typ`` in its head (RFC 8725, 3.11): where one key signs more than these, none passes for another."""
LEEWAY_SECONDS = 5.0
"""What the clocks of matchd and a game server may differ by."""


class _MatchFound(msgspec.Struct):
    session_id: str
    team: int = 0


_decoder = msgspec.json.Decoder(_MatchFound)


class JoinTokens:
    """Makes the tokens, each good for ``seconds``; ``now`` is the time of day in seconds since 1970."""

    def __init__(self, key: Any, algorithm: str, seconds: float, now: Callable[[], float]) -> None:
        self._key, self._algorithm, self._seconds, self._now = key, algorithm, seconds, now

    def added(self, player_id: str, match_found: bytes) -> bytes:
        """A player's ``match_found`` with a new token for him in it."""
        match = _decoder.decode(match_found)
        token = self.issue(player_id, match.session_id, match.team)
        return b'%s,"join_token":"%s"}' % (match_found.rstrip()[:-1], token.encode())

    def issue(self, player_id: str, session_id: str, team: int) -> str:
        """A new token for one player of a game session."""
        now = int(self._now())
        claims = {
            "iss": ISSUER, "sub": player_id, "sid": session_id, "team": team,
            "iat": now, "exp": now + int(self._seconds), "jti": secrets.token_hex(8),
        }  # fmt: skip
        return jwt.encode(claims, self._key, self._algorithm, {"typ": TYPE})


@dataclass(frozen=True, slots=True)
class Joining:
    """Who wants to join which game session, by a token that holds."""

    player_id: str
    session_id: str
    team: int
    token_id: str


class _Claims(msgspec.Struct):
    sub: str
    sid: str
    exp: int
    jti: str
    team: int = 0


class BadToken(Exception):
    """A token that does not hold; the text says why."""


class JoinTokenCheck:
    """Verifies the tokens, for a game server."""

    def __init__(self, key: Any, algorithm: str, now: Callable[[], float]) -> None:
        self._key, self._algorithm, self._now = key, algorithm, now

    def read(self, token: str) -> Joining:
        """What a token says; raises BadToken where it does not hold."""
        try:
            whole = jwt.decode_complete(
                token, self._key, [self._algorithm], issuer=ISSUER,
                options={"require": ["iss"], "verify_exp": False, "verify_iat": False},
            )  # fmt: skip
            joining = msgspec.convert(whole["payload"], _Claims)
        except (jwt.exceptions.PyJWTError, ValueError):
            raise BadToken("is not matchd's") from None
        if whole["header"].get("typ") != TYPE:
            raise BadToken("is not matchd's")
        if joining.exp + LEEWAY_SECONDS < self._now():
            raise BadToken("has expired")
        return Joining(joining.sub, joining.sid, joining.team, joining.jti)
