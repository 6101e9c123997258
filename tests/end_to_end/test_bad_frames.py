"""What breaks the rules of WebSocket, of HTTP or of the house, and what becomes of the connection."""

from __future__ import annotations

import json
from collections import Counter
from http.client import HTTPConnection

from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.fleets import OneNodeCase
from tests.support.talking import PATIENCE, exchange, talking
from tests.support.wire import frame, request, server_frames


class BadFrameTests(OneNodeCase):
    """What breaks the rules of WebSocket or of the house closes the connection, with the code that says why."""

    def assert_closes(self, code: int, *frames: bytes) -> None:
        """Raw frames on a connection of their own: it is closed with ``code`` and hung up."""
        goodbye = frame((1000).to_bytes(2, "big"), opcode=8)
        received = exchange(self.node.player_port, request(), b"".join((*frames, goodbye)))
        head, _, rest = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        [(opcode, payload)] = server_frames(rest)
        self.assertEqual((opcode, int.from_bytes(payload[:2], "big")), (8, code))

    def test_binary(self) -> None:
        """Binary frames: 4002."""
        with talking(self.node.url) as talk:
            talk.say_binary(b'{"type":"dequeue"}')
            self.assertEqual(talk.closed(), 4002)

    def test_too_long(self) -> None:
        """4,097 bytes: 1009, in one piece or in several."""
        with talking(self.node.url) as talk:
            talk.say("x" * 4097)
            self.assertEqual(talk.closed(), 1009)
        with talking(self.node.url) as talk:
            talk.say_in_pieces("x" * 4000, "x" * 97)
            self.assertEqual(talk.closed(), 1009)

    def test_not_utf8(self) -> None:
        """Text that is not UTF-8: 1007."""
        for text in (b"\xff", b'{"type":"\xc3"}', b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            with talking(self.node.url) as talk:
                talk.say(text)
                self.assertEqual(talk.closed(), 1007, text)

    def test_broken_frames(self) -> None:
        """A frame that is not masked, has reserved bits or an opcode that there is not: 1002."""
        self.assert_closes(1002, b"\x81\x02{}")
        self.assert_closes(1002, frame(b"{}", first=0xC1))
        self.assert_closes(1002, frame(b"{}", opcode=3))
        self.assert_closes(1002, frame(b"x" * 126, opcode=9))

    def test_flood(self) -> None:
        """A thousand messages at once: some are answered, some are refused, then the connection is closed with 4008."""
        heard: Counter[str] = Counter()
        with talking(self.node.url) as talk:
            try:
                for _ in range(1000):
                    talk.say('{"type":"dequeue"}')
                while True:
                    heard[talk.hear()["code"]] += 1
            except ConnectionClosed as end:
                self.assertEqual(end.rcvd and end.rcvd.code, 4008)
        self.assertLess(heard["not_queued"], 200)

    def test_flood_read_to_the_end(self) -> None:
        """Who reads is told before that he is too fast."""
        flood = frame(b'{"type":"dequeue"}') * 1000
        _, _, rest = exchange(self.node.player_port, request(), flood).partition(b"\r\n\r\n")
        frames = server_frames(rest)
        codes = Counter(json.loads(payload)["code"] for opcode, payload in frames if opcode == 1)
        self.assertGreaterEqual(codes["rate_limited"], 1)
        self.assertGreaterEqual(codes["not_queued"], 1)
        self.assertLess(codes.total(), 200)
        self.assertEqual(int.from_bytes(frames[-1][1][:2], "big"), 4008)

    def test_many_bad_messages(self) -> None:
        """Twenty bad messages are forgiven, some more are not: 4008."""
        with talking(self.node.url) as talk:
            for _ in range(20):
                self.assertEqual(talk.answer("?")["code"], "invalid_json")
            for _ in range(10):
                talk.say("?")
            self.assertEqual(talk.closed(), 4008)


class NoWebSocketTests(OneNodeCase):
    """What is refused before it is a WebSocket."""

    def status(self, path: str, **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.node.player_port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            self.assertTrue(response.read().endswith(b"\n"))
            return response.status
        finally:
            connection.close()

    def test_another_path(self) -> None:
        """Any other path: 404, whether a WebSocket is asked for or not."""
        for path in ("/", "/ws", "/ws/x", "/favicon.ico", "/WS/"):
            self.assertEqual(self.status(path), 404)
            with self.assertRaises(InvalidStatus) as caught, talking(self.node.url.replace("/ws/", path)):
                pass
            self.assertEqual(caught.exception.response.status_code, 404)

    def test_plain_http(self) -> None:
        """Plain HTTP: 426, with what to upgrade to."""
        self.assertEqual(self.status("/ws/"), 426)
        answer = exchange(self.node.player_port, b"GET /ws/ HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertIn(b"\r\nUpgrade: websocket\r\n", answer)

    def test_noise(self) -> None:
        """What is not HTTP at all is answered with 400, and hung up."""
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"PING\r\n\r\n", b"GET /ws/\r\n\r\n"):
            self.assertTrue(exchange(self.node.player_port, noise).startswith(b"HTTP/1.1 400 "), noise)
