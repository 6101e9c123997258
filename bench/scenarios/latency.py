"""How long each step takes in an open loop, at shares of what one process matches in a closed one."""

from __future__ import annotations

from collections.abc import Sequence

from bench.account import Account
from bench.generator import Generator, Plan
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Meter, Stage

HALF = 0.5
LATEST_MILLIS = 5.0
"""A generator that is later than this (p99) measures the machine, and not the server."""
STEPS = {"last enqueue to start": "start", "last loaded to match": "found"}


async def latency(stage: Stage, players: int, at_once: int, seconds: float, shares: Sequence[float]) -> Outcome:
    """First how many a second there could be; then so many for ``seconds``, share by share."""
    node, store = await stage.service()
    plan = Plan([node.url])
    best = (await Generator(plan, stage.say).closed(players, at_once)).per_second
    outcome = Outcome({"closed loop": best}, series={name: [] for name in ("start p50", "start p99", "found p99")})
    for share in shares:
        rate = max(best * share, 20.0)
        stage.say(f"{share:.0%} of that: {rate:.0f} players a second for {seconds:g} s")
        meter = Meter(server=node.child.pid, redis=store.pid)
        account = await Generator(plan, stage.say).open(round(rate * seconds / 2) * 2, rate)
        outcome.wrong += account.wrong
        outcome.notes += [f"at {share:.0%}: {remark}" for remark in account.remarks]
        _note(outcome, account, share, meter.shares()["server"])
    return outcome


def _note(outcome: Outcome, account: Account, share: float, busy: float) -> None:
    told = {f"{short} {q}": account.millis[step][q] for step, short in STEPS.items() for q in ("p50", "p99", "p100")}
    if share == HALF:
        late = account.millis["late"]["p99"]
        outcome.figures |= told | {"half load": account.per_second, "server busy": busy * 100, "generator late": late}
        if late > LATEST_MILLIS:
            outcome.notes.append("The machine was too busy for times: the generator itself came late.")
    for name, points in outcome.series.items():
        points.append((share * 100, told[name]))


SCENARIO = Scenario(
    "latency",
    "one against one at a fixed rate: how long does each step take at half load, and how does that grow?",
    (
        Figure("closed loop", "players a second"),
        Figure("half load", "players a second"),
        Figure("server busy", "% of a core"),
        Figure("start p50", "ms", 3),
        Figure("start p99", "ms", 20, 10),
        Figure("start p100", "ms"),
        Figure("found p50", "ms", 5),
        Figure("found p99", "ms", 30),
        Figure("found p100", "ms"),
        Figure("generator late", "ms, p99"),
    ),
    latency,
    full={"players": 3000, "at_once": 400, "seconds": 8.0, "shares": (0.25, HALF, 0.75, 0.9)},
    smoke={"players": 20, "at_once": 10, "seconds": 1.0, "shares": (HALF,)},
    rounds=3,
    seconds=150.0,
)
