"""``[auth]``: who may play, and by which keys that is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from matchd.auth.keyset import read_jwks, single
from matchd.config.endpoints import is_loopback
from matchd.config.secrets import Secrets
from matchd.config.table import VISIBLE, Form, Table
from matchd.keys import ALGORITHMS


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can exchange what a URL answers; one with a password in it would be logged."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    named = parts.hostname and parts.username is None
    return bool(VISIBLE.fits(url) and named and (plain or parts.scheme == "https"))


KEY = Form(re.compile(r"[\t\r\n -~]{1,16384}").fullmatch, "a secret of visible ASCII characters, or a key in PEM")
URL = Form(_is_safe, '"https://host/path", or "http:" on loopback')


@dataclass(frozen=True, slots=True)
class Auth:
    """All of it. One of ``key``, ``jwks_file`` and ``jwks_url`` is set where ``mode`` is jwt.

    No ``audience`` and no ``issuer`` are any; times are in seconds.
    """

    mode: str = "none"
    algorithm: str = "HS256"
    key: str = field(default="", repr=False)
    jwks_file: Path | None = None
    jwks_url: str = ""
    jwks_refresh: float = 300.0
    audience: str = ""
    issuer: str = ""
    leeway: float = 10.0
    expiry_grace: float = 30.0


def read_auth(table: Table, secrets: Secrets) -> Auth:
    """The table ``auth``."""
    mode = table.choice("mode", ("none", "jwt"))
    algorithm = table.choice("algorithm", ALGORITHMS)
    public = algorithm != "HS256"
    jwks_file, jwks = secrets.read_file(table, "jwks_file", public)
    auth = Auth(
        mode=mode,
        algorithm=algorithm,
        key=secrets.read(table, "key", KEY, public),
        jwks_file=jwks_file,
        jwks_url=table.text("jwks_url", form=URL),
        jwks_refresh=table.number("jwks_refresh", 300, 10, 86_400),
        audience=table.text("audience"),
        issuer=table.text("issuer"),
        leeway=table.number("leeway", 10, 0, 300),
        expiry_grace=table.number("expiry_grace", 30, 0, 3600),
    )
    table.refuse_unknown()
    _check_keys(table, auth, jwks, [key for key in _places(table, secrets) if key])
    if mode == "jwt" and not auth.audience:
        secrets.warnings.append(f"{table.name('audience')} is not set: tokens made for other services will do")
    return auth


def _places(table: Table, secrets: Secrets) -> tuple[str, ...]:
    """The keys of the table that say where keys are."""
    key = ("key_file" if "key_file" in table else "key") if secrets.is_given(table, "key") else ""
    return key, *(name for name in ("jwks_file", "jwks_url") if name in table)


def _check_keys(table: Table, auth: Auth, jwks: str, places: list[str]) -> None:
    if auth.mode == "none":
        for place in places:
            table.refuse(place, 'it is of no use while auth.mode is none; set mode = "jwt"')
    elif not places:
        table.refuse("mode", "jwt takes a key: set key_file, jwks_file or jwks_url")
    elif len(places) > 1:
        table.refuse(places[1], f"{places[0]} is set too; keep one of them")
    elif auth.jwks_url and auth.algorithm == "HS256":
        table.refuse("jwks_url", "HS256 has a secret, and no key that could be published; set algorithm")
    else:
        _check_key(table, auth, jwks, places[0])


def _check_key(table: Table, auth: Auth, jwks: str, place: str) -> None:
    try:
        if jwks:
            read_jwks(auth.algorithm, jwks)
        elif auth.key:
            single(auth.algorithm, auth.key)
    except ValueError as error:
        table.refuse(place, str(error))
