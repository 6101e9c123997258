"""``python -m bench.generator``: players who come at a fixed rate, whatever becomes of those before them.

Each player's time counts from the moment at which he was to come, not from when the server let him: one that
stalls for a second is charged with what everybody waited meanwhile, and not with one slow answer (coordinated
omission). ``--at-once`` makes it a closed loop: the next one comes when another has his match.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import monotonic

from bench import options
from bench.account import Account, account
from bench.books import Books
from bench.frames import address_of
from bench.loops import run
from bench.walker import NEVER, Walker, Way

LEAD_SECONDS = 1.0
"""In an open loop players connect that long before they enqueue, so that a handshake does not count as a wait."""
PATIENCE_SECONDS = 60.0
GOODBYE_SECONDS = 10.0
PROGRESS_SECONDS = 2.0
LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Plan:
    """What players do: where they connect and what they wish for, in turn; the teams of that; the seconds to load."""

    urls: Sequence[str]
    modes: Sequence[str] = ("Normal_1v1",)
    teams: tuple[int, ...] = (1, 1)
    loading: float = 0.0


class Generator:
    """Sends players on their way: one call of ``open``, ``closed`` or ``gather`` for each generator.

    Whoever has no match ``patience`` seconds after the last one came is given up.
    """

    def __init__(
        self, plan: Plan, tell: Callable[[str], None] = lambda text: None, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.ways: list[Way] = []
        self.walkers: list[Walker] = []
        self._loop = asyncio.get_running_loop()
        self._plan = plan
        self._tell = tell
        self._patience = patience
        self._stem = secrets.token_hex(3)
        self._began = monotonic()
        self._books = Books(dict.fromkeys(plan.modes, plan.teams), self._began)
        self._room = asyncio.Semaphore(0)
        self._arrived = 0
        self._connecting: set[asyncio.Task[None]] = set()

    async def open(self, players: int, rate: float, lead: float = LEAD_SECONDS) -> Account:
        """So many a second until there were ``players``; the account when all have arrived, or are given up."""
        began = monotonic() + lead
        telling = asyncio.create_task(self._progress(players))
        for number in range(players):
            intended = began + number / rate
            await self._sleep_until(intended - lead)
            self._send(intended)
        return await self._end(players, telling)

    async def closed(self, players: int, at_once: int) -> Account:
        """``at_once`` players on their way at any time, until there were ``players``; the account as above."""
        self._room = asyncio.Semaphore(at_once)
        telling = asyncio.create_task(self._progress(players))
        try:
            for _ in range(players):
                async with asyncio.timeout(self._patience):
                    await self._room.acquire()
                self._send(monotonic())
        except TimeoutError:
            self._tell("nobody arrives any more")
        return await self._end(players, telling)

    async def gather(self, players: int, rate: float) -> None:
        """Connect ``walkers`` who do nothing until they are told to ``enqueue`` and to ``load``."""
        began = monotonic()
        for number in range(players):
            await self._sleep_until(began + number / rate)
            self._send(NEVER, monotonic(), loading=NEVER)
        await self.until_all(lambda way: way.connected)

    async def until_all(self, there: Callable[[Way], object]) -> None:
        """Wait until all are there. Raises TimeoutError."""
        async with asyncio.timeout(self._patience):
            for way in self.ways:
                while not there(way):
                    await asyncio.sleep(LOOK_SECONDS)

    async def dismiss(self) -> None:
        """Have everybody say goodbye, and wait until they are gone."""
        for walker in self.walkers:
            walker.leave()
        await self._all_gone()

    async def account(self) -> Account:
        """How it went, once everybody has gone, or is told to go."""
        for connecting in self._connecting:
            connecting.cancel()
        for walker in self.walkers:
            if not walker.way.found and not walker.is_over:
                walker.give_up("has no match at the end")
        await self._all_gone()
        return account(self.ways, self._books.report(monotonic()))

    async def _all_gone(self) -> None:
        """Until everybody has hung up, who does so after some seconds also when the server does not."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                for walker in self.walkers:
                    await walker.gone.wait()
        except TimeoutError:
            left = sum(not walker.gone.is_set() for walker in self.walkers)
            self._books.unexpected.append(f"{left} connections did not end")

    async def _end(self, players: int, telling: asyncio.Task[None]) -> Account:
        try:
            async with asyncio.timeout(self._patience):
                while self._arrived < len(self.ways):
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            self._tell(f"{players - self._arrived} players did not arrive within {self._patience:g} s")
        finally:
            telling.cancel()
        return await self.account()

    async def _sleep_until(self, moment: float) -> None:
        if (seconds := moment - monotonic()) > 0:
            await asyncio.sleep(seconds)

    def _send(self, enqueue_at: float, intended: float | None = None, loading: float | None = None) -> None:
        plan, number = self._plan, len(self.ways)
        mode, began = plan.modes[number % len(plan.modes)], enqueue_at if intended is None else intended
        wish = self._books.begin(f"p-{self._stem}-{number}", mode, began)
        way = Way(wish, wish.began)
        url = plan.urls[number % len(plan.urls)]
        pace = plan.loading if loading is None else loading
        walker = Walker(url, way, self._books, enqueue_at, pace, self._arrive)
        self.ways.append(way)
        self.walkers.append(walker)
        task = self._loop.create_task(self._connect(url, walker))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, url: str, walker: Walker) -> None:
        host, port = address_of(url)
        try:
            await self._loop.create_connection(lambda: walker, host, port)
        except OSError as error:
            walker.never_connected(os.strerror(error.errno) if error.errno else str(error))

    def _arrive(self) -> None:
        self._arrived += 1
        self._room.release()

    async def _progress(self, players: int) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            seconds, under_way = monotonic() - self._began, len(self.ways) - self._arrived
            self._tell(f"{seconds:5.1f} s: {self._arrived} of {players} arrived, {under_way} under way")


async def generate(chosen: argparse.Namespace) -> Account:
    """What the command line asks for."""
    mode, teams = chosen.mode
    plan = Plan(chosen.url or ["ws://127.0.0.1:8080/ws/"], [mode], teams, chosen.loading)
    generator = Generator(plan, lambda text: print(text, file=sys.stderr, flush=True))
    if chosen.at_once:
        return await generator.closed(chosen.players, chosen.at_once)
    return await generator.open(chosen.players, chosen.rate)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=__doc__)
    parser.add_argument("--url", action="append", type=options.url, help="a node; may be given more than once")
    parser.add_argument("--players", type=int, default=2000, help="how many come in all; whole matches")
    parser.add_argument("--rate", type=float, default=200.0, help="how many come a second")
    parser.add_argument("--at-once", type=int, default=0, help="a closed loop instead, of so many players")
    parser.add_argument("--mode", type=options.mode, default=("Normal_1v1", (1, 1)), help="NAME=SIZE+SIZE, its teams")
    parser.add_argument("--loading", type=float, default=0.0, help="seconds that each takes to load")
    parser.add_argument("--json", action="store_true", help="print the account as JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit status is 0 if everybody got his match once."""
    chosen = parse(arguments)
    found = run(generate(chosen))
    print(json.dumps(asdict(found)) if chosen.json else found, flush=True)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
