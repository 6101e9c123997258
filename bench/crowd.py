"""``python -m bench.crowd URL NAME MODE SOURCE``: players by the thousand who only wait, all in one process.

Reads requests from standard input, one JSON object a line, does one after the other, and answers each with a line
of figures; ``crowds.py`` is the other end. A process of its own has its own descriptors and CPU time, and an address
of its own (SOURCE) its own ports, of which the kernel takes long to find one when half of them are in use.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

from bench.books import QUANTILES, quantile
from bench.frames import PING, PONG, address_of, frame
from bench.loops import run
from bench.wire import Wire

PATIENCE_SECONDS = 60.0
"""In which a player has to be where he wants to be."""
TURN_SECONDS = 0.02
LAST_PONG_SECONDS = 1.0

Figures = dict[str, Any]


class Waiter(Wire):
    """A player who connects, enqueues, and waits; ``settled`` tells whether he got so far."""

    def __init__(self, crowd: Crowd, name: str) -> None:
        super().__init__(crowd.url)
        self.settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.left = False
        self.unanswered = 0
        self.name = name
        self._crowd = crowd

    def ping(self, due: float) -> None:
        """Ask the server for a pong; ``due``, when that was to be asked, comes back with it."""
        self.unanswered += 1
        self._transport.write(frame(PING, struct.pack("!d", due)))

    def leave(self) -> None:
        """Go, without a word."""
        self.left = True
        self.reset()

    def agreed(self) -> None:
        self.send(type="enqueue", player_id=self.name, game_mode=self._crowd.mode)

    def heard(self, message: dict[str, Any]) -> None:
        if message["type"] != "queued":
            self._crowd.complain(f"{self.name} was told {message}")
        elif not self.settled.done():
            self.settled.set_result(True)

    def ended(self, reason: str, code: int) -> None:
        if not self.left:
            self._crowd.complain(f"{self.name} was cut off: {code} {reason}")
        if not self.settled.done():
            self.settled.set_result(False)

    def _frame_received(self, opcode: int, payload: bytes) -> None:
        if opcode == PONG:
            self.unanswered -= 1
            self._crowd.pongs.append(time.monotonic() - struct.unpack("!d", payload)[0])
        else:
            super()._frame_received(opcode, payload)


class Crowd:
    """All the waiting players of this process, and the requests that can be made of them."""

    def __init__(self, url: str, name: str, mode: str, source: str) -> None:
        self.url = url
        self.mode = mode
        self.pongs: list[float] = []
        self._name = name
        self._source = source
        self._numbers = count()
        self._waiters: list[Waiter] = []
        self._waits: list[float] = []
        self._complaints: list[str] = []

    def complain(self, about: str) -> None:
        """Something is not as it should be."""
        self._complaints.append(about)

    async def open(self, players: int, at_once: int) -> Figures:
        """So many more come, ``at_once`` of them at a time, the next as soon as one waits."""
        return await self._come([self._new_name() for _ in range(players)], at_once)

    async def reconnect(self) -> Figures:
        """All are cut off, and all come back in the same moment."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.leave()
        return await self._come([waiter.name for waiter in waiters], len(waiters))

    async def hold(self, seconds: float, churn: float, probes: float) -> Figures:
        """All wait. A share ``churn`` of them a minute goes, and others come; ``probes`` a second are asked for a pong.

        A probe is due at its time, whether or not those before it were answered, and its delay counts from then.
        """
        self.pongs.clear()
        began, replaced = time.monotonic(), 0
        due, comings = began, set[asyncio.Task[None]]()
        while (now := time.monotonic()) < began + seconds:
            while probes and due <= now:
                random.choice(self._waiters).ping(due)
                due += 1 / probes
            while replaced < (now - began) / 60 * churn * len(self._waiters):
                comings.add(asyncio.create_task(self._replace_one()))
                replaced += 1
            await asyncio.sleep(TURN_SECONDS)
        await asyncio.gather(*comings)
        await asyncio.sleep(LAST_PONG_SECONDS)
        unanswered = sum(waiter.unanswered for waiter in self._waiters)
        return {"replaced": replaced, "unanswered": unanswered, "pongs": self.pongs}

    def tell(self, figures: Figures) -> Figures:
        """The answer to a request: its figures, and what else there is to say."""
        complaints, self._complaints = self._complaints, []
        return {
            **figures,
            "players": sum(not waiter.is_over for waiter in self._waiters),
            "complaints": len(complaints),
            "such_as": complaints[:3],
            "cpu": time.process_time(),
        }

    # coming and going

    def _new_name(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    async def _come(self, names: list[str], at_once: int) -> Figures:
        began = time.monotonic()
        self._waits.clear()
        queue = iter(names)
        await asyncio.gather(*(self._come_in_turn(queue) for _ in range(min(at_once, len(names)))))
        return {"seconds": time.monotonic() - began, "came": len(self._waits), "waits": spread(self._waits)}

    async def _come_in_turn(self, names: Iterator[str]) -> None:
        for name in names:
            await self._come_one(name)

    async def _come_one(self, name: str) -> None:
        began = time.monotonic()
        waiter = Waiter(self, name)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: waiter, *address_of(self.url), local_addr=(self._source, 0))
                if not await waiter.settled:
                    return
        except (OSError, TimeoutError) as error:
            self.complain(f"{name} did not come in: {error!r}")
            return
        self._waiters.append(waiter)
        self._waits.append(time.monotonic() - began)

    async def _replace_one(self) -> None:
        at = random.randrange(len(self._waiters))
        self._waiters[at], self._waiters[-1] = self._waiters[-1], self._waiters[at]
        self._waiters.pop().leave()
        await self._come_one(self._new_name())


def spread(values: list[float]) -> dict[str, float]:
    """Its quantiles, by name."""
    return {f"p{q * 100:g}": quantile(values, q) for q in QUANTILES}


async def serve(crowd: Crowd) -> None:
    """Do what standard input says, until its end."""
    requests = asyncio.StreamReader()
    reading = lambda: asyncio.StreamReaderProtocol(requests)  # noqa: E731
    await asyncio.get_running_loop().connect_read_pipe(reading, sys.stdin)
    able: dict[str, Callable[..., Awaitable[Figures]]] = {
        "open": crowd.open,
        "hold": crowd.hold,
        "reconnect": crowd.reconnect,
    }
    while line := await requests.readline():
        request = json.loads(line)
        figures = await able[request.pop("do")](**request)
        print(json.dumps(crowd.tell(figures)), flush=True)


if __name__ == "__main__":
    run(serve(Crowd(*sys.argv[1:5])))
