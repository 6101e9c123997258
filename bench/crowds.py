"""Crowds of waiting players, each in a process with descriptors of its own: the far end of ``crowd.py``."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType
from typing import Any, Self

from tests.support.children import REPOSITORY

ANSWER_BYTES = 2**24
"""An answer has a figure for each probe."""
WAITING = "Waiting"
"""A mode that only crowds wish for; without a game server nobody is drawn from it."""

TOML = f"[modes.{WAITING}]\n"
"""The settings of a node for them."""

Figures = dict[str, Any]


class Crowds:
    """Several crowds that are asked for the same at the same time, each for its share (``async with``)."""

    def __init__(self, url: str, count: int = 2, mode: str = WAITING) -> None:
        self.wrong: list[str] = []
        self._commands = [(url, f"crowd{number}", mode, f"127.0.1.{number + 1}") for number in range(count)]
        self._processes: list[Process] = []

    async def __aenter__(self) -> Self:
        for command in self._commands:
            words = ("-m", "bench.crowd", *command)
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, stdin=PIPE, stdout=PIPE, cwd=REPOSITORY, limit=ANSWER_BYTES
            )
            self._processes.append(process)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            await process.wait()

    @property
    def pids(self) -> list[int]:
        """Their processes."""
        return [process.pid for process in self._processes]

    async def open(self, players: int, at_once: int = 100) -> list[Figures]:
        """See ``crowd.Crowd.open``; both numbers are those of all crowds together."""
        count = len(self._processes)
        return await self._ask(do="open", players=players // count, at_once=max(1, at_once // count))

    async def reconnect(self) -> list[Figures]:
        """See ``crowd.Crowd.reconnect``."""
        return await self._ask(do="reconnect")

    async def hold(self, seconds: float, churn: float = 0.0, probes: float = 0.0) -> list[Figures]:
        """See ``crowd.Crowd.hold``; ``probes`` are those of all crowds together."""
        return await self._ask(do="hold", seconds=seconds, churn=churn, probes=probes / len(self._processes))

    async def _ask(self, **request: object) -> list[Figures]:
        figures = await asyncio.gather(*(self._ask_one(process, request) for process in self._processes))
        for one in figures:
            if one["complaints"]:
                self.wrong.append(f"{one['complaints']} times in a crowd: {one['such_as']}")
        return figures

    async def _ask_one(self, process: Process, request: dict[str, object]) -> Figures:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        answer: Figures = json.loads(await process.stdout.readline() or b"null")
        if answer is None:
            raise RuntimeError("a crowd has died: stderr says why")
        return answer
