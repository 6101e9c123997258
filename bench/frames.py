"""The client's side of WebSocket in raw bytes, so that no library's cost or patience hides the server's."""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

NO_STATUS = 1005
"""What a close frame without a code counts as."""

# A client has to mask, but may choose the mask: zero leaves the bytes as they are.
MASK = b"\0\0\0\0"


class BadServer(Exception):
    """The server sent what no WebSocket server may send; the text says what."""


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a ``ws://`` URL; raises ValueError for any other."""
    parts = urlsplit(url)
    if parts.scheme != "ws" or not parts.hostname:
        raise ValueError(f"{url!r} is not a ws:// URL")
    return parts.hostname, parts.port or 80


def opening(url: str) -> bytes:
    """The opening handshake for ``url``."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame from the client, of up to 65,535 bytes."""
    length = len(payload)
    head = bytes((0x80 | opcode, 0x80 | length)) if length < 126 else struct.pack("!BBH", 0x80 | opcode, 0xFE, length)
    return head + MASK + payload


def closing(code: int = 1000) -> bytes:
    """A close frame."""
    return frame(CLOSE, struct.pack("!H", code))


def close_code(payload: bytes) -> int:
    """The code in a close frame's payload."""
    return int(struct.unpack("!H", payload[:2])[0]) if len(payload) >= 2 else NO_STATUS


class Reader:
    """Cuts what comes from the server into the handshake's answer and whole frames.

    ``open`` is true once the server has agreed to speak WebSocket.
    """

    def __init__(self) -> None:
        self.open = False
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames complete by now, as opcode and payload. Raises BadServer."""
        self._buffer += data
        if self.open or self._has_agreed():
            while (found := self._frame()) is not None:
                yield found

    def _has_agreed(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")]).decode("latin-1")
        if not status.startswith("HTTP/1.1 101"):
            raise BadServer(f"handshake refused: {status}")
        del self._buffer[: end + 4]
        self.open = True
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if not buffer[0] & 0x80 or buffer[1] >= 127:
            raise BadServer(f"a frame that matchd has no use for: {bytes(buffer[:2]).hex()}")
        length, start = buffer[1], 2
        if length == 126:
            if len(buffer) < 4:
                return None
            length, start = int.from_bytes(buffer[2:4]), 4
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        opcode = buffer[0] & 15
        del buffer[: start + length]
        return opcode, payload
