"""One WebSocket connection of a client on asyncio, in raw bytes: subclasses hear what happens, and speak."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any, cast

from bench.frames import BINARY, CLOSE, PING, PONG, TEXT, BadServer, Reader, close_code, closing, frame, opening

ABNORMAL = 1006
"""The close code of a connection that just went."""


class Wire(asyncio.Protocol):
    """A connection to ``url``; what it hears it tells to ``agreed``, ``heard`` and ``ended``, each in its order."""

    def __init__(self, url: str) -> None:
        self.is_made = self.is_over = False
        self._url = url
        self._reader = Reader()
        self._transport: asyncio.Transport

    # what subclasses hear

    def agreed(self) -> None:
        """The server speaks WebSocket: messages may go out."""

    def heard(self, message: dict[str, Any]) -> None:
        """A message has come."""

    def heard_bytes(self, message: bytes) -> None:
        """A binary message has come."""

    def ended(self, reason: str, code: int) -> None:
        """The connection is over, or never was; told once."""

    # what they can do

    def send(self, **message: object) -> None:
        """Send a message; into the void when the connection is over."""
        if not self.is_over:
            self._transport.write(frame(TEXT, json.dumps(message).encode()))

    def send_bytes(self, message: bytes) -> None:
        """Send a binary message; into the void as above."""
        if not self.is_over:
            self._transport.write(frame(BINARY, message))

    def say_goodbye(self) -> None:
        """Send a close frame; the server hangs up."""
        if not self.is_over:
            self._transport.write(closing())

    def reset(self) -> None:
        """Drop the connection as a machine does that lost power and came back: the other side gets a RST."""
        if not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.is_made = True
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._transport.write(opening(self._url))

    def data_received(self, data: bytes) -> None:
        was_open = self._reader.open
        try:
            for opcode, payload in self._reader.feed(data):
                was_open = was_open or self._agree()
                self._frame_received(opcode, payload)
        except (BadServer, ValueError) as error:
            self._end(str(error), ABNORMAL)
        if self._reader.open and not was_open:
            self._agree()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(str(error or "hung up"), ABNORMAL)

    def _agree(self) -> bool:
        self.agreed()
        return True

    def _frame_received(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.heard(json.loads(payload))
        elif opcode == BINARY:
            self.heard_bytes(payload)
        elif opcode == PING:
            self._transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            self._transport.write(frame(CLOSE, payload))
            self._end(payload[2:].decode(errors="replace"), close_code(payload))

    def _end(self, reason: str, code: int) -> None:
        self._transport.close()
        if not self.is_over:
            self.is_over = True
            self.ended(reason, code)
