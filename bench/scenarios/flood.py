"""One against one, as many as the node can match: what a player costs, and how many a process matches a second."""

from __future__ import annotations

from bench.generator import Generator, Plan
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Meter, Stage

WARM_UP = 200


async def flood(stage: Stage, players: int, at_once: int) -> Outcome:
    """A closed loop; after some players who only warm the node up."""
    store = stage.store()
    node = await stage.node(store, "--dedicated", await stage.game_server())
    plan = Plan([node.url])
    await Generator(plan).closed(min(WARM_UP, players), at_once)
    meter = Meter(server=node.child.pid, redis=store.pid)
    account = await Generator(plan, stage.say).closed(players, at_once)
    taken = meter.micros(account.matched)
    return Outcome(
        {
            "server CPU": taken["server"],
            "Redis CPU": taken["redis"],
            "rate": account.per_second,
            "match p50": account.millis["enqueue to match"]["p50"],
            "match p99": account.millis["enqueue to match"]["p99"],
        },
        account.wrong,
    )


SCENARIO = Scenario(
    "flood",
    "1v1, 2,000 players, 400 at a time: what does each cost, and how many a second does one process match?",
    (
        Figure("server CPU", "us a player"),
        Figure("Redis CPU", "us a player", 60, 40),
        Figure("rate", "players a second", 1300, 2000, least=True),
        Figure("match p50", "ms"),
        Figure("match p99", "ms"),
    ),
    flood,
    full={"players": 2000, "at_once": 400},
    smoke={"players": 40, "at_once": 10},
    rounds=3,
)
