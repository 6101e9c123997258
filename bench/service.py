"""What a soak runs on: a store, three nodes, two game servers and the load, each a process of its own."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Coroutine
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

from tests.support.children import Child
from tests.support.fleet import Fleet, GameServer, Node, Program
from tests.support.valkey import Valkey

NODES = 3
GAME_SERVERS = 2
SLOTS = 300
SESSION_SECONDS = 3
ANSWER_SECONDS = 2.0
"""How long a node may take to say how it is before it counts as unwell."""

MODES = """
[modes.Normal_1v1]
order = "random"

[modes.Duos]
teams = [2, 2]
loading_timeout = 20
"""
TEAMS = {"Normal_1v1": "1+1", "Duos": "2+2"}

UNANSWERED = (ConnectError, ConnectionDone, ConnectionLost, HTTPException, TimeoutError, AssertionError, ValueError)
"""What asking a process that is unwell ends in."""

T = TypeVar("T")


class Service:
    """All the processes; ``close`` ends them. Whatever is meant to be unwell now is in ``unwell``."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.unwell: set[object] = set()
        self.emptied: list[float] = []
        """When the store was killed to come back empty, by the monotonic clock."""

    async def start(self) -> None:
        """Start all but the load; returns when everything is ready."""
        self.store: Valkey = self.fleet.valkey("--appendonly", "yes", "--appendfsync", "everysec")
        config = self.fleet.file("matchd.toml", MODES)
        redis = f"redis://127.0.0.1:{self.store.port}/0"
        self.nodes: list[Node] = [self.fleet.node("--redis", redis, "--config", config) for _ in range(NODES)]
        slots = "--capacity", str(SLOTS), "--session-seconds", str(SESSION_SECONDS)
        self.servers: list[GameServer] = [self.fleet.game_server(self.nodes[i], *slots) for i in range(GAME_SERVERS)]
        for node in self.nodes:
            await node.ready()
        for server in self.servers:
            await server.ready()

    def start_load(self, players: int, seed: int) -> None:
        """Let the players come, until ``stop_load``."""
        urls = [word for node in self.nodes for word in ("--url", node.url)]
        modes = [word for mode, teams in TEAMS.items() for word in ("--mode", f"{mode}={teams}")]
        counts = ["--players", str(players), "--seconds", "1e9", "--status", "0.25", "--json", "--seed", str(seed)]
        self.load = Program(self.fleet.folder / "load")
        self.load.runs.append(Child(self.load.folder, "-m", "bench.load", *urls, *modes, *counts))
        self.fleet.programs.append(self.load)

    async def stop_load(self, seconds: float) -> dict[str, Any]:
        """Have nobody come any more; the account, once everybody has left."""
        self.load.signal(signal.SIGTERM)
        await self.load.ended(seconds)
        account: dict[str, Any] = json.loads(self.load.child.stdout.splitlines()[-1])
        return account

    def reset_some_players(self) -> None:
        """A fifth of the players lose their connections."""
        self.load.signal(signal.SIGUSR1)

    def standing(self) -> dict[str, Any]:
        """What the load said last: who waits longest, and since when; nothing before its first word."""
        lines = [line for line in self.load.child.stdout.splitlines(keepends=True) if line.endswith("\n")]
        standing: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return standing

    # how it is

    async def troubles(self) -> list[str]:
        """Why things are not as they should be; nothing when they are."""
        troubles = [f"{name_of(part)} is meant to be unwell" for part in self.unwell]
        for node in self.nodes:
            troubles += await self._trouble(node)
        if not troubles:
            known = await self._answer(self.nodes[0].servers())
            troubles = [f"{server.server_id} is not known" for server in self.servers if server.server_id not in known]
        return troubles

    async def contradictions(self) -> list[str]:
        """What a node that can answer finds wrong with the store; raises one of UNANSWERED when none can."""
        able = [node for node in self.nodes if node not in self.unwell]
        if not able or self.store in self.unwell:
            raise TimeoutError
        found: list[str] = (await self._answer(able[0].get("/v1/invariants")))["contradictions"]
        return found

    async def players_at(self, node: Node) -> int:
        """How many players are connected to a node, by its own word; raises one of UNANSWERED."""
        metrics = (await self._answer(node.ask("GET", "/metrics"))).text
        return int(float(metrics.partition("\nmatchd_connections ")[2].split()[0]))

    async def _trouble(self, node: Node) -> list[str]:
        if node in self.unwell:
            return []
        try:
            status, answer = await self._answer(node.health())
        except UNANSWERED as error:
            return [f"{name_of(node)}: {type(error).__name__}"]
        return [] if status == 200 else [f"{name_of(node)}: {answer['reason']}"]

    async def _answer(self, question: Coroutine[Any, Any, T]) -> T:
        return await Deferred.fromCoroutine(question).addTimeout(ANSWER_SECONDS, reactor)

    def dead(self) -> list[str]:
        """Processes that ended though nobody ended them."""
        parts = [part for part in (*self.nodes, *self.servers, self.load) if part not in self.unwell]
        return [f"{name_of(part)} ended with {part.child.status}" for part in parts if part.child.status is not None]

    # the store

    def kill_store(self, empty: bool) -> None:
        """It dies at once and comes back, as it was or empty."""
        if empty:
            self.emptied.append(time.monotonic())
        self.store.kill()
        if empty:
            shutil.rmtree(Path(self.store.folder, "appendonlydir"))
        self.store.start()

    def keys(self) -> set[str]:
        """Every key in the store."""
        return {key.decode() for key in self.store.ask("KEYS", "*")}

    def store_memory(self) -> int:
        """What the store's data takes, in bytes."""
        memory: bytes = self.store.ask("INFO", "memory")
        return int(memory.partition(b"used_memory:")[2].split()[0])

    def close(self) -> None:
        """End everything."""
        self.fleet.close()


def name_of(part: object) -> str:
    """What to call a process."""
    return part.folder.name if isinstance(part, Program) else "store"
