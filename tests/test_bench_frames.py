"""The load's own WebSocket: what it sends, and what it makes of what comes."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from bench.frames import CLOSE, PING, TEXT, BadServer, Reader, address_of, close_code, closing, frame, opening

AGREED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class SentTests(SynchronousTestCase):
    def test_opening(self) -> None:
        """The handshake names path and host, and a key of its own each time."""
        first = opening("ws://127.0.0.1:8080/ws/")
        self.assertTrue(first.startswith(b"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"))
        self.assertNotEqual(first, opening("ws://127.0.0.1:8080/ws/"))

    def test_frames(self) -> None:
        """Frames are masked, short and long; a goodbye has its code."""
        self.assertEqual(frame(TEXT, b"hi"), b"\x81\x82\0\0\0\0hi")
        self.assertEqual(frame(TEXT, b"x" * 300), b"\x81\xfe\x01\x2c\0\0\0\0" + b"x" * 300)
        self.assertEqual(closing(), b"\x88\x82\0\0\0\0\x03\xe8")

    def test_address(self) -> None:
        """Where a URL leads; other schemes are refused."""
        self.assertEqual(address_of("ws://10.0.0.1:81/ws/"), ("10.0.0.1", 81))
        self.assertEqual(address_of("ws://localhost/"), ("localhost", 80))
        error = self.assertRaises(ValueError, address_of, "http://localhost/")
        self.assertEqual(str(error), "'http://localhost/' is not a ws:// URL")


class ReaderTests(SynchronousTestCase):
    def test_byte_by_byte(self) -> None:
        """However the bytes come, the frames are the same."""
        long = b"y" * 200
        wire = AGREED + b"\x81\x02hi" + b"\x89\x00" + b"\x81\x7e" + struct.pack("!H", 200) + long + b"\x88\x02\x0f\xa0"
        wanted = [(TEXT, b"hi"), (PING, b""), (TEXT, long), (CLOSE, b"\x0f\xa0")]
        for step in (1, 7, len(wire)):
            reader = Reader()
            heard = [found for at in range(0, len(wire), step) for found in reader.feed(wire[at : at + step])]
            self.assertEqual((reader.open, heard), (True, wanted))
        self.assertEqual((close_code(b"\x0f\xa0bye"), close_code(b"")), (4000, 1005))

    def test_refused(self) -> None:
        """A handshake that was refused is told with its status."""
        error = self.assertRaises(BadServer, list, Reader().feed(b"HTTP/1.1 404 Not Found\r\n\r\n"))
        self.assertEqual(str(error), "handshake refused: HTTP/1.1 404 Not Found")

    def test_nonsense(self) -> None:
        """A masked frame, which no server may send, and one cut in pieces are refused."""
        for head in (b"\x81\xff", b"\x01\x00"):
            error = self.assertRaises(BadServer, list, Reader().feed(AGREED + head))
            self.assertEqual(str(error), f"a frame that matchd has no use for: {head.hex()}")
