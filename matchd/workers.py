"""Several processes on one player port: the kernel deals the connections out among them.

The first process is a whole node; the others are nodes without an operators' port, started and, should
they die, started again by it. Each gets its settings by its standard input, which stays open for as long
as it shall run: its end is the word to drain, also when the first process was killed. On another pipe it
tells how it is (siblings.py).
"""

from __future__ import annotations

import os
import pickle  # nosec B403 # to a process of our own
import sys
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from matchd.background import Background
from matchd.config.settings import Settings
from matchd.exits import signals_held
from matchd.siblings import TELLING, Word, Words

log = Logger()

RESTART_SECONDS = 1.0
DRAIN_SECONDS = 28.0


class Workers:
    """The processes beside this one."""

    def __init__(self, reactor: Any, background: Background, count: int, settings: Settings) -> None:
        """``count`` more processes, each a node with these ``settings``."""
        self._reactor = reactor
        self._background = background
        self._settings = pickle.dumps(settings)
        self._count = count
        self._running: set[_Worker] = set()
        self._stopping = False
        self._gone: Deferred[None] = Deferred()

    def start(self) -> None:
        """Start them all."""
        for number in range(1, self._count + 1):
            self._spawn(number)

    def words(self) -> dict[int, Word]:
        """The last word of each, by its number from 1; a process that has just started has none yet."""
        said = {worker.number: worker.words.last for worker in self._running}
        return {number: word for number, word in sorted(said.items()) if word is not None}

    async def stop(self) -> None:
        """Have them drain, and wait until all have ended; after DRAIN_SECONDS they are killed."""
        self._stopping = True
        if not self._running:
            return
        for worker in self._running:
            worker.leave()
        killing = self._reactor.callLater(DRAIN_SECONDS, self.kill)
        await self._gone
        if killing.active():
            killing.cancel()

    def kill(self) -> None:
        """End them at once."""
        self._stopping = True
        for worker in list(self._running):
            worker.kill()

    def _spawn(self, number: int) -> None:
        worker = _Worker(self, number, self._settings)
        command = [sys.executable, "-m", "matchd.worker"]
        # Its output is ours: what it logs goes where this process logs.
        descriptors = {0: "w", 1: 1, 2: 2, TELLING: "r"}
        with signals_held():  # until it has answers of its own: a Ctrl-C goes to all processes of a terminal
            self._reactor.spawnProcess(worker, command[0], command, dict(os.environ), childFDs=descriptors)
        self._running.add(worker)

    def ended(self, worker: _Worker, reason: Failure) -> None:
        """One of them is gone."""
        self._running.discard(worker)
        if not self._stopping:
            log.warn("a worker died and is started again: {reason}", reason=reason.getErrorMessage())
            self._background.spawn("worker", self._restart(worker.number))
        elif not self._running and not self._gone.called:
            self._gone.callback(None)

    async def _restart(self, number: int) -> None:
        await deferLater(self._reactor, RESTART_SECONDS)
        if not self._stopping:
            self._spawn(number)


class _Worker(ProcessProtocol):
    transport: IProcessTransport

    def __init__(self, workers: Workers, number: int, settings: bytes) -> None:
        self.number = number
        self.words = Words()
        self._workers = workers
        self._settings = settings

    def connectionMade(self) -> None:
        self.transport.writeToChild(0, len(self._settings).to_bytes(4, "big") + self._settings)

    def childDataReceived(self, _descriptor: int, data: bytes) -> None:
        self.words.feed(data)

    def leave(self) -> None:
        self.transport.closeChildFD(0)

    def kill(self) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def processEnded(self, reason: Failure) -> None:
        self._workers.ended(self, reason)
