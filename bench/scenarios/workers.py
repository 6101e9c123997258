"""Two processes on one player port, beside one: how many times as many players do they match?

On two cores the store and the generator want their share too, and take it from the second process. So what each
process used of its core is told as well, and what they would match if the busiest had one for itself.
"""

from __future__ import annotations

import asyncio

from bench.account import Account
from bench.generator import Generator, Plan
from bench.scenario import Figure, Outcome, Scenario
from bench.scrape import scrape
from bench.stage import Stage
from matchd.siblings import TELL_SECONDS

CPU = "process_cpu_seconds_total"


async def workers(stage: Stage, players: int, at_once: int) -> Outcome:
    """A closed loop, first with one process, then with two, each on a store of its own."""
    one, alone = await _flood(stage, players, at_once)
    two, shared = await _flood(stage, players, at_once, "--workers", "2")
    busiest_of_one, busiest_of_two = max(alone) / one.matched, max(shared) / two.matched
    figures = {
        "one": one.per_second,
        "two": two.per_second,
        "ratio": two.per_second / one.per_second,
        "ratio by CPU": busiest_of_one / busiest_of_two,
        "busier of two": 100 * max(shared) / sum(shared),
    }
    return Outcome(figures, [*one.wrong, *two.wrong], [*one.remarks, *two.remarks])


async def _flood(stage: Stage, players: int, at_once: int, *options: str) -> tuple[Account, list[float]]:
    """The account, and the CPU seconds that each process took for it."""
    node, _ = await stage.service(*options)
    processes = 2 if options else 1
    async with asyncio.timeout(30):
        while len(before := await _cpu(node.operator_port)) < processes:
            await asyncio.sleep(TELL_SECONDS / 2)
    plan = Plan([node.url])
    account = await Generator(plan, stage.say).closed(players, at_once)
    await asyncio.sleep(2 * TELL_SECONDS)
    after = await _cpu(node.operator_port)
    return account, [after[worker] - seconds for worker, seconds in before.items()]


async def _cpu(port: int) -> dict[str, float]:
    samples = await scrape(port)
    return {dict(labels).get("worker", "0"): value for (name, labels), value in samples.items() if name == CPU}


SCENARIO = Scenario(
    "workers",
    "two processes on one port: how many times as many players a second as one?",
    (
        Figure("one", "players a second"),
        Figure("two", "players a second"),
        Figure("ratio", "times"),
        Figure("ratio by CPU", "times", 1.7, least=True),
        Figure("busier of two", "% of their CPU"),
    ),
    workers,
    full={"players": 4000, "at_once": 400},
    smoke={"players": 40, "at_once": 10},
    rounds=3,
)
