"""Tokens that are none, or not good here, each shown by a player who calls himself ada: ``unauthorized``, and 4003."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import NamedTuple

import jwt

from tests.support.tokens import NOW, OTHER_SECRET, SECRET, signer


class Shown(NamedTuple):
    """A token, as text."""

    token: str


def _part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(claims: dict[str, object]) -> str:
    """With the right key, whatever they are."""
    return jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, "HS256")


GOOD = signer().token("ada")
HEAD, CLAIMS, SIGNATURE = GOOD.split(".")
KNOWN = {"sub": "ada", "aud": "matchd", "iss": "https://accounts.example", "exp": NOW + 600}

NO_TOKENS = [
    Shown(text)
    for text in (
        "", " ", ".", "..", "...", "x", "a.b", "a.b.c", "a.b.c.d", "null", "{}", "Bearer x", f"Bearer {GOOD}", f" {GOOD}", f"{GOOD} ",
        f"{GOOD}\n", f"{GOOD}\0", f"{GOOD}.", f".{GOOD}", GOOD[:-1], GOOD[1:], GOOD.upper(), GOOD.replace(".", "!"), "ä.ö.ü",
        "\N{ZERO WIDTH SPACE}".join(GOOD.split(".")), "x" * 3800, "." * 3800, "=" * 100, f"{HEAD}.{CLAIMS}", f"{HEAD}.{CLAIMS}.",
        f"{HEAD}..{SIGNATURE}", f".{CLAIMS}.{SIGNATURE}", f"{CLAIMS}.{HEAD}.{SIGNATURE}", f"{HEAD}.{_part([])}.{SIGNATURE}",
        f"{_part([])}.{CLAIMS}.{SIGNATURE}", f"{_part(b'{' * 500)}.{CLAIMS}.{SIGNATURE}",
        f"{_part(b'[' * 2500)}.{CLAIMS}.{SIGNATURE}", f"{HEAD}.{_part(b'[' * 2500)}.{SIGNATURE}", f"__4.{CLAIMS}.{SIGNATURE}",
    )
]  # fmt: skip
UNSIGNED = [
    Shown(f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{CLAIMS}.{signature}")
    for algorithm in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        None,
        0,
        [],
        {},
        "HS384",
        "hs256",
        "RS256",
        "ES256",
        "EdDSA",
        "PS256",
        "HS256\0",
    )
    for signature in ("", SIGNATURE)
]
FORGED = [
    Shown(token)
    for token in (
        jwt.encode(KNOWN, OTHER_SECRET, "HS256"), jwt.encode(KNOWN, SECRET * 2, "HS384"), jwt.encode(KNOWN, SECRET * 2, "HS512"),
        jwt.encode(KNOWN, SECRET + "\n", "HS256"), signer("ES256").token("ada"), signer("EdDSA").token("ada"), signer("RS256").token("ada"),
        f"{HEAD}.{_part({**KNOWN, 'sub': 'bob'})}.{SIGNATURE}", signer().token("ada", header={"crit": ["x"], "x": 1}),
        f"{HEAD}.{CLAIMS}.{_part(b'x' * 32)}", f"{HEAD}.{CLAIMS}.{_part(bytes(32))}", f"{HEAD}.{CLAIMS}.{_part(b'x' * 1000)}",
    )
]  # fmt: skip
NOT_HERE = [
    Shown(_signed({name: claim for name, claim in (KNOWN | claims).items() if claim is not None}))
    for claims in (
        *({"sub": name} for name in (None, "", 5, ["ada"], "bob", "ADA", "ada ", " ada", "ada\n", "a:b", "ada\0", "ädä", "a" * 65, "*")),
        *({"aud": audience} for audience in (None, "", "shop", "MATCHD", "matchd ", [], ["shop"], {"matchd": 1}, 1)),
        *({"iss": issuer} for issuer in (None, "", "https://evil.example", "https://accounts.example/", "accounts.example", [], 1)),
        *({"exp": end} for end in (None, 0, -1, NOW - 60, NOW - 10**6, "", "never", "1e400", [], {}, True)),
        *({"nbf": begin} for begin in (NOW + 60, NOW + 10**6, 10**20, "later", [], {})),
    )
]  # fmt: skip

TOKENS = {"no tokens": NO_TOKENS, "unsigned tokens": UNSIGNED, "forged tokens": FORGED, "tokens for others": NOT_HERE}
"""All of them, by category."""
