"""What each step of a player's way costs: all players take one, and only then the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from bench.generator import Generator, Plan
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import MICRO, Meter, Stage
from bench.walker import Walker
from tests.support.valkey import Valkey

IDLE_SECONDS = 3.0
CROWD = 199
"""Too few for a match of two hundred."""
STEPS = "connect", "enqueue", "draw and start", "load and match", "leave"
PROCESSES = "server", "redis"
QUEUED = Figure("queued: redis memory", "KiB a player")


async def steps(stage: Stage, players: int, rate: float, idle_seconds: float = IDLE_SECONDS) -> Outcome:
    """Some players only queue, as they are too few for a match; others go the whole way.

    The draw is what enqueuing costs more when it makes matches, one at a time, as in a live queue.
    """
    crowds = [f"Crowd-{number}" for number in range(players // CROWD + 1)]
    toml = "".join(f"[modes.{mode}]\nteams = [100, 100]\n" for mode in crowds)
    node, store = await stage.service(toml=f"{toml}[modes.Game]\nteams = [1, 1]\n")
    await Generator(Plan([node.url], ["Game"])).closed(players // 20 * 2, 10)  # only to warm up
    meter = Meter(server=node.child.pid, redis=store.pid)
    await asyncio.sleep(idle_seconds)
    costs = Costs(meter, meter.shares(), rate)
    stage.say("players who only queue")
    waiting = Generator(Plan([node.url], crowds))
    await costs.measure("connect", waiting, waiting.gather(players, rate))
    empty = memory_kib(store)
    await costs.all_take("enqueue", waiting, Walker.enqueue, "queued")
    queued = (memory_kib(store) - empty) / players
    await waiting.dismiss()
    stage.say("players who go the whole way")
    playing = Generator(Plan([node.url], ["Game"]), stage.say)
    await playing.gather(players, rate)
    for walker in playing.walkers:
        walker.stays = True
    await costs.all_take("draw and start", playing, Walker.enqueue, "started")
    await costs.all_take("load and match", playing, Walker.load, "found")
    await costs.measure("leave", playing, playing.dismiss())
    for process in PROCESSES:
        costs.micros["draw and start"][process] -= costs.micros["enqueue"][process]
    figures = {f"{step}: {process}": costs.micros[step][process] for step in STEPS for process in PROCESSES}
    totals = {f"all: {process}": sum(costs.micros[step][process] for step in STEPS) for process in PROCESSES}
    return Outcome(figures | totals | {QUEUED.name: queued}, (await playing.account()).wrong)


def memory_kib(store: Valkey) -> float:
    """What the store's data takes."""
    told: bytes = store.ask("INFO", "memory")
    return int(told.partition(b"used_memory:")[2].split()[0]) / 1024


class Costs:
    """What steps cost a player, by step and process, less what the processes take when nobody is there."""

    def __init__(self, meter: Meter, idle: dict[str, float], rate: float) -> None:
        self.micros: dict[str, dict[str, float]] = {}
        self._meter, self._idle, self._rate = meter, idle, rate

    async def measure(self, step: str, generator: Generator, taking: Awaitable[None]) -> None:
        """Await the step of all players."""
        began = monotonic()
        self._meter.reset()
        await taking
        elapsed, seconds = monotonic() - began, self._meter.seconds()
        for_each = MICRO / len(generator.walkers)
        self.micros[step] = {name: (taken - self._idle[name] * elapsed) * for_each for name, taken in seconds.items()}

    async def all_take(self, name: str, generator: Generator, step: Callable[[Walker], None], there: str) -> None:
        """Measure a step that players take one after the other, until it has brought all of them ``there``."""
        await self.measure(name, generator, self._take(generator, step, there))

    async def _take(self, generator: Generator, step: Callable[[Walker], None], there: str) -> None:
        began = monotonic()
        for number, walker in enumerate(generator.walkers):
            await asyncio.sleep(max(0.0, began + number / self._rate - monotonic()))
            step(walker)
        await generator.until_all(lambda way: getattr(way, there))


SCENARIO = Scenario(
    "steps",
    "one against one: what does each step of a player's way cost?",
    (*(Figure(f"{step}: {process}", "us a player") for step in (*STEPS, "all") for process in PROCESSES), QUEUED),
    steps,
    full={"players": 2000, "rate": 600.0},
    smoke={"players": 20, "rate": 200.0, "idle_seconds": 0.2},
    rounds=3,
)
