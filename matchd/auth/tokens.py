"""A player's token (RFC 7519): whether it holds, and whom it names. Decides by what it is told; knows no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import jwt
import msgspec

from matchd.auth.keyset import KeySet
from matchd.jointoken import TYPE
from matchd.messages import RULES, Name, PartySize, Rating


class Unauthorized(Exception):
    """Somebody is not who he says, as far as we can tell; the text is told to him."""


class Expired(Exception):
    """Somebody has shown who he is, but that was long enough ago: he may do so again."""


class UnknownKey(Unauthorized):
    """The token names a key that is not among ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token names, until when (``expires``, seconds since 1970), and what else it says of him."""

    player_id: str
    expires: float
    rating: float | None = None
    party_id: str | None = None
    party_size: int | None = None


Seconds = Annotated[float, msgspec.Meta(ge=0, le=2.0**53)]


class _Claims(msgspec.Struct):
    sub: Name
    exp: Seconds
    nbf: Seconds = 0.0
    rating: Rating | None = None
    party_id: Name | None = None
    party_size: PartySize | None = None


_RULES = {**RULES, "sub": RULES["player_id"], "exp": "a time", "nbf": "a time"}
_FIELD = re.compile(r"(?:required field `|\$\.)(\w+)`")

_REFUSALS: dict[type[jwt.exceptions.PyJWTError], str] = {
    jwt.exceptions.InvalidAudienceError: "is for another audience",
    jwt.exceptions.InvalidIssuerError: "is of another issuer",
    jwt.exceptions.InvalidSignatureError: "its signature does not fit",
}


class Tokens:
    """Reads tokens of one ``algorithm``; an empty ``audience`` or ``issuer`` is any, ``leeway`` is in seconds."""

    def __init__(self, algorithm: str, audience: str = "", issuer: str = "", leeway: float = 0.0) -> None:
        self._algorithm = algorithm
        self._audience, self._issuer, self._leeway = audience or None, issuer or None, leeway
        self._options: Any = {
            "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False, "verify_jti": False,
            "verify_aud": bool(audience), "verify_iss": bool(issuer),
        }  # fmt: skip

    def read(self, token: str, keys: KeySet, now: float) -> Identity:
        """Whom a token names, ``now`` being seconds since 1970. Raises Unauthorized."""
        claims = self._claims(token, self._key(token, keys))
        if not now < claims.exp + self._leeway:
            raise Unauthorized("token: has expired")
        if not claims.nbf - self._leeway <= now:
            raise Unauthorized("token: is not valid yet")
        return Identity(claims.sub, claims.exp, claims.rating, claims.party_id, claims.party_size)

    def _key(self, token: str, keys: KeySet) -> Any:
        """The key that a token is to be verified with, going by what nobody has verified yet."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.exceptions.PyJWTError, ValueError):
            raise Unauthorized("token: is no JSON Web Token") from None
        if header.get("typ") == TYPE:
            raise Unauthorized("token: is for a game server")
        if header.get("alg") != self._algorithm:
            raise Unauthorized(f"token: is not signed by {self._algorithm}")
        key = keys.find(header.get("kid"))
        if key is None:
            raise UnknownKey("token: is signed by a key that is unknown here")
        return key

    def _claims(self, token: str, key: Any) -> _Claims:
        try:
            payload = jwt.decode(
                token, key, [self._algorithm], audience=self._audience, issuer=self._issuer, options=self._options
            )
            return msgspec.convert(payload, _Claims)
        except msgspec.ValidationError as error:
            field = next(name for name in _FIELD.findall(str(error)) if name in _RULES)
            raise Unauthorized(f"token: {field} must be {_RULES[field]}") from None
        except (jwt.exceptions.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthorized(f"token: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, jwt.exceptions.MissingRequiredClaimError):
        return f"{error.claim} is missing"
    return next((words for kind, words in _REFUSALS.items() if isinstance(error, kind)), "does not hold")
