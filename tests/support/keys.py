"""Keys for tests: a shared secret, and pairs for every other algorithm."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = "a secret that both sides share, long enough"


@cache
def pair(algorithm: str) -> tuple[str, str]:
    """What signs and what verifies, as text; made once."""
    return new_pair(algorithm)


def new_pair(algorithm: str) -> tuple[str, str]:
    """Another one."""
    if algorithm == "HS256":
        return SECRET, SECRET
    match algorithm:
        case "EdDSA":
            private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
            private = ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        case _:
            private = rsa.generate_private_key(65537, 2048)
    return _private(private), _public(private)


@cache
def short_rsa() -> str:
    """A private RSA key that is too short."""
    return _private(rsa.generate_private_key(65537, 1024))


@cache
def other_curve() -> str:
    """A private key on a curve that ES256 does not mean."""
    return _private(ec.generate_private_key(ec.SECP384R1()))


def _private(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


def _public(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
