"""Players of Colyseus's queue: a seat in it by HTTP, a WebSocket to it, a seat in a match, and that confirmed."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any

import msgspec

from bench.account import Account, account
from bench.books import Books
from bench.stage import exchange
from bench.walker import Way
from bench.wire import Wire

MODE = "queue"
JOINED, MESSAGE = b"\x0a", 13
"""The protocol's codes: he has joined, sent back as it came; a message of the room, by name."""
CONFIRM = bytes((MESSAGE,)) + msgspec.msgpack.encode("confirm")
SEAT = msgspec.msgpack.encode("seat")
PATIENCE_SECONDS = 60.0


async def closed(port: int, players: int, at_once: int) -> Account:
    """``at_once`` players on their way at any time, until there were ``players``; the account."""
    books, ways, room = Books({MODE: (1, 1)}, monotonic()), list[Way](), asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        way = Way(books.begin(f"p-{number}", MODE, now := monotonic()), now)
        ways.append(way)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await _find_match(port, way, books)
        except (OSError, TimeoutError, ValueError, KeyError) as error:
            books.unexpected.append(f"{way.wish.player}: {error!r}")
        room.release()

    async with asyncio.TaskGroup() as group:
        for number in range(players):
            await room.acquire()
            group.create_task(one(number))
    return account(ways, books.report(monotonic()))


async def _find_match(port: int, way: Way, books: Books) -> None:
    status, answer = await exchange(port, "POST", "/matchmake/joinOrCreate/queue", b'{"rank":1000}')
    if status != 200:
        raise ValueError(f"no seat in the queue: {status}")
    seat = json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1])  # it may come in chunks
    queue = f"ws://127.0.0.1:{port}/{seat['processId']}/{seat['roomId']}?sessionId={seat['sessionId']}"
    loop = asyncio.get_running_loop()
    matched: asyncio.Future[dict[str, Any]] = loop.create_future()
    await loop.create_connection(lambda: Seat(queue, matched), "127.0.0.1", port)
    match = await matched
    way.found = monotonic()
    books.found(way.wish, match["roomId"], match["processId"], way.found)


class Seat(Wire):
    """A connection to the queue, until it has told of the match."""

    def __init__(self, url: str, matched: asyncio.Future[dict[str, Any]]) -> None:
        super().__init__(url)
        self._matched = matched

    def heard_bytes(self, message: bytes) -> None:
        if message[:1] == JOINED:
            self.send_bytes(JOINED)
        elif message[0] == MESSAGE and message.startswith(SEAT, 1):
            self.send_bytes(CONFIRM)
            if not self._matched.done():
                self._matched.set_result(msgspec.msgpack.decode(message[1 + len(SEAT) :]))

    def ended(self, reason: str, code: int) -> None:
        if not self._matched.done():
            self._matched.set_exception(ConnectionError(f"{code} {reason}"))
