"""``python -m bench.compare``: matchd beside a naive server, in the same run on the same machine, as ratios.

Rounds alternate between the two, and medians are told. What counts is the CPU time of the server's process
for each player on his way to a match: seconds on the clock say more about the machine than about the server.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.task import react

from bench.idle import Holder
from bench.samples import cpu_seconds, look
from matchd.background import Background
from matchd.dedicated.service import GameServerService
from matchd.dedicated.sessions import Sessions
from tests.support.children import Child
from tests.support.fleet import Fleet, Node, Program
from tests.support.loopback import exchange
from tests.support.valkey import Valkey, free_port
from tests.support.waiting import eventually, pause

ROUND_SECONDS = 120.0
QUIET_SECONDS = 1.0
WARM_UP = 200
"""Players, and connections, that go before those that are measured."""
HELD = 1000
MICRO = 1e6
WAITING = "Waiting"
"""A mode of which no match is ever made: matchd has no game server then, and the naive server draws no other mode."""


@dataclass(slots=True)
class Server:
    """A server under test with a store of its own; figures by name, one a round."""

    name: str
    url: str
    program: Program
    store: Valkey
    figures: dict[str, list[float]] = field(default_factory=dict)

    def note(self, what: str, value: float) -> None:
        """One more figure."""
        self.figures.setdefault(what, []).append(value)


class Comparison:
    """Starts both servers, measures them in turn, and ends them."""

    def __init__(self, reactor: Any, options: argparse.Namespace) -> None:
        self._reactor = reactor
        self._options = options
        self.fleet = Fleet()

    async def run(self) -> list[Server]:
        """All the rounds; what was measured."""
        await self._start_game_server()
        servers = [await self._matchd("--dedicated", self._games), await self._naive()]
        for server in servers:
            await self._round(server, WARM_UP)
            server.figures.clear()
        for number in range(self._options.rounds):
            for server in servers:
                await self._round(server, self._options.players)
            print(f"round {number + 1} of {self._options.rounds}", flush=True)
        for what, mode in (("connected", ""), ("queued", WAITING)):
            await self._hold(servers[0], await self._matchd(), what, mode)
            await self._hold(servers[1], await self._naive(), what, mode)
        return servers

    async def _start_game_server(self) -> None:
        endpoint = TCP4ServerEndpoint(self._reactor, 0, interface="127.0.0.1")
        games = GameServerService(self._reactor, Background(self._reactor), endpoint, Sessions(10_000, 0.5))
        games.startService()
        self._reactor.addSystemEventTrigger("before", "shutdown", games.stopService)
        self._games = games.address

    async def _matchd(self, *options: str) -> Server:
        store = self.fleet.valkey()
        config = self.fleet.file("matchd.toml", f'[modes.Normal_1v1]\norder = "random"\n[modes.{WAITING}]\n')
        node: Node = self.fleet.node("--redis", f"redis://127.0.0.1:{store.port}", "--config", config, *options)
        await node.ready()
        return Server("matchd", node.url, node, store)

    async def _naive(self) -> Server:
        store, port = self.fleet.valkey(), free_port()
        program = Program(self.fleet.folder / f"naive-{port}")
        program.runs.append(Child(program.folder, "-m", "bench.naive", str(port), str(store.port), self._games))
        self.fleet.programs.append(program)
        await eventually(lambda: self._listens(port), bool)
        return Server("naive", f"ws://127.0.0.1:{port}/ws/", program, store)

    async def _listens(self, port: int) -> bool:
        with suppress(ConnectError):
            return bool(await exchange(port, b"GET / HTTP/1.0\r\n\r\n"))
        return False

    # the whole flow

    async def _round(self, server: Server, players: int) -> None:
        """Let players come, some at a time, each wait no longer than the server makes him, and go."""
        await pause(QUIET_SECONDS)
        before = cpu_seconds(server.program.child.pid), cpu_seconds(server.store.pid)
        account = await self._load(server, players)
        after = cpu_seconds(server.program.child.pid), cpu_seconds(server.store.pid)
        if account["matched"] < players or account["lost"]:
            raise AssertionError(f"{server.name} matched {account['matched']} of {players}: {account}")
        server.note("server CPU, us a player", (after[0] - before[0]) / players * MICRO)
        server.note("Redis CPU, us a player", (after[1] - before[1]) / players * MICRO)
        server.note("from wish to match, ms, median", account["waits"]["p50"] * 1000)

    async def _load(self, server: Server, players: int) -> dict[str, Any]:
        options = {"url": server.url, "players": self._options.at_once, "wishes": players, "seconds": ROUND_SECONDS}
        at_once = {"loading": 0, "linger": 0, "pause": 0}
        words = [word for name, value in (options | at_once).items() for word in (f"--{name}", str(value))]
        load = Program(self.fleet.folder / "load")
        load.runs.append(Child(load.folder, "-m", "bench.load", *words, "--json"))
        self.fleet.programs.append(load)
        await load.ended(ROUND_SECONDS * 2)
        account: dict[str, Any] = json.loads(load.child.stdout.splitlines()[-1])
        return account

    # connections that stand there

    async def _hold(self, server: Server, fresh: Server, what: str, mode: str) -> None:
        """What one connection takes, in a server that has just been started."""
        holder = Holder(self._reactor, fresh.url)
        await holder.open(WARM_UP, mode)
        rss, cpu, connections = _taken(fresh)
        await holder.open(HELD, mode)
        await pause(QUIET_SECONDS)
        more_rss, more_cpu, more_connections = _taken(fresh)
        server.note(f"server memory, KiB a {what} player", (more_rss - rss) / HELD)
        server.note(f"server CPU, us to get one {what}", (more_cpu - cpu) / HELD * MICRO)
        server.note(f"connections to Redis, a {what} player", (more_connections - connections) / HELD)
        holder.close()
        fresh.program.kill()


def _taken(server: Server) -> tuple[float, float, int]:
    """Memory (KiB), CPU time (s) and connections to Redis."""
    pid = server.program.child.pid
    sample = look(pid, 0.0)
    assert sample is not None
    return sample.rss_mib * 1024, cpu_seconds(pid), server.store.clients()


def table(matchd: Server, naive: Server) -> str:
    """The medians side by side; the last column is how many times as much the naive server takes."""
    lines = [f"\n{'':38}{'matchd':>10}{'naive':>10}{'naive / matchd':>16}"]
    for what in matchd.figures:
        ours, theirs = median(matchd.figures[what]), median(naive.figures[what])
        ratio = f"{theirs / ours:.2f}" if ours > 0.005 else "-"
        lines.append(f"{what:38}{ours:10.1f}{theirs:10.1f}{ratio:>16}")
    spread = matchd.figures["server CPU, us a player"]
    lines.append(
        f"\n{len(spread)} rounds each; server CPU of matchd {min(spread):.0f} to {max(spread):.0f} us a player"
    )
    return "\n".join(lines)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="for each server")
    parser.add_argument("--players", type=int, default=2000, help="matched in each round; an even number")
    parser.add_argument("--at-once", type=int, default=100, help="how many of them are there at once; an even number")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run the comparison; the exit status."""
    options = parse(arguments)
    told: list[str] = []

    async def run(reactor: Any) -> None:
        comparison = Comparison(reactor, options)
        reactor.addSystemEventTrigger("before", "shutdown", comparison.fleet.close)
        try:
            told.append(table(*await Deferred.fromCoroutine(comparison.run())))
        finally:
            comparison.fleet.close()

    with suppress(SystemExit):
        react(run)
    print("\n".join(told) or "compare: it did not come to an end", flush=True)
    return 0 if told else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
