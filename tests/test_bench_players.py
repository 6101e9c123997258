"""What the players of a load do with what they are told, by a server that does as the test says."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bench.books import Books, Report
from bench.players import Habits, Player
from tests.support.scripted import Script, Talk

BOUND = 20.0


class PlayersTests(SynchronousTestCase):
    """One player makes his wishes, one after the other; each node has a script of its own."""

    def setUp(self) -> None:
        self.said: list[tuple[int, str]] = []

    def play(self, *scripts: Script, wishes: int = 1) -> Report:
        async def run() -> Report:
            return await asyncio.wait_for(self._play(scripts, wishes), BOUND)

        return asyncio.run(run())

    async def _play(self, scripts: tuple[Script, ...], wishes: int) -> Report:
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            urls = []
            for number, script in enumerate(scripts):
                server = await loop.create_server(lambda n=number, s=script: Talk(self._noted(n, s)), "127.0.0.1", 0)
                stack.push_async_callback(server.wait_closed)
                stack.callback(server.close)
                urls.append(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/")
            books = Books({"Duel": (1,)}, loop.time())
            habits = Habits(urls, {"Duel": (1,)}, loading=(0, 0), linger=(0.1, 0.1), pause=(0, 0))
            player = Player("p", habits, books, _First())
            for _ in range(wishes):
                await player.play()
            return books.report(loop.time())

    def _noted(self, number: int, script: Script) -> Script:
        def noted(talk: Talk, message: dict[str, Any]) -> None:
            self.said.append((number, message["type"]))
            script(talk, message)

        return noted

    def test_the_whole_way(self) -> None:
        """He enqueues, loads when he is told to, and leaves when he has his match."""
        report = self.play(willing("g"))
        self.assertEqual(self.said, [(0, "enqueue"), (0, "loading_complete")])
        self.assertEqual((report.matched, report.wrong), (1, []))
        self.assertEqual(list(report.events), ["match_found", "queued", "start_loading"])

    def test_unavailable(self) -> None:
        """While the store is away he asks again, on the same connection."""
        refusals = [{"type": "error", "code": "unavailable"}] * 2
        self.play(refusing(refusals, willing("g")))
        self.assertEqual(self.said, [(0, "enqueue")] * 3 + [(0, "loading_complete")])

    def test_sent_away(self) -> None:
        """He goes to the next node, asks where he stands, and as he stands nowhere he wishes anew."""

        def draining(talk: Talk, message: dict[str, Any]) -> None:
            talk.send_away(4000)

        nowhere = [{"type": "error", "code": "not_queued"}]
        report = self.play(draining, refusing(nowhere, willing("g")))
        self.assertEqual(self.said, [(0, "enqueue"), (1, "resume"), (1, "enqueue"), (1, "loading_complete")])
        self.assertEqual((report.matched, report.wrong), (1, []))

    def test_the_match_before(self) -> None:
        """Cut off before his second wish arrived, he is told of his first match again: that is not his answer."""
        first, second, cut = willing("one"), willing("two"), []

        def forgetful(talk: Talk, message: dict[str, Any]) -> None:
            asked = [what for _, what in self.said]
            if asked.count("enqueue") == 1:
                first(talk, message)
            elif message["type"] == "enqueue" and not cut:
                cut.append(talk)
                talk.transport.abort()
            elif message["type"] == "resume":
                talk.match("one")
            else:
                second(talk, message)

        report = self.play(forgetful, wishes=2)
        self.assertEqual(
            [what for _, what in self.said],
            ["enqueue", "loading_complete", "enqueue", "resume", "enqueue", "loading_complete"],
        )
        self.assertEqual((report.matched, report.wrong), (2, []))

    def test_told_twice(self) -> None:
        """A second match for one wish is found, and so is anything else that comes after the match."""

        def twice(talk: Talk, message: dict[str, Any]) -> None:
            talk.match("one")
            talk.match("two")
            talk.tell(type="queued")

        report = self.play(twice)
        self.assertEqual(report.wrong, ["p was sent to two after one", "p was told {'type': 'queued'} after the end"])

    def test_late_answer(self) -> None:
        """To be told that he is in no session, once he was sent to his game, is a mistake."""

        def confused(talk: Talk, message: dict[str, Any]) -> None:
            willing("g")(talk, message)
            if message["type"] == "loading_complete":
                talk.tell(type="error", code="not_in_session")

        self.assertEqual(
            self.play(confused).wrong, ["p was told {'type': 'error', 'code': 'not_in_session'} after the end"]
        )

    def test_numbers(self) -> None:
        """A message whose number has been, or was passed, is wrong; one without a number is not."""

        def numbered(talk: Talk, message: dict[str, Any]) -> None:
            talk.tell(type="queued", seq=4)
            talk.tell(type="queued")
            talk.tell(type="queued", seq=4)
            talk.tell(type="queued", seq=6)
            talk.match("g")

        self.assertEqual(self.play(numbered).wrong, ["p was told {'type': 'queued', 'seq': 4} after number 4"])

    def test_old_match_unasked(self) -> None:
        """To be sent to the game before once more, for a new wish, is wrong."""
        self.assertIn("p was sent to g again", self.play(told("g"), wishes=2).wrong)

    def test_nonsense(self) -> None:
        """What is not in the protocol is kept for the account."""
        nonsense = [{"type": "hello"}, {"type": "error", "code": "rate_limited"}]
        report = self.play(saying(nonsense, then=told("g")))
        self.assertEqual(report.wrong, [f"p was told {message}" for message in nonsense])


class _First(random.Random):
    """Chance that always takes the first node."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return 0


def willing(session: str) -> Script:
    """A matchd that matches whoever comes."""

    def script(talk: Talk, message: dict[str, Any]) -> None:
        if message["type"] == "enqueue":
            talk.tell(type="queued")
            talk.tell(type="start_loading", loading_session_id="s")
        elif message["type"] == "loading_complete":
            talk.match(session)

    return script


def told(session: str) -> Script:
    """A matchd that tells of a match whatever it is asked."""
    return lambda talk, message: talk.match(session)


def refusing(refusals: list[dict[str, str]], then: Script) -> Script:
    """The first questions are refused like this, one after the other."""
    left = list(refusals)

    def script(talk: Talk, message: dict[str, Any]) -> None:
        if left:
            talk.tell(**left.pop(0))
        else:
            then(talk, message)

    return script


def saying(messages: list[dict[str, str]], then: Script) -> Script:
    """All of this is said first."""

    def script(talk: Talk, message: dict[str, Any]) -> None:
        for nonsense in messages:
            talk.tell(**nonsense)
        then(talk, message)

    return script
