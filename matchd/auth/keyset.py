"""The keys that players' tokens are verified with: one of its own, or a JSON Web Key Set (RFC 7517)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt

from matchd.keys import SHORTEST_RSA, SHORTEST_SECRET, verifying_key

MOST_KEYS = 100
"""In one set; more are no set that anybody rotates by hand or by program."""


class KeySet:
    """Keys for one algorithm, by the name (``kid``) that a token gives; shows none of them."""

    def __init__(self, keys: Mapping[str | None, Any]) -> None:
        """A key without a name stands under None."""
        self._keys = keys

    def find(self, kid: str | None) -> Any:
        """The key that a token names; None where there is no such key.

        A lone key is meant where either side gives no name.
        """
        if len(self._keys) == 1 and (kid is None or None in self._keys):
            return next(iter(self._keys.values()))
        return self._keys.get(kid) if kid is not None else None


def single(algorithm: str, text: str) -> KeySet:
    """The set of one key: a shared secret, or a public key in PEM. Raises ValueError with the reason."""
    return KeySet({None: verifying_key(algorithm, text)})


def read_jwks(algorithm: str, text: str | bytes) -> KeySet:
    """The keys for ``algorithm`` in a JSON Web Key Set; others are passed over. Raises ValueError with the reason."""
    try:
        entries = json.loads(text)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("holds no JSON Web Key Set") from None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise ValueError(f"holds no JSON Web Key Set of up to {MOST_KEYS} keys")
    keys: dict[str | None, Any] = {}
    for entry in entries:
        if isinstance(entry, dict) and _is_meant(entry, algorithm) and (key := _key(entry, algorithm)) is not None:
            keys[entry.get("kid")] = key
    if not keys:
        raise ValueError(f"holds no key that verifies {algorithm}")
    return KeySet(keys)


def _is_meant(entry: Mapping[str, Any], algorithm: str) -> bool:
    """Whether an entry says of itself nothing that speaks against it."""
    uses = entry.get("key_ops", ["verify"])
    return bool(
        entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and (isinstance(uses, list) and "verify" in uses)
        and isinstance(entry.get("kid"), str | None)
    )


def _key(entry: dict[str, Any], algorithm: str) -> Any:
    """The key itself; None if it is of another kind, too weak, or a private one, which nobody should publish."""
    try:
        key: Any = jwt.get_algorithm_by_name(algorithm).prepare_key(jwt.PyJWK(entry, algorithm).key)
    except (jwt.exceptions.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if algorithm == "HS256":
        return key if len(key) >= SHORTEST_SECRET else None
    weak = algorithm == "RS256" and key.key_size < SHORTEST_RSA
    return None if weak or not hasattr(key, "verify") else key
