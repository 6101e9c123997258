"""The generator: when its players come, what counts for them, and that nothing which goes wrong is overlooked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bench.account import Account
from bench.generator import Generator, Plan, parse
from tests.support.scripted import Script, Talk
from tests.support.valkey import free_port

BOUND = 30.0
Drive = Callable[[Generator], Awaitable[Account]]


class Pairs:
    """A matchd that matches every two who come, and starts and finds their match at once."""

    def __init__(self) -> None:
        self.waiting: list[Talk] = []
        self.here = self.most = self.matches = 0

    def __call__(self, talk: Talk, message: dict[str, Any]) -> None:
        if message["type"] == "enqueue":
            self.here += 1
            self.most = max(self.most, self.here)
            talk.tell(type="queued")
            self.waiting.append(talk)
            if len(self.waiting) == 2:
                self.matches += 1
                for member in self.waiting:
                    member.tell(type="start_loading", loading_session_id=f"s{self.matches}")
                self.waiting = []
        elif message["type"] == "loading_complete":
            self.here -= 1
            talk.match(message["loading_session_id"].replace("s", "g"))


class GeneratorTests(SynchronousTestCase):
    def drive(self, script: Script, drive: Drive, patience: float = BOUND) -> Account:
        """What a generator makes of a server that follows the script."""

        async def run() -> Account:
            server = await asyncio.get_running_loop().create_server(lambda: Talk(script), "127.0.0.1", 0)
            async with server:
                url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/"
                return await drive(Generator(Plan([url]), patience=patience))

        return asyncio.run(asyncio.wait_for(run(), BOUND))

    def test_open(self) -> None:
        """Players come one after the other at their rate, and all are accounted for."""
        found = self.drive(Pairs(), lambda generator: generator.open(10, rate=100.0, lead=0.1))
        self.assertEqual((found.players, found.matched, found.wrong), (10, 10, []))
        self.assertGreaterEqual(found.seconds, 9 / 100)

    def test_closed(self) -> None:
        """Never more than so many are on their way."""
        pairs = Pairs()
        found = self.drive(pairs, lambda generator: generator.closed(20, at_once=4))
        self.assertEqual((found.matched, found.wrong), (20, []))
        self.assertLessEqual(pairs.most, 4)

    def test_a_stalled_server(self) -> None:
        """A server that answers nobody for a while is charged with what each has waited since he was to come."""
        pairs, held = Pairs(), list[tuple[Talk, dict[str, Any]]]()

        def stalled(talk: Talk, message: dict[str, Any]) -> None:
            if len(held) >= 10:
                return pairs(talk, message)
            held.append((talk, message))
            if len(held) == 10:
                for one in held:
                    pairs(*one)
            return None

        found = self.drive(stalled, lambda generator: generator.open(10, rate=50.0, lead=0.0))
        self.assertGreaterEqual(found.millis["enqueue to queued"]["p100"], 9 / 50 * 1000)
        self.assertEqual(found.wrong, [])

    def test_lost(self) -> None:
        """Who gets no match is given up after a while, and told."""
        found = self.drive(lambda talk, message: None, lambda generator: generator.open(2, 100.0, 0.0), patience=0.2)
        self.assertEqual(
            (found.matched, len([what for what in found.wrong if "has no match at the end" in what])), (0, 2)
        )

    def test_stuck(self) -> None:
        """A closed loop in which nobody arrives any more ends, and says so."""
        found = self.drive(lambda talk, message: None, lambda generator: generator.closed(9, at_once=3), patience=0.2)
        self.assertEqual((found.players, found.matched), (3, 0))
        self.assertTrue(found.wrong)

    def test_told_twice(self) -> None:
        """A second match for the same wish is wrong."""
        pairs = Pairs()

        def twice(talk: Talk, message: dict[str, Any]) -> None:
            pairs(talk, message)
            if message["type"] == "loading_complete":
                talk.match("another")

        found = self.drive(twice, lambda generator: generator.open(2, 100.0, 0.0))
        self.assertTrue(all("was sent to another after g1" in what for what in found.wrong), found.wrong)
        self.assertEqual(len(found.wrong), 2)

    def test_refused(self) -> None:
        """Any error is told as the server put it."""
        refused = {"type": "error", "code": "rate_limited"}
        found = self.drive(
            lambda talk, message: talk.tell(**refused), lambda generator: generator.open(1, 100.0, 0.0), patience=0.2
        )
        self.assertIn(f"was told {refused}", "".join(found.wrong))

    def test_nobody_listens(self) -> None:
        """Where there is no server, each player says so."""

        async def run() -> Account:
            return await Generator(Plan([f"ws://127.0.0.1:{free_port()}/ws/"])).open(2, 100.0, 0.0)

        wrong = asyncio.run(asyncio.wait_for(run(), BOUND)).wrong
        self.assertEqual(len([what for what in wrong if "was cut off: 1006 Connection refused" in what]), 2)

    def test_options(self) -> None:
        """What the options mean; without any it is one against one at a fixed rate."""
        chosen = parse(["--mode", "Duos=2+2", "--at-once", "8"])
        self.assertEqual((chosen.mode, chosen.at_once), (("Duos", (2, 2)), 8))
        self.assertEqual((parse([]).mode, parse([]).rate), (("Normal_1v1", (1, 1)), 200.0))
