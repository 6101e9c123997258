"""What a scenario plays on: stores, nodes and game servers, each a process of its own, and what they take."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from bench.samples import cpu_seconds, look
from tests.support.children import Child
from tests.support.fleet import Fleet, Node, Program
from tests.support.valkey import Valkey, free_port

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05
MICRO = 1e6
GAME_SERVERS = 8
"""As a fleet has more than one: a node asks each for no more than 32 sessions at a time."""
MANY = "100000"
"""Connections that nobody here comes to."""


class Unready(Exception):
    """Something did not start; the text says what, and what it printed."""


def say_on_stderr(text: str) -> None:
    """Print a line of progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


class Stage:
    """An empty stage; whatever is put on it ends with it (``async with``)."""

    def __init__(self, say: Callable[[str], None] = say_on_stderr) -> None:
        self.fleet = Fleet()
        self.say = say
        """Tells of progress, whoever watches."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fleet.close()

    def store(self) -> Valkey:
        """A Valkey with nothing in it, which answers already."""
        return self.fleet.valkey("--maxclients", MANY)

    async def node(self, store: Valkey, *options: str, toml: str = "") -> Node:
        """A node of matchd on ``store``, ready; ``toml`` is its file, ``options`` are of its command line."""
        config = self.fleet.file(f"matchd-{len(self.fleet.programs)}.toml", toml)
        node = self.fleet.node("--redis", f"redis://127.0.0.1:{store.port}/0", "--config", config, *options)
        await self.until(lambda: is_healthy(node.operator_port), node)
        return node

    async def service(self, *options: str, toml: str = "") -> tuple[Node, Valkey]:
        """What most scenarios play on: a node, its store, and game servers that always have room."""
        store = self.store()
        servers = [word for address in await self.game_servers() for word in ("--dedicated", address)]
        return await self.node(store, *servers, *options, toml=toml), store

    async def game_servers(self, count: int = GAME_SERVERS) -> list[str]:
        """The addresses of game servers that always have room and answer at once; all are one process."""
        unused: set[int] = set()
        while len(unused) < count:
            unused.add(free_port())
        ports = list(unused)
        program = self.python("-m", "bench.gameserver", *map(str, ports))
        await self.until(lambda: listens(ports[-1]), program)
        return [f"127.0.0.1:{port}" for port in ports]

    def python(self, *arguments: str) -> Program:
        """``python ARGUMENTS``, just started."""
        program = Program(self.fleet.folder / f"program-{len(self.fleet.programs) + 1}")
        program.runs.append(Child(program.folder, *arguments))
        self.fleet.programs.append(program)
        return program

    def command(self, *command: str) -> Program:
        """Any other program, just started."""
        return self.python("-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *command)

    async def until(self, condition: Callable[[], Awaitable[bool]], program: Program) -> None:
        """Wait until what ``program`` is needed for is true. Raises Unready."""
        deadline = time.monotonic() + READY_SECONDS
        while not await condition():
            if program.child.status is not None or time.monotonic() > deadline:
                raise Unready(f"{program.folder.name} is not ready:\n{program.log}\n{program.complaints}"[-2000:])
            await asyncio.sleep(LOOK_SECONDS)

    def complaints(self) -> list[str]:
        """Every node of matchd that printed a traceback, with the end of it."""
        nodes = [program for program in self.fleet.programs if isinstance(program, Node)]
        return [
            f"{node.folder.name} printed a traceback: {printed[printed.find('Traceback') :][:1000]}"
            for node in nodes
            for printed in (node.log + node.complaints,)
            if "Traceback" in printed or "Unhandled" in printed
        ]


class Meter:
    """The CPU time that processes take from now on, by name; each may be several processes."""

    def __init__(self, **pids: int | list[int]) -> None:
        self._pids = {name: [pid] if isinstance(pid, int) else pid for name, pid in pids.items()}
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._began, self._before = time.monotonic(), self._read()

    def seconds(self) -> dict[str, float]:
        """CPU seconds since then."""
        return {name: now - self._before[name] for name, now in self._read().items()}

    def micros(self, players: int) -> dict[str, float]:
        """CPU microseconds since then for each of so many players."""
        return {name: seconds / max(players, 1) * MICRO for name, seconds in self.seconds().items()}

    def shares(self) -> dict[str, float]:
        """How much of a core each took since then, 1 being all of it."""
        elapsed = time.monotonic() - self._began
        return {name: seconds / elapsed for name, seconds in self.seconds().items()}

    def rss_kib(self) -> dict[str, float]:
        """Resident memory now."""
        return {name: sum(_rss_kib(pid) for pid in pids) for name, pids in self._pids.items()}

    def _read(self) -> dict[str, float]:
        return {name: sum(map(cpu_seconds, pids)) for name, pids in self._pids.items()}


def _rss_kib(pid: int) -> float:
    sample = look(pid, 0.0)
    return sample.rss_mib * 1024 if sample else 0.0


async def listens(port: int) -> bool:
    """Whether somebody listens on a port of the loopback."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def is_healthy(operator_port: int) -> bool:
    """Whether a node says that it is ready."""
    try:
        return await ask(operator_port, "GET", "/health/ready") == 200
    except (OSError, asyncio.IncompleteReadError):
        return False


async def is_known(operator_port: int, server_id: str) -> bool:
    """Whether a node knows a game server."""
    answer = json.loads((await exchange(operator_port, "GET", "/v1/servers"))[1])
    return any(server["id"] == server_id for server in answer["servers"])


async def ask(port: int, method: str, path: str, body: bytes = b"") -> int:
    """The status of one HTTP request to the loopback. Raises OSError and IncompleteReadError."""
    return (await exchange(port, method, path, body))[0]


async def exchange(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """The status and the body of the answer to one HTTP request to the loopback. Raises as above."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        status = int((await reader.readuntil(b"\r\n")).split()[1])
        await reader.readuntil(b"\r\n\r\n")
        return status, await reader.read()
    finally:
        writer.close()
