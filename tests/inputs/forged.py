"""Any number of tokens that are nearly good, by a seed, and whether one really is, as told without PyJWT."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from typing import Any

from tests.inputs.tokens import GOOD, KNOWN, NO_TOKENS, NOT_HERE, UNSIGNED
from tests.support.tokens import AUDIENCE, ISSUER, NOW, OTHER_SECRET, SECRET

LONGEST = 3800
SEEDS = [GOOD] * 40 + [token for rows in (NO_TOKENS, UNSIGNED, NOT_HERE) for (token,) in rows if len(token) < 1000]
NAMES = (*KNOWN, "nbf", "iat", "jti", "rating", "party_id", "party_size", "x", "", "SUB")
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, NOW, NOW + 600, NOW - 600, 1e20, 2**70, "", "ada", "bob", "p0", "matchd", "shop", ISSUER, "*",
    "ada\0", "\ud800", "ä", "1", [], {}, ["matchd"], ["shop", "matchd"], {"sub": "ada"}, "x" * 300, float("inf"), float("nan"),
]  # fmt: skip
HEADS: list[Any] = [
    {"alg": "HS256"}, {"alg": "none"}, {"alg": "HS384"}, {"alg": "RS256"}, {"alg": ["HS256"]}, {"alg": None}, {}, [], None, "HS256",
    {"alg": "HS256", "kid": "x"}, {"alg": "HS256", "kid": 1}, {"alg": "HS256", "kid": "../../key"}, {"alg": "HS256", "typ": "x"},
    {"alg": "HS256", "crit": ["exp"]}, {"alg": "HS256", "b64": False}, {"alg": "HS256", "zip": "DEF"}, {"alg": "HS256", "jku": "http://x"},
    {"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}, {"alg": "HS256", "typ": "matchd-join"},
]  # fmt: skip
LETTERS = "".join(map(chr, range(33, 127))) + " \t\n\0äß\u202e😀"


class Forger:
    """By the same seed always the same tokens, now and then a good one."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        """A token, as text of a length that fits into a message, however it is written."""
        made = self._random.choice((self._written, self._bent, self._bent, self._odd, self._shuffled, self._noise))()
        return made if len(json.dumps(made)) <= LONGEST else made[: LONGEST // 12]

    def way(self) -> str:
        """How it is to be shown."""
        return self._random.choice(("enqueue", "resume", "header", "protocol"))

    def _written(self) -> str:
        """A sound one for others, or one that is sound but for whose signature it has."""
        return (
            self._random.choice(NOT_HERE).token if self._random.random() < 0.7 else _made(HEADS[0], KNOWN, OTHER_SECRET)
        )

    def _bent(self) -> str:
        """Some letters changed, put in, taken out, or said twice; or none."""
        letters = list(self._random.choice(SEEDS))
        for _ in range(self._random.choice((0, 1, 1, 2, 8))):
            at = self._random.randint(0, len(letters))
            letters[at : at + self._random.randint(0, 2)] = self._random.choices(LETTERS, k=self._random.randint(0, 2))
        return "".join(letters)

    def _odd(self) -> str:
        """Odd claims under an odd head, with a signature that is the right one more often than not."""
        claims: Any = dict(KNOWN)
        for _ in range(self._random.choice((0, 1, 1, 2, 3))):
            claims[self._random.choice(NAMES)] = self._random.choice(VALUES)
        if self._random.random() < 0.1:
            claims = self._random.choice(VALUES)
        head = HEADS[0] if self._random.random() < 0.6 else self._random.choice(HEADS)
        secret = SECRET if self._random.random() < 0.7 else self._random.choice((OTHER_SECRET, "", SECRET + "\n"))
        return _made(head, claims, secret)

    def _shuffled(self) -> str:
        parts = [part for _ in range(2) for part in self._random.choice(SEEDS).split(".")]
        return ".".join(self._random.choices(parts, k=self._random.choice((1, 2, 3, 3, 3, 4))))

    def _noise(self) -> str:
        return "".join(self._random.choices(LETTERS + "....", k=self._random.randint(0, 80)))


def holds(token: str) -> bool:
    """Whether a token is good here, and ada's: who is believed without one that is, plays as another."""
    try:
        said, _, signature = token.rpartition(".")
        _, _, payload = said.partition(".")
        claims = json.loads(_unpacked(payload))
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        return bool(
            hmac.compare_digest(_unpacked(signature), _signature(said, SECRET))
            and claims["sub"] == "ada"
            and AUDIENCE in audience
            and claims["iss"] == ISSUER
            and claims["exp"] > NOW >= (claims.get("nbf") or 0)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _made(head: Any, claims: Any, secret: str) -> str:
    said = f"{_packed(json.dumps(head))}.{_packed(json.dumps(claims))}"
    return f"{said}.{_packed(_signature(said, secret))}"


def _signature(said: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).digest()


def _packed(data: str | bytes) -> str:
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
