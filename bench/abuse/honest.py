"""Honest players, who come in a steady flow whatever becomes of those before them, and how long each answer took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from multiprocessing import Event, Process, Queue
from multiprocessing.synchronize import Event as EventType
from typing import Any

from bench.frames import address_of
from bench.loops import run
from bench.wire import Wire

Answer = tuple[float, float]
"""When it was due, by the clock that processes share, and how many seconds it took."""

PATIENCE = 30.0
"""Seconds that a player waits for an answer."""


class Player(Wire):
    """Connects, asks for a place, leaves it, says goodbye; notes how long it took to be let in, and each answer."""

    def __init__(self, url: str, name: str, due: float, answers: list[Answer]) -> None:
        super().__init__(url)
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._name = name
        self._asked = due
        self._answers = answers
        self._is_content = False

    def agreed(self) -> None:
        self._note()
        self.send(type="enqueue", player_id=self._name, game_mode="Duel")

    def heard(self, message: dict[str, Any]) -> None:
        self._note()
        if message["type"] == "queued":
            self.send(type="dequeue")
        else:
            self._is_content = message["type"] == "dequeued"
            self.say_goodbye()

    def ended(self, reason: str, code: int) -> None:
        if not self.over.done():
            self.over.set_result("" if self._is_content else reason)

    def _note(self) -> None:
        now = time.monotonic()  # a loop's own time may be rounded
        self._answers.append((self._asked, now - self._asked))
        self._asked = now


class Flow:
    """``rate`` players a second; ``answers`` has what they noted, ``unhappy`` how it ended for those who got none."""

    def __init__(self, url: str, rate: float) -> None:
        self.answers: list[Answer] = []
        self.unhappy: list[str] = []
        self._url = url
        self._rate = rate
        self._tasks: set[asyncio.Task[None]] = set()

    async def go_on(self, end: EventType) -> None:
        """Until ``end`` is set, and everybody has had his answers."""
        began = time.monotonic()
        for number in count():
            due = began + number / self._rate
            await asyncio.sleep(due - time.monotonic())
            if end.is_set():
                break
            self._tasks.add(task := asyncio.ensure_future(self._play(f"honest-{number}", due)))
            task.add_done_callback(self._tasks.discard)
        await asyncio.gather(*self._tasks)

    async def _play(self, name: str, due: float) -> None:
        player = Player(self._url, name, due, self.answers)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().create_connection(lambda: player, *address_of(self._url))
                reason = await player.over
        except (OSError, TimeoutError) as error:
            reason = str(error) or "no answer"
        if reason:
            self.unhappy.append(reason)


def _flow(url: str, rate: float, end: EventType, result: Queue[tuple[list[Answer], list[str]]]) -> None:
    flow = Flow(url, rate)
    run(flow.go_on(end))
    result.put((flow.answers, flow.unhappy))


@contextmanager
def flowing(url: str, rate: float) -> Iterator[list[Answer]]:
    """A flow of players while the block runs; afterwards the list has their answers. Raises if one got none."""
    answers: list[Answer] = []
    end, result = Event(), Queue()
    process = Process(target=_flow, args=(url, rate, end, result), daemon=True)
    process.start()
    try:
        yield answers
    finally:
        end.set()
        try:
            heard, unhappy = result.get(timeout=2 * PATIENCE)
        finally:
            process.join(PATIENCE)
            process.kill()
    answers += heard
    if unhappy:
        raise ConnectionError(f"{len(unhappy)} honest players got no answer: {unhappy[0]}")


def p99(answers: Sequence[Answer], since: float, until: float) -> float:
    """How long (s) the slowest one in a hundred took, of those due between two moments."""
    took = sorted(seconds for due, seconds in answers if since <= due < until)
    if not took:
        raise ConnectionError("no honest player got an answer")
    return took[min(len(took) - 1, int(len(took) * 0.99))]
