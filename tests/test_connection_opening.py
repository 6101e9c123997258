"""How one player's WebSocket is opened, or refused, byte by byte, in memory."""

from __future__ import annotations

from autobahn.twisted.websocket import WebSocketServerProtocol

from matchd.websocket.connection import PlayerConnection
from tests.support.wire import (
    HEADERS,
    PortCase,
    frame,
    request,
)


class OpeningTests(PortCase):
    def test_a_websocket_on_our_path_is_opened(self) -> None:
        """The answer names neither a product nor an extension; the conversation begins."""
        port = self.port()
        client, listener = port.open()
        self.assertEqual(
            client.head,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        )
        self.assertIs(listener.outlet, client.connection)
        self.assertEqual(client.rest, b"")

    def test_each_client_has_a_websocketserverprotocol_of_its_own(self) -> None:
        """Autobahn's, that is."""
        port = self.port()
        first, second = port.open()[0].connection, port.open()[0].connection
        self.assertIsInstance(first, PlayerConnection)
        self.assertIsInstance(first, WebSocketServerProtocol)
        self.assertIsNot(first, second)

    def test_the_request_may_come_in_pieces(self) -> None:
        """Down to single bytes."""
        port = self.port()
        client = port.client()
        for byte in request():
            client.feed(bytes((byte,)))
        self.assertEqual(client.status, "HTTP/1.1 101 Switching Protocols")

    def test_what_comes_right_behind_the_request_is_heard(self) -> None:
        """A client need not wait to speak."""
        port = self.port()
        port.client().feed(request() + frame(b"one") + frame(b"two"))
        self.assertEqual(port.listeners[0].received, [b"one", b"two"])

    def test_compression_is_not_accepted(self) -> None:
        """However it is offered; a compressed frame breaks the protocol then."""
        port = self.port()
        for offer in ("permessage-deflate", "permessage-deflate; client_max_window_bits=99; x=y"):
            client, _ = port.open(f"Sec-WebSocket-Extensions: {offer}")
            self.assertEqual(client.status, "HTTP/1.1 101 Switching Protocols")
            self.assertNotIn("Extensions", client.head)
        client.feed(frame(b"x", first=0xC1))
        self.assertEqual(client.closed, (1002, "RSV = 4 and no extension negotiated"))

    def test_subprotocols_are_not_chosen(self) -> None:
        """There is only one thing to speak."""
        port = self.port()
        client, _ = port.open("Sec-WebSocket-Protocol: chat")
        self.assertNotIn("Protocol:", client.head)


