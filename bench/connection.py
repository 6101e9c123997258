"""One connection of a player, on asyncio: messages go out and come in, until it is lost for whatever reason."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from typing import Any

from bench.frames import address_of
from bench.wire import ABNORMAL, Wire

HANDSHAKE_SECONDS = 5.0
GOODBYE_SECONDS = 2.0

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


class Connection(Wire):
    """Sends and receives messages; use ``connect`` to make one."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread: deque[Message] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._lost: Lost | None = None

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
        self.say_goodbye()
        try:
            while True:
                await self.receive(GOODBYE_SECONDS)
        except (TimeoutError, Lost):
            self._transport.abort()

    def agreed(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)

    def heard(self, message: Message) -> None:
        self._unread.append(message)
        self._wake()

    def ended(self, reason: str, code: int) -> None:
        self._lost = Lost(reason, code)
        if not self.opened.done():
            self.opened.set_exception(self._lost)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
