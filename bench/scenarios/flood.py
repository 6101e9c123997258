"""As many players as a node can match: what one of them costs, and how many a second a process matches."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.generator import Generator, Plan
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Meter, Stage
from tests.support.valkey import Valkey

WARM_UP = 200
COSTS = Figure("server CPU", "us a player")
QUESTIONS = Figure("Redis questions", "a player")
TIMES = Figure("match p50", "ms"), Figure("match p99", "ms")


async def flood(stage: Stage, players: int, at_once: int, teams: Sequence[int], warm_up: int = WARM_UP) -> Outcome:
    """A closed loop, after some players who only warm the node up."""
    node, store = await stage.service(toml=f"[modes.Game]\nteams = {list(teams)}\n")
    plan = Plan([node.url], ["Game"], tuple(teams))
    await Generator(plan).closed(warm_up, at_once)
    asked = questions(store)
    meter = Meter(server=node.child.pid, redis=store.pid)
    account = await Generator(plan, stage.say).closed(players, at_once)
    taken, match = meter.micros(account.matched), account.millis["enqueue to match"]
    figures = {
        "server CPU": taken["server"],
        "Redis CPU": taken["redis"],
        "Redis questions": (questions(store) - asked) / account.matched,
        "rate": account.per_second,
        "match p50": match["p50"],
        "match p99": match["p99"],
    }
    return Outcome(figures, account.wrong, account.remarks)


def questions(store: Valkey) -> int:
    """What nodes have asked the store so far: scripts run, channels subscribed to and left, whole commands each."""
    told: bytes = store.ask("INFO", "commandstats")
    return sum(int(calls) for calls in re.findall(rb"cmdstat_(?:evalsha|(?:un)?subscribe):calls=(\d+)", told))


FLOOD = Scenario(
    "flood",
    "one against one, 400 at a time: what does a player cost, and how many a second does one process match?",
    (
        COSTS,
        Figure("Redis CPU", "us a player", 60, 40),
        QUESTIONS,
        Figure("rate", "players a second", 1300, 2000, least=True),
        *TIMES,
    ),
    flood,
    full={"players": 2000, "at_once": 400, "teams": (1, 1)},
    smoke={"players": 40, "at_once": 10, "teams": (1, 1), "warm_up": 4},
    rounds=3,
)

SQUADS = Scenario(
    "squads",
    "five against five, 400 at a time",
    (COSTS, Figure("Redis CPU", "us a player"), QUESTIONS, Figure("rate", "players a second"), *TIMES),
    flood,
    full={"players": 4000, "at_once": 400, "teams": (5, 5)},
    smoke={"players": 40, "at_once": 20, "teams": (5, 5), "warm_up": 10},
)

ROYALE = Scenario(
    "royale",
    "a hundred alone against each other, 600 at a time",
    (COSTS, Figure("Redis CPU", "us a player"), QUESTIONS, Figure("rate", "players a second"), *TIMES),
    flood,
    full={"players": 4000, "at_once": 600, "teams": (100,)},
    smoke={"players": 200, "at_once": 200, "teams": (100,), "warm_up": 100},
)
