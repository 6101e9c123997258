"""``python -m bench.load``: many players at once, and an account of what became of every wish.

SIGTERM and Ctrl-C end it early, and in order: nobody wishes anew, and who can still be matched is.
SIGUSR1 resets the connections of a fifth of the players.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import signal
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from bench import options
from bench.books import Books, Report
from bench.players import Habits, Player

MATCH_SECONDS = 90.0
"""How long those who are left may take to be matched, once nobody comes any more."""
QUIET_SECONDS = 3.0
"""Too few for a match for that long: they are asked to leave."""
LEAVE_SECONDS = 15.0
RESET_SHARES = 5
"""One of so many parts of the players is cut off at a time."""


class Crowd:
    """Players who come again and again until ``stop`` is called, or ``wishes`` have been made."""

    def __init__(self, habits: Habits, count: int, seed: int, wishes: float = float("inf")) -> None:
        self._loop = asyncio.get_running_loop()
        self._habits = habits
        self._wishes = wishes
        self._chance = random.Random(seed)
        self.books = Books(habits.modes, self._loop.time())
        stem = f"{seed:x}-{secrets.token_hex(2)}"
        self._players = [
            Player(f"p-{stem}-{i}", habits, self.books, random.Random(f"{seed}-{i}")) for i in range(count)
        ]
        mixed = self._chance.sample(self._players, count)
        self._cut_off_next = deque(mixed[part::RESET_SHARES] for part in range(RESET_SHARES))
        self._over = asyncio.Event()

    async def run(self, seconds: float) -> Report:
        """Play for a while, and end in order; the account."""
        self._loop.call_later(seconds, self.stop)
        playing = [asyncio.create_task(self._play(player)) for player in self._players]
        try:
            await self._over.wait()
            await self._ended(playing)
            return self.books.report(self._loop.time())
        finally:
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)

    def stop(self) -> None:
        """Nobody wishes anew."""
        self._over.set()

    def reset_some(self) -> None:
        """A fifth of the players lose their connections, all at once.

        It is another fifth each time: who is cut off twice while he loads, has failed twice, and rightly has to wait.
        """
        for player in self._cut_off_next[0]:
            player.reset()
        self._cut_off_next.rotate(-1)

    async def _play(self, player: Player) -> None:
        await player.rest()
        while not self._over.is_set():
            if self.books.wishes + 1 >= self._wishes:
                self.stop()
            try:
                await player.play()
            except Exception as error:
                self.books.unexpected.append(f"{player.name} failed: {error!r}")
                raise
            await player.rest()

    async def _ended(self, playing: Sequence[asyncio.Task[None]]) -> None:
        """Returns when nobody waits any more, or it is clear that somebody waits in vain."""
        if await self._done(playing, MATCH_SECONDS):
            return
        for player in self._players:
            player.give_up()
        await asyncio.wait(playing, timeout=LEAVE_SECONDS)

    async def _done(self, playing: Sequence[asyncio.Task[None]], seconds: float) -> bool:
        """Whether all have ended; False once those who are left are too few for a match, or it takes too long."""
        deadline, quiet = self._loop.time() + seconds, 0.0
        while self._loop.time() < deadline and quiet < QUIET_SECONDS:
            _, left = await asyncio.wait(playing, timeout=0.25)
            if not left:
                return True
            waiting = self.books.waiting()
            too_few = all(waiting[mode] < sum(teams) for mode, teams in self._habits.modes.items())
            quiet = quiet + 0.25 if too_few and waiting else 0.0
        return False


async def load(chosen: argparse.Namespace) -> Report:
    """What the command line asks for."""
    habits = Habits(chosen.url, dict(chosen.mode), chosen.loading, chosen.linger, chosen.pause)
    crowd = Crowd(habits, chosen.players, chosen.seed, chosen.wishes)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, crowd.stop)
    loop.add_signal_handler(signal.SIGUSR1, crowd.reset_some)
    telling = asyncio.create_task(_tell(crowd.books, chosen.status)) if chosen.status else None
    try:
        return await crowd.run(chosen.seconds)
    finally:
        if telling is not None:
            telling.cancel()


async def _tell(books: Books, every: float) -> None:
    """Print how it stands, again and again; moments are of the system's monotonic clock."""
    while True:
        standing: dict[str, Any] = {"at": asyncio.get_running_loop().time(), "matched": books.matched}
        if (oldest := books.oldest()) is not None:
            standing |= {"oldest": oldest.began, "who": str(oldest)}
        print(json.dumps(standing), flush=True)
        await asyncio.sleep(every)


def shown(report: Report) -> str:
    """The account for people."""
    waits = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in report.waits.items())
    events = "\n".join(f"  {count:8} {what}" for what, count in report.events.items())
    wrong = report.wrong
    return "\n".join(
        (
            f"{report.matched} players matched in {report.seconds:.1f} s: {report.per_second:.1f} a second",
            f"from wish to match: {waits}",
            f"heard, and lost:\n{events}",
            *(f"slow: {wish}" for wish in report.slowest),
            f"{report.wishes} wishes; {report.gave_up} left over at the end, too few for a match; "
            f"{len(report.lost)} lost, {len(report.doubled)} doubled, {len(report.mismatched)} mismatched, "
            f"{len(report.halves)} told to some only, {len(report.unexpected)} unexpected",
            *wrong[:20],
            f"load: {'something is wrong' if wrong else 'every wish was answered once'}",
        )
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--url", action="append", type=options.url, help="a node; may be given more than once")
    parser.add_argument("--players", type=int, default=100, help="how many there are at once")
    parser.add_argument("--seconds", type=float, default=60.0, help="until nobody comes again")
    parser.add_argument("--wishes", type=float, default=float("inf"), help="or until so many wishes were made")
    parser.add_argument(
        "--mode", action="append", type=options.mode, help="NAME=SIZE+SIZE, the sizes of its teams; may be given again"
    )
    parser.add_argument("--loading", type=options.span, default=(0.2, 1.0), help="seconds to load, FROM-TO")
    parser.add_argument(
        "--linger", type=options.span, default=(0.0, 0.3), help="seconds to stay after the match was found"
    )
    parser.add_argument("--pause", type=options.span, default=(0.2, 2.0), help="seconds between two matches")
    parser.add_argument("--seed", type=int, default=secrets.randbits(24), help="of what players do by chance")
    parser.add_argument("--status", type=float, default=0.0, help="print how it stands, as JSON, every so many seconds")
    parser.add_argument("--json", action="store_true", help="print the account as JSON")
    chosen = parser.parse_args(arguments)
    chosen.url = chosen.url or ["ws://127.0.0.1:8080/ws/"]
    chosen.mode = chosen.mode or [("Normal_1v1", (1, 1))]
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Run the load; the exit status is 0 if every wish was answered once."""
    chosen = parse(arguments)
    report = asyncio.run(load(chosen))
    print(json.dumps(report.as_json()) if chosen.json else shown(report), flush=True)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
