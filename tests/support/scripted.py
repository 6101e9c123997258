"""A matchd that follows a script, on asyncio: what a client of the load does with whatever it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

Script = Callable[["Talk", dict[str, Any]], None]

AGREED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class Talk(asyncio.Protocol):
    """One connection of a client; the script is called with everything he says."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._buffer = b""
        self._agreed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._agreed and b"\r\n\r\n" in self._buffer:
            self._buffer = self._buffer.partition(b"\r\n\r\n")[2]
            self._agreed = True
            self.transport.write(AGREED)
        while self._agreed and len(self._buffer) >= 6:
            length, extended = self._buffer[1] & 127, 0
            if length == 126:
                length, extended = int.from_bytes(self._buffer[2:4]), 2
            start = 6 + extended  # the mask is zero
            opcode, payload = self._buffer[0] & 15, self._buffer[start : start + length]
            self._buffer = self._buffer[start + length :]
            if opcode == 1:
                self._script(self, json.loads(payload))
            else:
                self.transport.close()

    def tell(self, **message: object) -> None:
        """Tell the client something."""
        payload = json.dumps(message).encode()
        assert len(payload) < 126
        self.transport.write(bytes((0x81, len(payload))) + payload)

    def send_away(self, code: int) -> None:
        """Close with a code."""
        self.transport.write(b"\x88\x02" + code.to_bytes(2))
        self.transport.close()

    def match(self, session: str) -> None:
        """Tell him of a match."""
        self.tell(type="match_found", session_id=session, server_address="127.0.0.1:7")
