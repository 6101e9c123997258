"""One connection of a player, on asyncio: messages go out and come in, until it is lost for whatever reason."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections import deque
from collections.abc import Mapping
from typing import Any

from bench.frames import CLOSE, PING, PONG, TEXT, BadServer, Reader, address_of, close_code, closing, frame, opening

HANDSHAKE_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
ABNORMAL = 1006
"""The close code of a connection that just went."""

Message = Mapping[str, Any]


class Lost(Exception):
    """The connection is no more, or never was; ``code`` is the close code, 1006 without one."""

    def __init__(self, reason: str, code: int = ABNORMAL) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


async def connect(url: str) -> Connection:
    """A connection to ``url``, open. Raises Lost."""
    host, port = address_of(url)
    made: Connection | None = None
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, made = await asyncio.get_running_loop().create_connection(lambda: Connection(url), host, port)
            await made.opened
    except TimeoutError:
        if made is not None:
            made.reset()
        raise Lost(f"no handshake within {HANDSHAKE_SECONDS:g} s") from None
    except OSError as error:
        raise Lost(os.strerror(error.errno) if error.errno else str(error)) from None
    return made


class Connection(asyncio.Protocol):
    """Sends and receives messages; use ``connect`` to make one."""

    def __init__(self, url: str) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self._url = url
        self._reader = Reader()
        self._unread: deque[Message] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._lost: Lost | None = None
        self._transport: asyncio.Transport

    def send(self, **message: object) -> None:
        """Send a message; into the void when the connection is lost, as ``receive`` will tell."""
        if self._lost is None:
            self._transport.write(frame(TEXT, json.dumps(message).encode()))

    async def receive(self, seconds: float | None = None) -> Message:
        """The next message. Raises TimeoutError when none comes in time, and Lost."""
        async with asyncio.timeout(seconds):
            while not self._unread:
                if self._lost is not None:
                    raise self._lost
                self._waiting = asyncio.get_running_loop().create_future()
                await self._waiting
        return self._unread.popleft()

    async def close(self) -> None:
        """Say goodbye, and wait for the other side to hang up, for 2 s at most."""
        if self._lost is None:
            self._transport.write(closing())
        try:
            while True:
                await self.receive(GOODBYE_SECONDS)
        except (TimeoutError, Lost):
            self._transport.abort()

    def reset(self) -> None:
        """Drop the connection as a machine does that lost power and came back: the other side gets a RST."""
        if not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(opening(self._url))

    def data_received(self, data: bytes) -> None:
        try:
            for opcode, payload in self._reader.feed(data):
                self._frame_received(opcode, payload)
        except (BadServer, ValueError) as error:
            self._ended(Lost(str(error)))
        if self._reader.open and not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._ended(Lost(str(error or "hung up")))

    def _frame_received(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._unread.append(json.loads(payload))
            self._wake()
        elif opcode == PING:
            self._transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            self._transport.write(frame(CLOSE, payload))
            self._ended(Lost(payload[2:].decode(errors="replace"), close_code(payload)))

    def _ended(self, lost: Lost) -> None:
        self._lost = self._lost or lost
        self._transport.close()
        if not self.opened.done():
            self.opened.set_exception(self._lost)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
