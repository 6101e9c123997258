"""Where Redis is and how to get in: what the option ``--redis`` says, as a value.

The forms are ``redis://user:password@host:6379/0``, ``rediss://host:6379/0?ca=/ca.pem``,
``unix:///run/redis.sock?db=1`` and ``sentinel://h1:26379,h2:26379/NAME?db=1``. User, password, host and path
are percent-decoded. No complaint about a bad one quotes it, for there may be a password in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from matchd.errors import StartupError

REDIS_PORT = 6379
SENTINEL_PORT = 26379
LONGEST_SOCKET_PATH = 107
"""Bytes; the kernel's limit for the path of a unix socket."""

_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One of: a host (``tls`` or not), a unix socket (``path``), or sentinels (``hosts``) that know ``primary``."""

    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    primary: str = ""
    db: int = 0
    username: str = ""
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str = ""

    def __str__(self) -> str:
        """Where it is, for a log: no user, no password."""
        if self.path:
            return f"unix://{self.path}"
        scheme = "sentinel" if self.primary else "rediss" if self.tls else "redis"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{scheme}://{hosts}/{self.primary or self.db}"


class _Url(NamedTuple):
    """The parts of a URL: credentials decoded, the rest as it was written."""

    scheme: str
    username: str
    password: str | None
    hosts: str
    path: str
    query: str


def parse(url: str, password: str = "") -> RedisAddress:
    """The address in ``url``, with the ``password`` if there is none in it.

    Raises StartupError, one line that begins with ``redis: ``, for a bad one.
    """
    parts = _with_password(_split(url), password)
    read = _SCHEMES.get(parts.scheme)
    if read is None:
        raise _bad(f"the scheme must be one of {', '.join(_SCHEMES)}")
    return read(parts)


def _bad(complaint: str) -> StartupError:
    return StartupError(f"redis: {complaint}")


def _split(url: str) -> _Url:
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise _bad("the scheme is missing: write redis://host:6379/0")
    if "#" in rest:
        raise _bad("a # must be written as %23")
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    userinfo, _, hosts = authority.rpartition("@")
    username, colon, password = userinfo.partition(":")
    given = colon and (username or password)
    return _Url(scheme.lower(), unquote(username), unquote(password) if given else None, hosts, slash + path, query)


def _with_password(url: _Url, password: str) -> _Url:
    if password and url.password is not None:
        raise _bad("there is a password in it, and redis_password is set too; keep one of them")
    if url.username and url.password is None and not password:
        raise _bad("a user needs a password: set redis_password_file, or write user:password@host")
    return url._replace(password=password) if password else url


def _redis(url: _Url) -> RedisAddress:
    tls = url.scheme == "rediss"
    parameters = _parameters(url, "ca") if tls else _parameters(url)
    return RedisAddress(
        hosts=(_host(url.hosts, REDIS_PORT),),
        db=_db(url.path.strip("/")),
        username=url.username,
        password=url.password,
        tls=tls,
        ca=parameters.get("ca", ""),
    )


def _unix(url: _Url) -> RedisAddress:
    path = unquote(url.path)
    if url.hosts or path.strip("/") == "":
        raise _bad("a unix socket needs an absolute path: write unix:///run/redis.sock")
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise _bad(f"the path of a unix socket has at most {LONGEST_SOCKET_PATH} bytes")
    db = _db(_parameters(url, "db").get("db", ""))
    return RedisAddress(path=path, db=db, username=url.username, password=url.password)


def _sentinel(url: _Url) -> RedisAddress:
    hosts = tuple(_host(host, SENTINEL_PORT) for host in url.hosts.split(","))
    primary = unquote(url.path).strip("/")
    if not primary or "/" in primary:
        raise _bad("sentinels need the name of the primary: write sentinel://host:26379/NAME")
    db = _db(_parameters(url, "db").get("db", ""))
    return RedisAddress(hosts=hosts, primary=primary, db=db, username=url.username, password=url.password)


_SCHEMES: dict[str, Callable[[_Url], RedisAddress]] = {
    "redis": _redis,
    "rediss": _redis,
    "unix": _unix,
    "sentinel": _sentinel,
}


def _host(text: str, default_port: int) -> tuple[str, int]:
    """Host and port; an IPv6 address stands in brackets."""
    match = _HOST.fullmatch(text)
    if match is None:
        raise _bad("the host is not well-formed")
    host = match["ipv6"] or unquote(match["name"])
    if not host:
        raise _bad("the host is missing")
    return host, default_port if match["port"] is None else _port(match["port"])


def _port(text: str) -> int:
    if not _is_number(text) or not 0 < int(text) < 65536:
        raise _bad("the port must be a number from 1 to 65535")
    return int(text)


def _db(text: str) -> int:
    if text and not _is_number(text):
        raise _bad("the database must be a number, 0 or more")
    return int(text or 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _parameters(url: _Url, *known: str) -> dict[str, str]:
    """What stands behind the ``?``: each parameter known, and once."""
    parameters: dict[str, str] = {}
    for parameter in filter(None, url.query.split("&")):
        name, _, value = parameter.partition("=")
        if name not in known or name in parameters:
            raise _bad(f"what may stand behind the ? of {url.scheme}://, once: {', '.join(known) or 'nothing'}")
        parameters[name] = unquote(value)
    return parameters
