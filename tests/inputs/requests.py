"""What may come instead of an opening request, by what is wrong, each with the HTTP status that answers it."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.wire import HEADERS, request


class Request(NamedTuple):
    """Bytes on a new connection, and the status that it is refused with; 0: it is cut when the time is up."""

    sent: bytes
    status: int


BAD, NOWHERE, METHOD, UPGRADE, TOO_LARGE, VERSION = 400, 404, 405, 426, 431, 505
KEY = "Sec-WebSocket-Key"


def instead(name: str, *lines: str) -> bytes:
    """A good request but for the header ``name``, in whose place there are these lines."""
    return request("/ws/", *lines, headers=tuple(line for line in HEADERS if not line.startswith(f"{name}:")))


def line(text: str | bytes) -> bytes:
    """A good request but for its first line."""
    _, _, rest = request().partition(b"\r\n")
    return (text.encode() if isinstance(text, str) else text) + b"\r\n" + rest


PATHS = [
    Request(request(path), NOWHERE)
    for path in (
        "/", "/ws", "/ws/x", "/WS/", "/Ws/", "//ws/", "/ws//", "/./ws/", "/x/../ws/", "/ws/../ws/", "/ws/.", "/ws/..", "/ws/%20",
        "/%77s/", "/ws%2F", "/ws/%00", "/ws/;x", "/ws/#x", "/ws#x", "\\ws\\", "ws/", "*", "/*", "http://localhost/ws/", "ws://localhost/ws/",
        "//localhost/ws/", "localhost:8080", "/metrics", "/health/live", "/health/ready", "/v1/servers", "/v1/sessions", "/v1/modes",
        "/v1/totals", "/v1/invariants", "/admin", "/favicon.ico", "/robots.txt", "/index.html", "/.env", "/.git/config",
        "/session/create", "/" + "a" * 7000, "/?redirect=http://evil.example/", "/\x7f", "/ä/", "/ws/\u2028", "/ws/\\r\\nX:",
    )
] + [
    Request(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), NOWHERE)
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "BREW")
    for path in ("/", "/metrics")
]  # fmt: skip

METHODS = [
    Request(request().replace(b"GET", method, 1), METHOD)
    for method in (b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"get", b"Get", b"GETT", b"G", b"PRI",
                   b"\xc3\xa4", b"GET\x00", b"PROPFIND")
]  # fmt: skip

VERSIONS = [
    Request(line(f"GET /ws/ {version}"), VERSION)
    for version in ("HTTP/1.0", "HTTP/0.9", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/1.2", "HTTP/1", "HTTP/11", "http/1.1", "HTTPS/1.1",
                    "ICY/1.1", "HTTP/1.1.1", "HTTP", "1.1", "HTTP/", "/1.1", "HTTP/-1.1", "HTTP/1,1", "RTSP/1.0", "SIP/2.0")
]  # fmt: skip

NO_HTTP = [
    Request(noise + b"\r\n\r\n", BAD)
    for noise in (
        b"", b" ", b"hello", b"GET", b"GET /ws/", b"GET  HTTP/1.1", b"GET /ws/ x HTTP/1.1", b"GET /a b HTTP/1.1", b"/ws/ HTTP/1.1",
        b"HTTP/1.1 200 OK x", b"PING", b"*1", b"QUIT", b"EHLO x", b"\0\0\0\0", b"\xff" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x16\x03\x03\x00\x05", b"\x05\x01\x00", b"\x80\x2e\x01\x00\x02", b"SSH-2.0-OpenSSH_9.2", b"{}", b'{"type":"dequeue"}',
        b"<policy-file-request/>\0", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", b"\r\n\r\n\0\r\nQUIT\n", b"GET\t", b"\x00GET /ws/",
    )
] + [
    Request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NOWHERE), Request(b"\r\n" + request(), BAD), Request(b"\r\n\r\n" + request(), BAD),
]  # fmt: skip

PLAIN = [
    Request(b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path, more), UPGRADE)
    for path in (b"/ws/", b"/ws/?", b"/ws/?token=x", b"/ws/?redirect=http://evil.example/", b"/ws/?redirect=http://evil.example/&after=1")
    for more in (b"", b"Connection: Upgrade\r\n", b"Accept: text/html\r\nUser-Agent: x\r\n", b"Sec-WebSocket-Version: 13\r\n")
]  # fmt: skip

HOSTS = [
    Request(instead("Host", *lines), BAD)
    for lines in ((), ("Host: a", "Host: b"), ("Host: a", "host: a"), ("Host: localhost:port",), ("Host: a:",), ("Host: a:b:c",),
                  ("Host : localhost", "Host: a"), ("Host: a:0x50",), ("Host: [::1]:x",), ("X-Host: a",))
]  # fmt: skip

UPGRADES = [
    *(Request(instead("Upgrade", f"Upgrade: {value}"), BAD) for value in (
        "", "h2c", "websockets", "web socket", "websocket/13", "tls/1.0", "\0websocket", '"websocket"', "WebSocket;q=1", "http/1.1",
    )),
    *(Request(instead("Connection", *lines), BAD) for lines in (
        (), ("Connection: ",), ("Connection: keep-alive",), ("Connection: close",), ("Connection: Upgraded",),
        ("Connection: 'Upgrade'",), ("Connection: Up grade",), ("Connection: keep-alive; Upgrade",),
    )),
]  # fmt: skip

SPOKEN = [
    *(Request(instead("Sec-WebSocket-Version", *lines), BAD) for lines in (
        (), ("Sec-WebSocket-Version: ",), ("Sec-WebSocket-Version: 0",), ("Sec-WebSocket-Version: 7",), ("Sec-WebSocket-Version: 8",),
        ("Sec-WebSocket-Version: 12",), ("Sec-WebSocket-Version: 14",), ("Sec-WebSocket-Version: 255",), ("Sec-WebSocket-Version: -13",),
        ("Sec-WebSocket-Version: 13.0",), ("Sec-WebSocket-Version: thirteen",), ("Sec-WebSocket-Version: 13, 8",),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"), ("Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 13"),
        ("Sec-WebSocket-Version: 0x0d",), (f"Sec-WebSocket-Version: {'9' * 5000}",),
    )),
    *(Request(instead(KEY, *lines), BAD) for lines in (
        (), (f"{KEY}: ",), (f"{KEY}: x",), (f"{KEY}: dGhlIHNhbXBsZSBub25jZQ",), (f"{KEY}: dGhlIHNhbXBsZSBub25jZQ=",),
        (f"{KEY}: dGhlIHNhbXBsZSBub25jZQ===",), (f"{KEY}: dGhlIHNhbXBsZSBub25jZ===",), (f"{KEY}: dGhl HNhbXBsZSBub25jZQ==",),
        (f"{KEY}: dGhlIHNhbXBsZSBub25j\0Q==",), (f"{KEY}: dGhlIHNhbXBsZSBub25j*Q==",), (f"{KEY}: {'=' * 24}",),
        (f"{KEY}: {'A' * 24}",), (f"{KEY}: {'ä' * 11}==",), (f"{KEY}: dGhlIHNhbXBsZSBub25jZQ==", f"{KEY}: dGhlIHNhbXBsZSBub25jZQ=="),
        (f"{KEY}: {'A' * 5000}==",),
    )),
    Request(request("/ws/", "Sec-WebSocket-Protocol: a, a"), BAD),
    Request(request("/ws/", "Origin: a", "Origin: b"), BAD),
    Request(request("/ws/", "Origin: https://game.example", "Origin: https://game.example"), BAD),
    Request(request("/ws/", "Origin: https://game.example:port"), BAD),
]  # fmt: skip

HEADS = [
    Request(b"GET /ws/ HTTP/1.1\r\n" + b"x" * 8192, TOO_LARGE),
    Request(b"x" * 8193, TOO_LARGE),
    Request(b"\r" * 9000, TOO_LARGE),
    Request(b"\0" * 9000, TOO_LARGE),
    Request(request("/" + "a" * 9000), TOO_LARGE),
    Request(request("/ws/?" + "a" * 9000), TOO_LARGE),
    Request(request("/ws/", "Cookie: " + "a" * 9000), TOO_LARGE),
    Request(request("/ws/", *["A: b"] * 65), TOO_LARGE),
    Request(request("/ws/", *[f"X-{number}: b" for number in range(200)]), TOO_LARGE),
    Request(b"GET /ws/ HTTP/1.1\r\n" + b"A: b\n" * 65, TOO_LARGE),
    Request(b"GET /ws/ HTTP/1.1\r\n" + b"A:\r\n" * 100, TOO_LARGE),
]

CUT_SHORT = [
    Request(data, 0)
    for data in (
        b"", b"G", b"GET", b"GET /ws/ HTTP/1.1", b"GET /ws/ HTTP/1.1\r\n", request()[:-1], request()[:-2], request()[:-4],
        request().replace(b"\r\n", b"\n"), request().replace(b"\r\n", b"\r"), request().replace(b"\r\n", b"\n\r"), b"\x16\x03\x01\x02\x00\x01",
        b"PING\r\n", b"QUIT\n", b"hello", b"\0", b"\xff\xfe", b"{}", b"x" * 8192, b"POST / HTTP/1.1\r\nContent-Length: 5\r\n", b"\r\n",
    )
]  # fmt: skip

REQUESTS = {
    "paths": PATHS,
    "methods": METHODS,
    "HTTP versions": VERSIONS,
    "no HTTP": NO_HTTP,
    "plain HTTP": PLAIN,
    "hosts": HOSTS,
    "upgrades": UPGRADES,
    "versions and keys": SPOKEN,
    "heads": HEADS,
    "cut short": CUT_SHORT,
}
"""All of them, by category."""
