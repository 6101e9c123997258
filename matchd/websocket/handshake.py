"""Who is turned away before a connection is a WebSocket, and what he is told, as HTTP has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from matchd.websocket.limits import Limits

PATH = b"/ws/"
ANY = "*"
NOBODY = "null"
SUBPROTOCOL = "matchd"
"""What is agreed to with those who ask for it: a browser can send a token only beside a sub-protocol."""

_END = b"\r\n\r\n"
_PORTS = {"http": 80, "https": 443}


def objection(data: bytes, limits: Limits, pieces: int = 1) -> tuple[str, HTTPStatus] | None:
    """What speaks against a request whose head begins with ``data``, complete or not, if anything does.

    So far it has come in so many ``pieces``.
    """
    if pieces > limits.handshake_pieces:
        return f"more than {limits.handshake_pieces} pieces", HTTPStatus.REQUEST_TIMEOUT
    head, end, _ = data.partition(_END)
    if len(head) + len(end) > limits.handshake_bytes:
        return f"more than {limits.handshake_bytes} bytes", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    if len(head.splitlines()) > 1 + limits.handshake_headers:
        return f"more than {limits.handshake_headers} headers", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    if end and not _asks_for_path(head):
        return "there is nothing but /ws/", HTTPStatus.NOT_FOUND
    return None


def _asks_for_path(head: bytes) -> bool:
    """Whether the request line names our path; one that is no request line is for the parser to refuse."""
    words = head.split(b"\r\n", 1)[0].split()
    return len(words) != 3 or words[1].split(b"?", 1)[0] == PATH


def refusal(status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The HTTP response that ends a handshake with ``status``; ``reason`` is its body."""
    body = f"{reason}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        *(["Upgrade: websocket"] if status == HTTPStatus.UPGRADE_REQUIRED else []),
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def canonical(origin: str) -> str:
    """``origin`` as ``https://game.example:443``; what is no such thing (``null``, ``*``) only in lower case."""
    text = origin.strip().lower()
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return text
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else text


def is_welcome(origin: str, allowed: Collection[str]) -> bool:
    """Whether a page of ``origin`` may connect, by the canonical origins in ``allowed``.

    Native clients send none, and may; if none is ``allowed`` by name, any is. ``null`` is what every page can make
    itself, and never is unless it is named.
    """
    if origin.strip().lower() == NOBODY:
        return ANY in allowed or NOBODY in allowed
    return not origin or not allowed or ANY in allowed or canonical(origin) in allowed


def credential(headers: Mapping[str, str], protocols: Iterable[str]) -> str:
    """The token that a request shows: as its ``Authorization``, else as a sub-protocol; empty where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return next((name.removeprefix("bearer.") for name in protocols if name.startswith("bearer.")), "")
