"""Players who wait: what each takes, what they cost while nothing happens, and how well they are served meanwhile."""

from __future__ import annotations

import asyncio

from bench.books import quantile
from bench.crowds import TOML, Crowds, Figures
from bench.scenario import Figure, Outcome, Scenario
from bench.scrape import longest_lag, scrape
from bench.stage import Meter, Stage

SETTLE_SECONDS = 3.0
CHURN, RUSH = 0.05, 1.0
"""Share of the players who go, and of those who come in their place, each minute: usually, and under load."""
PROBES = 50.0
"""Pings a second, to players by chance."""
PINGED_SECONDS = 40.0
"""In which everybody who waits is pinged once; most of them within half of that time, as they came together."""
ROOM = 200
"""Connections beyond the players: he who comes may be there before the node has heard that another one went."""


async def hold(stage: Stage, players: int, quiet: float, seconds: float, rush: float) -> Outcome:
    """Players come, nothing happens for ``quiet`` seconds, some come and go for ``seconds``, many for ``rush``."""
    room = f"{TOML}[limits]\nmax_connections = {players + ROOM}\n"
    node = await stage.node(stage.store(), toml=room)
    meter = Meter(server=node.child.pid)
    empty = meter.rss_kib()["server"]
    figures: dict[str, float] = {}
    async with Crowds(node.url) as crowds:
        await crowds.open(players)
        figures["CPU to come in"] = meter.micros(players)["server"]
        await asyncio.sleep(SETTLE_SECONDS)
        figures["memory"] = (meter.rss_kib()["server"] - empty) / players
        stage.say(f"{players} players wait, and nothing else happens for {quiet:g} s")
        meter.reset()
        await crowds.hold(quiet)
        figures["idle CPU"] = 100 * meter.shares()["server"]
        stage.say(f"some come and go for {seconds:g} s")
        held = await crowds.hold(seconds, CHURN, PROBES)
        figures |= {f"ping {name}": value for name, value in _pongs(held).items()}
        stage.say(f"many come and go for {rush:g} s")
        before = await scrape(node.operator_port)
        meter.reset()
        rushed = await crowds.hold(rush, RUSH, PROBES)
        figures["longest lag"] = 1000 * longest_lag(before, await scrape(node.operator_port))
        figures |= {f"rush {name}": value for name, value in _pongs(rushed).items()}
        figures["rush CPU"] = 100 * meter.shares()["server"]
        figures["held"] = sum(one["players"] for one in rushed)
        unanswered = sum(one["unanswered"] for one in rushed)
    wrong = [*crowds.wrong, *([f"{unanswered} pings were not answered"] if unanswered else [])]
    if figures["held"] != players:
        wrong.append(f"{figures['held']} of {players} players are there at the end")
    return Outcome(figures, wrong)


def _pongs(held: list[Figures]) -> dict[str, float]:
    pongs = [1000 * pong for one in held for pong in one["pongs"]]
    return {"p50": quantile(pongs, 0.5), "p99": quantile(pongs, 0.99), "worst": quantile(pongs, 1.0)}


SCENARIO = Scenario(
    "hold",
    "18,000 wait on one process, a twentieth of them others each minute: how are they served?",
    (
        Figure("held", "players", 18_000, least=True),
        Figure("memory", "KiB a player", 9, 7),
        Figure("CPU to come in", "us a player"),
        Figure("idle CPU", "% of a core", 2),
        Figure("ping p50", "ms"),
        Figure("ping p99", "ms", 100),
        Figure("ping worst", "ms"),
        Figure("longest lag", "ms", 80, 30),
        Figure("rush p50", "ms"),
        Figure("rush p99", "ms"),
        Figure("rush worst", "ms"),
        Figure("rush CPU", "% of a core"),
    ),
    hold,
    full={"players": 18_000, "quiet": PINGED_SECONDS, "seconds": 120.0, "rush": 30.0},
    smoke={"players": 60, "quiet": 1.0, "seconds": 2.0, "rush": 2.0},
    long={"seconds": 600.0},
    seconds=1200.0,
)
