"""A deep queue, drawn by matchd's scripts and one match after the other by single commands: how many times as fast?

The ratio is to txredisapi as it comes; ``leaner`` are the same commands over matchd's own connection.
"""

from __future__ import annotations

import asyncio
import json

from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Meter, Stage

LOOK_SECONDS = 0.05


async def draw(stage: Stage, matches: int) -> Outcome:
    """Both ways in one process, on one store."""
    store = stage.store()
    meter = Meter(redis=store.pid)
    program = stage.python("-m", "bench.draws", str(store.port), str(matches))
    while program.child.status is None:
        await asyncio.sleep(LOOK_SECONDS)
    if program.child.status:
        return Outcome(wrong=[f"it failed: {program.complaints[-1000:]}"])
    told = json.loads(program.log)
    return Outcome(
        {
            "scripts": told["scripts"],
            "one by one": told["one by one"],
            "one by one, leaner": told["leaner"],
            "ratio": told["scripts"] / told["one by one"],
            "Redis CPU": meter.seconds()["redis"],
        },
        [f"{told['left']} players are left in the queue"] if told["left"] else [],
    )


SCENARIO = Scenario(
    "draw",
    "10,000 matches out of 20,000 players in the queue: how many times as fast as one by one?",
    (
        Figure("ratio", "times", 25, 35, least=True),
        Figure("scripts", "matches a second"),
        Figure("one by one", "matches a second"),
        Figure("one by one, leaner", "matches a second"),
        Figure("Redis CPU", "s"),
    ),
    draw,
    full={"matches": 10_000},
    smoke={"matches": 50},
    rounds=5,
)
