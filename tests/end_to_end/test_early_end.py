"""A program that is told to end while it still starts ends in order, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from tests.support.fleet import Fleet
from tests.support.fleets import FleetCase
from tests.support.processes import holds, with_variable
from tests.support.valkey import free_port
from tests.support.waiting import pause, until

AT_ONCE = 3
"""How many are tried at a time: each of them is a Python that has to start."""
DELAYS = tuple(0.25 * number for number in range(6))
"""Seconds from the moment that twistd has chosen the program to the signal; by the last one, most have started."""
START_SECONDS = 60.0
END_SECONDS = 30.0

ANYWHERE = ("--listen", "tcp:0:interface=127.0.0.1", "--http", "tcp:0:interface=127.0.0.1")


class EarlyEndTests(FleetCase):
    """SIGTERM and SIGINT in turn, after each of the delays."""

    def setUp(self) -> None:
        self.running: Fleet = self.fleet()
        self.temporary = self.running.folder / "tmp"
        self.temporary.mkdir()
        self.patch(os, "environ", {**os.environ, "TMPDIR": str(self.temporary)})

    async def assert_orderly(self, *arguments: str) -> None:
        """Each of the runs ends with status 0, complains of nothing, and leaves neither a process nor a file."""
        for start in range(0, len(DELAYS), AT_ONCE):
            some = [self.tell_to_end(arguments, delay) for delay in DELAYS[start : start + AT_ONCE]]
            await gatherResults(list(map(Deferred.fromCoroutine, some)), consumeErrors=True)
        await until(lambda: not with_variable("TMPDIR", str(self.temporary)))
        self.assertEqual(list(Path(self.temporary).iterdir()), [])

    async def tell_to_end(self, arguments: tuple[str, ...], delay: float) -> None:
        number = (signal.SIGTERM, signal.SIGINT)[DELAYS.index(delay) % 2]
        program = self.running.program(*arguments)
        await until(lambda: holds(program.child.pid, number) or program.log, START_SECONDS)
        await pause(delay)
        program.signal(number)
        self.assertEqual((await program.ended(END_SECONDS), program.complaints), (0, ""), f"{number.name}, {delay} s")
        self.assertNotIn("error", program.log)

    async def test_private_store(self) -> None:
        """The private Valkey ends with its node, also when it does not answer yet."""
        await self.assert_orderly("matchd", *ANYWHERE)

    async def test_shared_store(self) -> None:
        """A node with a Redis of others'."""
        await self.assert_orderly("matchd", *ANYWHERE, "--redis", f"redis://127.0.0.1:{self.running.valkey().port}")

    async def test_store_out_of_reach(self) -> None:
        """A node that would wait for its store before it says that it can't start."""
        silent = self.running.valkey()
        silent.signal(signal.SIGSTOP)
        await self.assert_orderly("matchd", *ANYWHERE, "--redis", f"redis://127.0.0.1:{silent.port}")

    async def test_workers(self) -> None:
        """Workers end with the first process, also when they have not even read their settings."""
        await self.assert_orderly("matchd", *ANYWHERE, "--workers", "2")

    async def test_game_server(self) -> None:
        """The reference game server, with nobody to register with."""
        await self.assert_orderly("dedicated", "--matchd", f"http://127.0.0.1:{free_port()}")
