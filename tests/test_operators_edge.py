"""What one connection to the operators' port may cost, and what the page may do."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from matchd.operators.channel import PATIENCE_S
from tests.support.operators import Browser, MadeUpNode, Reply, error, hang_up

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
TOO_LARGE = (413, error("body: more than 4096 bytes"))


class Edge(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = MadeUpNode()
        self.browser = Browser(self.node, max_connections=3)

    def test_headers(self) -> None:
        """No answer says what software gives it, may be kept, framed, or read by another site's page."""
        for raw in (LIVE, b"OPTIONS * HTTP/1.1\r\n\r\n", b"GET /x HTTP/1.1\r\n\r\n", self.put(5000)):
            headers = Reply.read(self.browser.send(raw)).headers
            self.assertNotIn("Server", headers)
            self.assertFalse([name for name in headers if name.lower().startswith("access-control")])
            self.assertEqual("nosniff", headers["X-Content-Type-Options"])
            self.assertEqual("DENY", headers["X-Frame-Options"])
            self.assertEqual("no-store", headers["Cache-Control"])
            self.assertEqual("no-referrer", headers["Referrer-Policy"])
            self.assertEqual("same-origin", headers["Cross-Origin-Resource-Policy"])
            self.assertEqual("default-src 'none'; frame-ancestors 'none'", headers["Content-Security-Policy"])

    def put(self, length: int, more: str = "") -> bytes:
        return f"PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {length}\r\n\r\n".encode()

    def test_largest_body(self) -> None:
        """A body of 4 KiB is read."""
        body = b'{"address":"h:1"}'.ljust(4096)
        self.assertIn(b"200 OK", self.browser.send(self.put(4096) + body))

    def test_announced_too_large(self) -> None:
        """A larger one is refused before any of it has come, and what comes nevertheless is not read."""
        for more in ("", "Expect: 100-continue\r\n"):
            channel, wire = self.browser.connect()
            channel.dataReceived(self.put(10**12, more))
            self.assertTrue(wire.disconnecting)
            channel.dataReceived(b" " * 10**6 + LIVE)
            self.assertEqual(TOO_LARGE, tuple(Reply.read(wire.value())))
            self.assertEqual(1, wire.value().count(b"HTTP/1.1"))
            hang_up(channel)

    def test_chunks_too_large(self) -> None:
        """One that does not say how long it is, is refused when it has become too long."""
        head = b"PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"800\r\n" + b" " * 0x800 + b"\r\n"
        raw = self.browser.send(head + 3 * chunk + b"0\r\n\r\n" + LIVE)
        self.assertEqual(TOO_LARGE, tuple(Reply.read(raw)))
        self.assertEqual(1, raw.count(b"HTTP/1.1"))
        self.assertEqual({}, self.node.registry)

    def test_ambiguous_bodies(self) -> None:
        """A request whose end two readers could see in two places is refused (T35)."""
        for headers in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length : 5",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: chunked\r\n\r\nx\r\n",
            "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0",
        ):
            raw = self.browser.send(f"PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode())
            self.assertEqual(b"HTTP/1.1 400 Bad Request\r\n\r\n", raw, headers)

    def test_no_http(self) -> None:
        """What is no HTTP is refused, and so are headers that do not end."""
        for raw in (
            b"hello\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + 65 * b"a: b\r\n" + b"\r\n",
            b"GET /" + b"x" * 9000 + b"\r\n",
        ):
            self.assertEqual(b"HTTP/1.1 400 Bad Request\r\n\r\n", self.browser.send(raw))

    def test_one_request(self) -> None:
        """A second request on the same connection is not read."""
        raw = self.browser.send(LIVE + LIVE)
        self.assertEqual(1, raw.count(b"HTTP/1.1"))
        self.assertEqual("close", Reply.read(raw).headers["Connection"])

    def test_slow_request(self) -> None:
        """Who has not sent a request in time is cut off; a byte now and then does not help."""
        channel, wire = self.browser.connect()
        for byte in LIVE[:PATIENCE_S]:
            self.assertFalse(wire.aborted)
            channel.dataReceived(bytes([byte]))
            self.browser.clock.advance(1)
        self.assertTrue(wire.aborted)

    def test_unread_answer(self) -> None:
        """Who does not read the answer is cut off as well."""
        channel, wire = self.browser.connect()
        channel.dataReceived(LIVE)
        self.assertTrue(wire.disconnecting)
        self.browser.clock.advance(PATIENCE_S)
        self.assertTrue(wire.aborted)

    def test_slow_answer(self) -> None:
        """Who waits for us is not cut off."""
        self.node.pending = Deferred()
        channel, wire = self.browser.connect()
        channel.dataReceived(b"GET /v1/modes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.browser.clock.advance(10 * PATIENCE_S)
        self.assertFalse(wire.aborted)
        self.node.pending.callback(None)
        self.assertEqual(200, Reply.read(wire.value()).status)

    def test_nothing_left(self) -> None:
        """A connection that has gone leaves no timer and is not counted."""
        self.browser.site.doStart()
        for raw in (LIVE, LIVE[:10], self.put(5000), b""):
            self.browser.send(raw)
        self.browser.site.doStop()
        self.assertEqual([], self.browser.clock.getDelayedCalls())
        self.assertEqual((set(), {}), (self.browser.site.connections, self.browser.site.silent))


class Page(SynchronousTestCase):
    def setUp(self) -> None:
        self.reply = Browser(MadeUpNode()).get("/")

    def test_served(self) -> None:
        """A browser gets a page."""
        self.assertEqual(200, self.reply.status)
        self.assertEqual("text/html; charset=utf-8", self.reply.headers["Content-Type"])
        self.assertTrue(self.reply.text.startswith("<!doctype html>"))

    def test_without_token(self) -> None:
        """Without the token the answer is 401 all the same, but its text is the page, which asks for the token."""
        reply = Browser(MadeUpNode(), token="s3cret").get("/", Host="ops.example.com")
        self.assertEqual((401, self.reply.text), tuple(reply))
        self.assertEqual('Bearer realm="matchd"', reply.headers["WWW-Authenticate"])
        self.assertEqual(self.reply.headers["Content-Security-Policy"], reply.headers["Content-Security-Policy"])

    def test_policy(self) -> None:
        """The browser runs this script and no other, and talks to nobody else."""
        script, style = (
            b64encode(
                sha256(re.search(f"<{tag}>(.*)</{tag}>", self.reply.text, re.DOTALL)[1].encode()).digest()
            ).decode()
            for tag in ("script", "style")
        )
        expected = (
            f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self.assertEqual(expected, self.reply.headers["Content-Security-Policy"])

    def hash_of(self, tag: str) -> str:
        text = re.search(f"<{tag}>(.*)</{tag}>", self.reply.text, re.DOTALL)[1]
        return b64encode(sha256(text.encode()).digest()).decode()

    def test_only_text(self) -> None:
        """Whatever players and game servers call themselves is shown as text; nothing is loaded from elsewhere."""
        for risk in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "http:",
            "https:",
            "src=",
        ):
            self.assertNotIn(risk, self.reply.text)
        self.assertNotRegex(self.reply.text, r"\son\w+=|\sstyle=")
