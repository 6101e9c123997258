"""Tokens of players, right and wrong ones, and the keys that they are signed with."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jwt
from twisted.internet.task import Clock

from matchd.auth.authority import Authority
from matchd.auth.fetching import FixedKeys
from matchd.auth.keyset import single
from matchd.auth.tokens import Tokens
from tests.support.keys import SECRET, new_pair

OTHER_SECRET = "b5a4f3d2b1a7e5c9f6d42b9e0f1c3da8"
AUDIENCE, ISSUER = "matchd", "https://accounts.example"
NOW = 1_800_000_000.0
"""The time of day at which a Clock begins."""


class Signer:
    """Somebody who makes tokens by one algorithm; ``verifying`` is what others verify them with, as text."""

    def __init__(self, algorithm: str, kid: str = "") -> None:
        self.algorithm, self.kid = algorithm, kid
        self.signing, self.verifying = new_pair(algorithm)

    def token(self, player_id: str = "ada", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """One that is good for ten minutes from NOW on, but for the ``claims``; one that is None is left out."""
        usual = {"sub": player_id, "aud": AUDIENCE, "iss": ISSUER, "exp": NOW + 600}
        given = {name: claim for name, claim in (usual | claims).items() if claim is not None}
        named = {"kid": self.kid} if self.kid else {}
        return jwt.encode(given, self.signing, self.algorithm, named | (header or {}))

    @property
    def jwk(self) -> dict[str, Any]:
        """The entry of its key in a key set."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        entry: dict[str, Any] = json.loads(algorithm.to_jwk(algorithm.prepare_key(self.verifying)))
        return entry | ({"kid": self.kid} if self.kid else {})


@cache
def signer(algorithm: str = "HS256", kid: str = "") -> Signer:
    """One for the whole run, as keys take their time to make."""
    return Signer(algorithm, kid)


def jwks(*signers: Signer) -> str:
    """A key set with the keys of these."""
    return json.dumps({"keys": [each.jwk for each in signers]})


def authority(clock: Clock, grace: float = 30.0) -> Authority:
    """What believes the usual signer."""
    keys = FixedKeys(single("HS256", SECRET))
    return Authority(Tokens("HS256", AUDIENCE, ISSUER), keys, lambda: NOW + clock.seconds(), grace)
