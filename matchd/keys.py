"""Keys for JSON Web Tokens: each fits its algorithm, and is strong enough, or is refused in a person's words."""

from __future__ import annotations

from typing import Any

import jwt
from jwt.utils import is_ssh_key

ALGORITHMS = ("HS256", "EdDSA", "ES256", "RS256")

SHORTEST_SECRET = 32
"""Bytes; RFC 7518 asks of HS256 no fewer."""
SHORTEST_RSA = 2048
"""Bits."""


def signing_key(algorithm: str, text: str) -> Any:
    """What signs tokens, from a shared secret or a private key in PEM. Raises ValueError with the reason."""
    key = _key(algorithm, text)
    if algorithm != "HS256" and not hasattr(key, "sign"):
        raise ValueError("holds a public key; to sign takes the private one")
    return key


def verifying_key(algorithm: str, text: str) -> Any:
    """What verifies tokens, from a shared secret or a public key in PEM. Raises ValueError with the reason."""
    key = _key(algorithm, text)
    if algorithm != "HS256" and not hasattr(key, "verify"):
        raise ValueError("holds a private key; to verify takes only the public one")
    return key


def _key(algorithm: str, text: str) -> Any:
    if algorithm == "HS256":
        return _secret(text)
    try:
        key: Any = jwt.get_algorithm_by_name(algorithm).prepare_key(text)
    except (ValueError, TypeError, jwt.exceptions.PyJWTError):
        raise ValueError(f"holds no key in PEM for {algorithm}") from None
    if algorithm == "RS256" and key.key_size < SHORTEST_RSA:
        raise ValueError(f"holds a key of {key.key_size} bits; {SHORTEST_RSA} are the least")
    return key


def _secret(text: str) -> bytes:
    secret = text.strip().encode()
    if b"-----BEGIN " in secret:
        raise ValueError("holds a key in PEM; HS256 takes a secret that both sides share")
    if is_ssh_key(secret):
        raise ValueError("holds a key for SSH; HS256 takes a secret that both sides share")
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"holds a secret of {len(secret)} bytes; {SHORTEST_SECRET} are the least")
    return secret