class RefusedRequestTests(PortCase):
    def refused(self, data: bytes, status: str, body: str, reason: str, origins: tuple[str, ...] = ()) -> str:
        """A first chunk that is answered with ``status`` and the end; counted as ``reason``."""
        port = self.port(origins=origins)
        client = port.client()
        client.feed(data)
        self.assertEqual((client.status, client.rest.decode()), (f"HTTP/1.1 {status}", body and f"{body}\n"))
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual(port.gateway.refused, {reason: 1})
        client.feed(request() + frame(b"more"))
        client.hang_up()
        self.assertEqual((port.listeners, port.gateway.refused, port.gateway.closed), ([], {reason: 1}, {}))
        return client.head

    def test_another_path_is_not_found(self) -> None:
        """With a perfect WebSocket request, before any upgrade."""
        for path in ("/", "/ws", "/ws/x", "/metrics"):
            self.refused(request(path), "404 Not Found", "there is nothing but /ws/", "path")

    def test_plain_http_to_another_path_is_not_found(self) -> None:
        """A browser that lost its way, whatever its method."""
        for method in ("GET", "POST", "HEAD"):
            data = f"{method} /index.html HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            self.refused(data, "404 Not Found", "there is nothing but /ws/", "path")

    def test_plain_http_to_our_path_requires_an_upgrade(self) -> None:
        """And the answer says to what."""
        head = self.refused(
            b"GET /ws/ HTTP/1.1\r\nHost: x\r\n\r\n", "426 Upgrade Required", "HTTP Upgrade header missing", "plain_http"
        )
        self.assertIn("\r\nUpgrade: websocket", head)

    def test_a_request_never_redirects(self) -> None:
        """Autobahn's status page would."""
        data = b"GET /ws/?redirect=http%3A%2F%2Fevil.example%2F HTTP/1.1\r\nHost: x\r\n\r\n"
        self.refused(data, "426 Upgrade Required", "HTTP Upgrade header missing", "plain_http")

    def test_another_method(self) -> None:
        """Only GET opens a WebSocket."""
        data = request().replace(b"GET", b"POST")
        self.refused(data, "405 Method Not Allowed", 'HTTP method "POST" not allowed', "handshake")

    def test_another_version_of_the_protocol(self) -> None:
        """The answer names the one that is spoken."""
        head = self.refused(
            request().replace(b"Version: 13", b"Version: 8"),
            "400 Bad Request",
            "WebSocket version 8 not supported (supported versions: 13)",
            "handshake",
        )
        self.assertIn("\r\nSec-WebSocket-Version: 13", head)

    def test_a_key_that_is_none(self) -> None:
        """And any other header that is missing or wrong."""
        data = request(headers=tuple(line for line in HEADERS if "Key" not in line))
        self.refused(data, "400 Bad Request", "HTTP Sec-WebSocket-Key header missing", "handshake")

    def test_garbage(self) -> None:
        """Is a bad request."""
        self.refused(b"hello\r\n\r\n", "400 Bad Request", 'Bad HTTP request status line "hello"', "handshake")

    def test_a_head_that_is_too_long(self) -> None:
        """Is refused before it has ended."""
        status, body = "431 Request Header Fields Too Large", "more than 8192 bytes"
        self.refused(b"GET /ws/ HTTP/1.1\r\nX: " + b"a" * 8192, status, body, "handshake")

    def test_a_head_with_too_many_headers(self) -> None:
        """However short they are."""
        status, body = "431 Request Header Fields Too Large", "more than 64 headers"
        self.refused(b"GET /ws/ HTTP/1.1\r\n" + b"A: b\r\n" * 65, status, body, "handshake")

    def test_a_foreign_origin(self) -> None:
        """Where origins are listed, no other page may connect."""
        for origin in ("https://evil.example", "http://game.example", "null"):
            data = request("/ws/", f"Origin: {origin}")
            body = "this origin may not connect"
            self.refused(data, "403 Forbidden", body, "origin", origins=("https://game.example",))

    def test_two_origins(self) -> None:
        """Is no request of a browser."""
        data = request("/ws/", "Origin: https://game.example", "Origin: https://game.example")
        body = "HTTP Origin header appears more than once in opening handshake request"
        self.refused(data, "400 Bad Request", body, "handshake", origins=("https://game.example",))

    def test_a_listed_origin_may_connect(self) -> None:
        """With its default port or without; and a native client, which has none."""
        port = self.port(origins=("https://game.example",))
        for extra in ("Origin: https://game.example", "Origin: https://game.example:443", "X: y"):
            self.assertEqual(port.open(extra)[0].status, "HTTP/1.1 101 Switching Protocols")

    def test_without_a_list_any_origin_may_connect(self) -> None:
        """Also a page from a file."""
        port = self.port()
        for origin in ("https://anywhere.example", "file:///x.html"):
            self.assertEqual(port.open(f"Origin: {origin}")[0].status, "HTTP/1.1 101 Switching Protocols")

    def test_nobody_is_an_origin_that_has_to_be_listed(self) -> None:
        """Any page can send `null`, by a frame in a sandbox: it may not connect unless it is listed by its name."""
        for origins, status in (((), 403), (("https://game.example",), 403), (("null",), 101), (("*",), 101)):
            client = self.port(origins=origins).visitor("Origin: null")
            self.assertEqual(int(client.status.split()[1]), status, origins)

    def test_a_request_that_never_comes(self) -> None:
        """Is waited for five seconds, then the socket is dropped."""
        port = self.port()
        client = port.client()
        client.feed(b"GET /ws/ HTTP/1.1\r\n")
        port.clock.advance(4.99)
        self.assertFalse(client.wire.disconnecting)
        port.clock.advance(0.01)
        self.assertTrue(client.wire.aborted)
        self.assertEqual(port.gateway.refused, {"handshake": 1})

    def test_a_visitor_who_hangs_up_is_not_refused(self) -> None:
        """Such as a load balancer that looks whether somebody is there."""
        port = self.port()
        port.client().hang_up()
        self.assertEqual((port.gateway.refused, port.gateway.closed, port.gateway.connections), ({}, {}, 0))

    def test_an_answer_that_is_not_read_is_not_kept_for_ever(self) -> None:
        """The socket is dropped two seconds later."""
        port = self.port()
        client = port.client()
        client.feed(request("/"))
        self.assertFalse(client.wire.aborted)
        port.clock.advance(2)
        self.assertTrue(client.wire.aborted)


class CredentialTests(PortCase):
    """A token that comes with the request is for the conversation, before any message."""

    def test_header(self) -> None:
        """As an ``Authorization``."""
        port = self.port()
        port.client().feed(request("/ws/", "Authorization: Bearer a.b.c") + frame(b"one"))
        self.assertEqual((port.listeners[0].presented, port.listeners[0].received), (["a.b.c"], [b"one"]))

    def test_protocol(self) -> None:
        """As a sub-protocol, of which only the other is agreed to."""
        client, listener = self.port().open("Sec-WebSocket-Protocol: matchd, bearer.a.b.c")
        self.assertEqual(listener.presented, ["a.b.c"])
        self.assertIn("\r\nSec-WebSocket-Protocol: matchd\r\n", client.head + "\r\n")
        self.assertNotIn("bearer", client.head)

    def test_another_protocol(self) -> None:
        """Is not agreed to."""
        client, listener = self.port().open("Sec-WebSocket-Protocol: chat, bearer.a.b.c")
        self.assertEqual(listener.presented, ["a.b.c"])
        self.assertNotIn("Protocol:", client.head)

    def test_url(self) -> None:
        """One in the URL is nobody's (T3)."""
        port = self.port()
        client = port.client()
        client.feed(request("/ws/?token=a.b.c&access_token=a.b.c"))
        self.assertEqual((client.status, port.listeners[0].presented), ("HTTP/1.1 101 Switching Protocols", []))

    def test_none(self) -> None:
        """A connection without one keeps nothing of it, nor does one with."""
        for extra in ((), ("Authorization: Bearer a.b.c",)):
            client, _ = self.port().open(*extra)
            self.assertNotIn("_credential", vars(client.connection))
