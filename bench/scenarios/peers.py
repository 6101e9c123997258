"""matchd beside what one would use or write instead, one after the other in one run: a player's cost, as ratios."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

from bench.account import Account
from bench.generator import Generator, Plan
from bench.peers import seats
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Meter, Stage, listens
from tests.support.valkey import free_port

COLYSEUS = Path(seats.__file__).parent / "colyseus"
MODULES = COLYSEUS / "node_modules"
NEEDS = {"port": ("uvloop", "redis", "aiohttp", "websockets"), "literal": ()}
TOML = '[modes.Game]\nteams = [1, 1]\norder = "random"\n'

INSTALL_SECONDS = 90.0

Flow = Callable[[int, int], Awaitable[Account]]
"""So many players, so many of them at once."""


class Unavailable(Exception):
    """A peer can't run here; the text says why."""


async def peers(stage: Stage, players: int, at_once: int, warm_up: int, install: bool) -> Outcome:
    """Each peer in turn; one that can't run here is named, and left out. To ``install`` is to fetch Colyseus."""
    if install and not MODULES.is_dir():
        await _install(stage)
    outcome = Outcome()
    for name, start in START.items():
        stage.say(name)
        try:
            flow, meter = await start(stage)
        except Unavailable as why:
            outcome.notes.append(f"{name} was left out: {why}")
            continue
        await flow(warm_up, min(at_once, warm_up))
        meter.reset()
        account = await flow(players, at_once)
        outcome.wrong += [f"{name}: {what}" for what in account.wrong]
        outcome.notes += [f"{name}: {remark}" for remark in account.remarks]
        outcome.figures[f"{name}: rate"] = account.per_second
        for process, micros in meter.micros(account.matched).items():
            outcome.figures[f"{name}: {process} CPU"] = micros
    _compare(outcome.figures)
    return outcome


def _compare(figures: dict[str, float]) -> None:
    for name in PEERS:
        if f"{name}: server CPU" in figures and "matchd: server CPU" in figures:
            figures[f"matchd / {name}"] = figures["matchd: server CPU"] / figures[f"{name}: server CPU"]


def _beside(stage: Stage, url: str, meter: Meter) -> tuple[Flow, Meter]:
    plan = Plan([url], ["Game"])
    return (lambda players, at_once: Generator(plan, stage.say).closed(players, at_once)), meter


async def _matchd(stage: Stage) -> tuple[Flow, Meter]:
    node, store = await stage.service(toml=TOML)
    return _beside(stage, node.url, Meter(server=node.child.pid, redis=store.pid))


async def _own(stage: Stage, name: str) -> tuple[Flow, Meter]:
    """One of those in bench/peers/ that speak matchd's protocol."""
    if missing := [module for module in NEEDS[name] if find_spec(module) is None]:
        raise Unavailable(f"{', '.join(missing)} is not installed: pip install -e '.[bench]'")
    store, port = stage.store(), free_port()
    (games,) = await stage.game_servers(1)
    program = stage.python("-m", f"bench.peers.{name}", str(port), str(store.port), games)
    await stage.until(lambda: listens(port), program)
    return _beside(stage, f"ws://127.0.0.1:{port}/ws/", Meter(server=program.child.pid, redis=store.pid))


async def _colyseus(stage: Stage) -> tuple[Flow, Meter]:
    if (node := shutil.which("node")) is None:
        raise Unavailable("there is no node")
    if not MODULES.is_dir():
        raise Unavailable("npm install --omit=optional in bench/peers/colyseus")
    port = free_port()
    program = stage.command(node, str(COLYSEUS / "server.mjs"), str(port))
    await stage.until(lambda: listens(port), program)
    return (lambda players, at_once: seats.closed(port, players, at_once)), Meter(server=program.child.pid)


async def _install(stage: Stage) -> None:
    """Fetch Colyseus, if npm is there; where that fails, it is left out."""
    if (npm := shutil.which("npm")) is None:
        return
    stage.say("npm install")
    installing = stage.command(npm, "install", "--omit=optional", "--prefix", str(COLYSEUS)).child
    deadline = monotonic() + INSTALL_SECONDS
    while installing.status is None and monotonic() < deadline:
        await asyncio.sleep(0.2)


START: dict[str, Callable[[Stage], Awaitable[tuple[Flow, Meter]]]] = {
    "matchd": _matchd,
    "asyncio port": lambda stage: _own(stage, "port"),
    "literal Twisted": lambda stage: _own(stage, "literal"),
    "Colyseus": _colyseus,
}
PEERS = tuple(START)[1:]


def _figures() -> Iterator[Figure]:
    yield Figure("matchd / asyncio port", "of its server CPU", 0.25, 0.167)
    yield Figure("matchd / literal Twisted", "of its server CPU", 0.25, 0.167)
    yield Figure("matchd / Colyseus", "of its server CPU", 0.5, 0.333)
    for name in START:
        yield Figure(f"{name}: server CPU", "us a player")
        if name != "Colyseus":
            yield Figure(f"{name}: redis CPU", "us a player")
        yield Figure(f"{name}: rate", "players a second")


SCENARIO = Scenario(
    "peers",
    "one against one, 400 at a time, beside an asyncio port, a literal one on Twisted, and Colyseus's queue",
    tuple(_figures()),
    peers,
    full={"players": 2000, "at_once": 400, "warm_up": 200, "install": True},
    smoke={"players": 20, "at_once": 10, "warm_up": 4, "install": False},
    seconds=240.0,
    rounds=3,
)
