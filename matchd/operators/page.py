"""The page at ``/``: one static file that asks the JSON endpoints, as any other client would."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files

from twisted.web.server import Request

from matchd.operators.responses import Answer, Endpoint, Path


def page() -> Endpoint:
    """``/``, for a browser."""
    answer = _read()

    async def get(_: Request) -> Answer:
        return answer

    return Endpoint(GET=get)


def login(refusal: Answer) -> Path:
    """The page with the status and headers of a ``refusal``: it holds no secrets, and asks for the token itself."""
    answer = _read()
    return Path(replace(answer, status=refusal.status, headers=(*answer.headers, *refusal.headers)))


def _read() -> Answer:
    html = files(__package__).joinpath("page.html").read_bytes()
    return Answer(html, content_type="text/html; charset=utf-8", headers=(("Content-Security-Policy", _policy(html)),))


def _policy(html: bytes) -> str:
    """Nothing but the script and the style that stand in the file, and requests to where it came from."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(html, b'script')}",
            f"style-src {_hash(html, b'style')}",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(html: bytes, tag: bytes) -> str:
    text = re.search(b"<%s>(.*?)</%s>" % (tag, tag), html, re.DOTALL)
    assert text is not None
    return f"'sha256-{b64encode(sha256(text[1]).digest()).decode()}'"
