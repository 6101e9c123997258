"""Whole services of real processes: a store, nodes and game servers, on free ports and in temporary folders.

A ``Fleet`` starts them, and ends all of them, whatever state they are in. Each can be killed, frozen, thawed,
stopped in order and started again where it was.
"""

from __future__ import annotations

import atexit
import json
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from twisted.internet.error import ConnectError

from tests.support.children import Child, twistd
from tests.support.loopback import ask, get
from tests.support.operators import Reply
from tests.support.valkey import Valkey, free_port
from tests.support.waiting import eventually, until

PATIENCE = 20.0
"""Seconds until something that should happen at once is given up, on a machine that is busy."""


P = TypeVar("P", bound="Program")


class Program:
    """``twistd -n ARGUMENTS``, not yet started; every run of it has a folder of its own below ``folder``."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.arguments = arguments
        self.environment: Mapping[str, str] = {}
        self.runs: list[Child] = []

    def start(self) -> Self:
        """Start it, for the first time or again."""
        run = self.folder / f"run-{len(self.runs) + 1}"
        self.runs.append(twistd(run, "-n", *self.arguments, environment=self.environment))
        return self

    @property
    def child(self) -> Child:
        """The present run, or the last one."""
        return self.runs[-1]

    @property
    def log(self) -> str:
        """All that it has printed so far, in all its runs."""
        return "".join(run.stdout for run in self.runs)

    @property
    def complaints(self) -> str:
        """All that it has written to stderr so far."""
        return "".join(run.stderr for run in self.runs)

    async def logs(self, text: str) -> None:
        """Wait until the present run has logged ``text``."""
        await until(lambda: text in self.child.stdout or self.child.status is not None, PATIENCE)
        assert text in self.child.stdout, f"{text!r} was not logged:\n{self.child.stdout}\n{self.child.stderr}"

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.child.signal(number)

    def freeze(self) -> None:
        """It does nothing more until it is thawed, as on a machine that hangs."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """It dies at once, without a word."""
        self.child.kill()

    async def stop(self) -> int:
        """Ask it to end in order (SIGTERM), and wait; its exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit status, once it has ended; below zero the signal that it died by."""
        await until(lambda: self.child.status is not None, seconds)
        status = self.child.status
        assert status is not None
        return status


class Node(Program):
    """``twistd -n matchd`` on ports of its own, the same in every run; ``url`` is where players connect."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.player_port, self.operator_port = free_port(), free_port()
        self.url = f"ws://127.0.0.1:{self.player_port}/ws/"
        listening = ("--listen", endpoint(self.player_port), "--http", endpoint(self.operator_port))
        super().__init__(folder, "matchd", *listening, *options)

    async def ready(self) -> Self:
        """Wait until it says that it can serve players."""
        await eventually(self._is_ready, bool, PATIENCE)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """One request to its operators' port."""
        return await ask(self.operator_port, method, path, body, **headers)

    async def get(self, path: str) -> Any:
        """The JSON at ``path`` of its operators' port."""
        return await get(self.operator_port, path)

    async def health(self) -> tuple[int, Any]:
        """Whether it is ready: the status and what it says of itself."""
        reply = await self.ask("GET", "/health/ready")
        return reply.status, json.loads(reply.text)

    async def queued(self, mode: str = "Normal_1v1") -> int:
        """How many wait in a mode, across all nodes."""
        waiting: int = (await self.get("/v1/invariants"))["players"]["queued"][mode]
        return waiting

    async def servers(self) -> dict[str, dict[str, Any]]:
        """The game servers that it knows, by id."""
        return {server["id"]: server for server in (await self.get("/v1/servers"))["servers"]}

    async def _is_ready(self) -> bool:
        if self.child.status is not None:
            raise AssertionError(f"it ended with {self.child.status}:\n{self.child.stdout}\n{self.child.stderr}")
        try:
            return (await self.health())[0] == 200
        except ConnectError:
            return False


class GameServer(Program):
    """``twistd -n dedicated``, registered with ``node``."""

    def __init__(self, folder: Path, node: Node, server_id: str, *options: str) -> None:
        self.server_id = server_id
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._node = node
        home = f"http://127.0.0.1:{node.operator_port}"
        super().__init__(
            folder, "dedicated", "--matchd", home, "--listen", endpoint(self.port), "--server-id", server_id, *options
        )

    async def ready(self) -> Self:
        """Wait until its node, which has to be ready too, knows it."""
        await self._node.ready()
        await eventually(self._node.servers, lambda servers: self.server_id in servers, PATIENCE)
        return self

    async def running(self) -> int:
        """The sessions that run there, by its own word."""
        sessions: int = (await get(self.port, "/health"))["sessions"]
        return sessions


class Fleet:
    """The processes of one service; ``close`` ends them all.

    ``environment`` is for programs that are started from then on.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="matchd-fleet-"))
        self.valkeys: list[Valkey] = []
        self.programs: list[Program] = []
        self.environment: Mapping[str, str] = {}
        atexit.register(self.close)

    def valkey(self, *options: str, password: str = "", user: str = "") -> Valkey:
        """A store of its own, which answers already."""
        self.valkeys.append(Valkey(*options, password=password, user=user))
        return self.valkeys[-1].start()

    def node(self, *options: str) -> Node:
        """A node that has just been started; wait until it is ``ready()``."""
        return self._started(Node(self._folder("node"), *options))

    def game_server(self, node: Node, *options: str) -> GameServer:
        """A game server that has just been started; wait until it is ``ready()``."""
        folder = self._folder("server")
        return self._started(GameServer(folder, node, folder.name, *options))

    def program(self, *arguments: str) -> Program:
        """``twistd -n ARGUMENTS``, just started."""
        return self._started(Program(self._folder("program"), *arguments))

    def client(self, *options: str) -> Child:
        """``python -m client OPTIONS``, just started; it ends with the fleet at the latest."""
        program = Program(self._folder("client"))
        program.runs.append(Child(program.folder, "-m", "client", *options))
        self.programs.append(program)
        return program.child

    def file(self, name: str, content: str) -> str:
        """A file in the fleet's folder; its path."""
        path = self.folder / name
        path.write_text(content)
        return str(path)

    def tracebacks(self) -> list[str]:
        """What any of them printed that has a traceback in it."""
        printed = [text for program in self.programs for text in (program.log, program.complaints)]
        return [text for text in printed if "Traceback" in text or "Unhandled" in text]

    def close(self) -> None:
        """End everything, and remove the folders."""
        atexit.unregister(self.close)
        for program in self.programs:
            program.kill()
        for valkey in self.valkeys:
            valkey.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _started(self, program: P) -> P:
        self.programs.append(program)
        program.environment = self.environment
        return program.start()

    def _folder(self, kind: str) -> Path:
        return self.folder / f"{kind}-{len(self.programs) + 1}"


def endpoint(port: int) -> str:
    """Where to listen for this machine only, as Twisted writes it."""
    return f"tcp:{port}:interface=127.0.0.1"
