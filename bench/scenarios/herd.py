"""Everybody is cut off at once, and everybody comes back at once, as when a proxy goes down for a moment."""

from __future__ import annotations

import asyncio

from bench.crowds import TOML, Crowds
from bench.scenario import Figure, Outcome, Scenario
from bench.scrape import longest_lag, scrape
from bench.stage import Meter, Stage

PAUSE_SECONDS = 3.0


async def herd(stage: Stage, players: int) -> Outcome:
    """They wait, are cut off, connect in the same moment, and wait again."""
    store = stage.store()
    node = await stage.node(store, toml=TOML)
    async with Crowds(node.url) as crowds:
        await crowds.open(players)
        await asyncio.sleep(PAUSE_SECONDS)
        before = await scrape(node.operator_port)
        meter = Meter(server=node.child.pid, redis=store.pid, crowds=crowds.pids)
        back = await crowds.reconnect()
        taken = meter.seconds()
        lag = longest_lag(before, await scrape(node.operator_port))
        came, wrong = sum(one["came"] for one in back), crowds.wrong
    if came != players:
        wrong = [*wrong, f"only {came} of {players} are back"]
    return Outcome(
        {
            "all back": max(one["seconds"] for one in back),
            "half back": max(one["waits"]["p50"] for one in back),
            "longest lag": 1000 * lag,
            "server CPU": taken["server"],
            "Redis CPU": taken["redis"],
            "generator CPU": taken["crowds"],
        },
        wrong,
    )


SCENARIO = Scenario(
    "herd",
    "5,000 waiting players are cut off and come back in the same moment: when are all in the queue again?",
    (
        Figure("all back", "s", 6, 4),
        Figure("half back", "s"),
        Figure("longest lag", "ms"),
        Figure("server CPU", "s"),
        Figure("Redis CPU", "s"),
        Figure("generator CPU", "s"),
    ),
    herd,
    full={"players": 5_000},
    smoke={"players": 100},
    seconds=180.0,
    rounds=3,
)
