"""``python -m bench.gameserver PORT...``: game servers that always have room, and answer at once."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import cast

from bench.loops import run

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Answers(asyncio.Protocol):
    """One connection of matchd: whatever it posts, it gets the session of that loading session."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self._unread, 0, end)
            rest = end + 4 + (int(found[1]) if found else 0)
            if len(self._unread) < rest:
                return
            self._answer(json.loads(self._unread[end + 4 : rest]))
            self._unread = self._unread[rest:]

    def _answer(self, wanted: dict[str, str]) -> None:
        session = {"session_id": f"game-{wanted['loading_session_id']}", "server_address": self._address}
        body = json.dumps(session).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def serve(ports: Sequence[int]) -> None:
    """Answer on all of them until the process is ended."""
    loop = asyncio.get_running_loop()
    for port in ports:
        answers = partial(Answers, f"127.0.0.1:{port}")
        await loop.create_server(answers, "127.0.0.1", port, backlog=4096)
    await loop.create_future()


if __name__ == "__main__":
    run(serve([int(port) for port in sys.argv[1:]]))
