"""Who is turned away before a connection is a WebSocket: the rules, without a connection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.handshake import canonical, credential, is_welcome, objection, refusal
from matchd.websocket.limits import DEFAULTS
from tests.support.properties import patient

LONG = ("more than 8192 bytes", 431)
MANY = ("more than 64 headers", 431)
NOWHERE = ("there is nothing but /ws/", 404)


def head(path: str = "/ws/", *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", *headers, "", ""]).encode()


class ObjectionTests(SynchronousTestCase):
    def test_none_against_our_path(self) -> None:
        """With or without a query."""
        for path in ("/ws/", "/ws/?", "/ws/?a=1&b=/x"):
            self.assertIsNone(objection(head(path), DEFAULTS), path)

    def test_any_other_path_is_nowhere(self) -> None:
        """Also one that nearly is ours."""
        for path in ("/", "/ws", "/ws/x", "/WS/", "//ws/", "/ws/#x", "/%77s/", "*", "http://localhost/ws/", "/metrics"):
            self.assertEqual(objection(head(path), DEFAULTS), NOWHERE, path)

    def test_what_is_no_request_line_is_left_to_the_parser(self) -> None:
        """It has an answer of its own for it."""
        for data in (b"\r\n\r\n", b"hello\r\n\r\n", b"GET /nope\r\n\r\n", b"GET / b HTTP/1.1\r\n\r\n"):
            self.assertIsNone(objection(data, DEFAULTS), data)

    def test_a_head_may_have_8192_bytes_with_its_empty_line(self) -> None:
        """One more is too long."""
        room = 8192 - len(head("/ws/", "X: "))
        self.assertIsNone(objection(head("/ws/", "X: " + "a" * room), DEFAULTS))
        self.assertEqual(objection(head("/ws/", "X: " + "a" * (room + 1)), DEFAULTS), LONG)

    def test_frames_behind_the_head_do_not_count(self) -> None:
        """A client may send at once what it has to say."""
        self.assertIsNone(objection(head() + bytes(10_000), DEFAULTS))

    def test_a_head_without_end_is_refused_when_it_can_no_longer_fit(self) -> None:
        """It is not waited for."""
        self.assertIsNone(objection(b"a" * 8192, DEFAULTS))
        self.assertEqual(objection(b"a" * 8193, DEFAULTS), LONG)

    def test_a_head_may_have_64_headers(self) -> None:
        """One more is too many, complete or not, and however the lines end."""
        self.assertIsNone(objection(head("/ws/", *["A: b"] * 64), DEFAULTS))
        self.assertEqual(objection(head("/ws/", *["A: b"] * 65), DEFAULTS), MANY)
        self.assertEqual(objection(b"GET /ws/ HTTP/1.1\r\n" + b"A: b\n" * 65, DEFAULTS), MANY)
        self.assertEqual(objection(b"GET /ws/ HTTP/1.1\r\n" + b"A: b\r" * 65, DEFAULTS), MANY)

    @patient
    @given(st.binary(max_size=200))
    def test_nothing_makes_it_fail(self, data: bytes) -> None:
        """Whatever comes first on a new connection."""
        objection(data, DEFAULTS)
        objection(b"GET " + data + b" HTTP/1.1\r\n\r\n", DEFAULTS)


class RefusalTests(SynchronousTestCase):
    def test_it_is_a_complete_response(self) -> None:
        """The status with its usual phrase, why, and that it was all."""
        self.assertEqual(
            refusal(404, "there is nothing but /ws/"),
            b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: 26\r\n\r\nthere is nothing but /ws/\n",
        )

    def test_upgrade_required_says_to_what(self) -> None:
        """As HTTP demands of a 426."""
        self.assertIn(b"\r\nUpgrade: websocket\r\n", refusal(426, "x"))

    def test_further_headers_are_sent(self) -> None:
        """Such as the versions that are spoken."""
        self.assertIn(b"\r\nSec-WebSocket-Version: 13\r\n", refusal(400, "x", [("Sec-WebSocket-Version", "13")]))


class OriginTests(SynchronousTestCase):
    def test_origins_are_compared_with_their_ports_and_in_lower_case(self) -> None:
        """A default port may be written or not."""
        self.assertEqual(canonical("https://Game.Example"), "https://game.example:443")
        self.assertEqual(canonical("https://game.example:443/"), "https://game.example:443")
        self.assertEqual(canonical("http://game.example"), "http://game.example:80")
        self.assertEqual(canonical("http://[::1]:9000"), "http://::1:9000")

    def test_what_is_no_origin_stays_as_it_is(self) -> None:
        """It equals nothing but itself."""
        for text in ("null", "*", "", "game.example", "http://[", "https://game.example:port"):
            self.assertEqual(canonical(text), text)

    def test_a_listed_origin_is_welcome(self) -> None:
        """However it spells its port."""
        allowed = {canonical("https://game.example"), canonical("http://localhost:3000")}
        for origin in (
            "https://game.example",
            "https://game.example:443",
            "HTTPS://GAME.EXAMPLE",
            "http://localhost:3000",
        ):
            self.assertTrue(is_welcome(origin, allowed), origin)

    def test_a_similar_origin_is_not(self) -> None:
        """Neither a subdomain, nor one that ends or begins alike, nor another scheme or port, nor a hidden one."""
        allowed = {canonical("https://game.example")}
        for origin in (
            "https://evil.game.example", "https://evilgame.example", "https://game.example.evil.com",
            "https://game.example@evil.com", "http://game.example", "https://game.example:8443", "null", "file://",
            "https://", "*",
        ):  # fmt: skip
            self.assertFalse(is_welcome(origin, allowed), origin)

    def test_native_clients_send_none_and_are_welcome(self) -> None:
        """Only browsers can be led astray."""
        self.assertTrue(is_welcome("", {canonical("https://game.example")}))

    def test_without_a_list_any_is_welcome(self) -> None:
        """The same as a star, but for `null`, which has to be named."""
        self.assertTrue(is_welcome("https://anywhere.example", ()))
        self.assertFalse(is_welcome("null", ()))
        self.assertTrue(is_welcome("null", {"null"}))
        self.assertTrue(is_welcome("null", {"*"}))

    @patient
    @given(st.text(max_size=40))
    def test_nothing_makes_it_fail(self, origin: str) -> None:
        """Whatever a header holds."""
        is_welcome(origin, {canonical("https://game.example")})


class CredentialTests(SynchronousTestCase):
    """The token that comes with a request."""

    def test_header(self) -> None:
        """As ``Authorization``; it wins over another."""
        for scheme in ("Bearer", "bearer", "BEARER"):
            self.assertEqual(credential({"authorization": f"{scheme}  a.b.c "}, ["bearer.d.e.f"]), "a.b.c")

    def test_protocol(self) -> None:
        """As a sub-protocol, whatever others there are, and whatever else a proxy authorizes by."""
        for header in ({}, {"authorization": "Basic YTpi"}, {"authorization": ""}):
            self.assertEqual(credential(header, ["matchd", "x", "bearer.a.b.c"]), "a.b.c")

    def test_none(self) -> None:
        """Nothing else is one."""
        for header, protocols in (({}, []), ({}, ["matchd", "bearer"]), ({"authorization": "Bearer"}, ["matchd"])):
            self.assertEqual(credential(header, protocols), "")
