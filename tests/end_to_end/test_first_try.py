"""The first five minutes: `twistd -n matchd`, `python -m client`, and every way to end them."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SkipTest

from tests.support.fleet import PATIENCE
from tests.support.fleets import FleetCase, OneNodeCase
from tests.support.players import matched
from tests.support.waiting import until

MOST_LINES = 4


def plain_lines(log: str) -> list[str]:
    """What matchd itself says once it runs, without times and names of modules."""
    return [line.split("  ", 2)[2] for line in log.splitlines() if " info  service  " in line]


def store_folder(log: str) -> Path:
    """The temporary folder of the private Valkey."""
    match = re.search(r"unix://(/\S+)/valkey\.sock", log)
    assert match, log
    return Path(match[1])


def processes_of(folder: Path) -> list[str]:
    """The command lines of the processes that have something to do with a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command or (entry / "cwd").readlink() == folder:
                found.append(command)
        except OSError:
            pass  # it has ended meanwhile
    return found


class NothingConfiguredTests(OneNodeCase):
    """matchd runs on its own, without any configuration."""

    async def play(self, *options: str, seconds: float = PATIENCE) -> str:
        """What the test client prints; it has to end with status 0."""
        child = self.fleet().client("--url", self.node.url, *options)
        await until(lambda: child.status is not None, seconds)
        self.assertEqual((child.status, child.stderr), (0, ""), child.stdout)
        return child.stdout

    async def test_two_players(self) -> None:
        """The test client shows each step for two players, says "Match found!" twice, and ends with status 0."""
        began = reactor.seconds()
        printed = await self.play()
        self.took("python -m client, 2 s of which it loads", reactor.seconds() - began)
        self.assertEqual(printed.count("Match found!"), 2, printed)
        self.assertEqual(len(set(re.findall(r"Match found! session (\S+) at 127\.0\.0\.1:\d+", printed))), 1)
        for step in ("queued", "start_loading", "loading_complete"):
            self.assertEqual(len(re.findall(rf"^player-[12]: {step}", printed, re.M)), 2, printed)

    async def test_ten_players(self) -> None:
        """Ten players at once make five matches."""
        printed = await self.play("--players", "10", "--loading", "0.2")
        sessions = re.findall(r"Match found! session (\S+)", printed)
        self.assertEqual(sorted(sessions.count(session) for session in set(sessions)), [2] * 5, printed)

    async def test_one_player_alone(self) -> None:
        """Alone nobody is matched: the client says so, and ends with status 1."""
        child = self.fleet().client("--url", self.node.url, "--players", "1", "--timeout", "1")
        await until(lambda: child.status is not None, PATIENCE)
        self.assertEqual(child.status, 1)
        self.assertIn("player-1: no match within 1 s\n", child.stdout)
        self.assertIn("0 of 1 players matched", child.stdout)

    async def test_what_the_log_says(self) -> None:
        """A few plain lines: where players connect, where operators do, where state is kept, what to try next."""
        lines = plain_lines(self.node.log)
        for part in (
            self.node.url,
            f"http://127.0.0.1:{self.node.operator_port}/",
            "private Valkey",
            "python -m client",
        ):
            self.assertEqual(len([line for line in lines if part in line]), 1, lines)
        self.assertLessEqual(len(lines), MOST_LINES)
        self.assertEqual(self.node.complaints, "")

    async def test_nobody_to_talk_to(self) -> None:
        """The client says in one line that matchd does not run, and how to start it."""
        child = self.fleet().client("--url", "ws://127.0.0.1:1/ws/")
        await until(lambda: child.status is not None, PATIENCE)
        self.assertEqual((child.status, child.stdout), (1, ""))
        refused = "can't reach ws://127.0.0.1:1/ws/: connection refused."
        self.assertEqual(child.stderr, f"{refused} Is matchd running? Start it with: twistd -n matchd\n")


class LiteralTests(FleetCase):
    """The two commands of the README, to the letter."""

    async def test_defaults(self) -> None:
        """`twistd -n matchd` and `python -m client`, both without any option, find each other."""
        if not all(map(is_free, (8080, 8081))):
            raise SkipTest("somebody else uses the default ports")
        fleet = self.fleet()
        node = fleet.program("matchd")
        await node.logs("python -m client")
        child = fleet.client("--loading", "0.1")
        await until(lambda: child.status is not None, PATIENCE)
        self.assertEqual((child.status, child.stdout.count("Match found!")), (0, 2), child.stdout + child.stderr)


class EndTests(FleetCase):
    """However matchd ends, nothing of it is left."""

    async def ended_store(self, folder: Path) -> float:
        """Wait until the private Valkey and its folder are gone; the seconds that took."""
        began = reactor.seconds()
        await until(lambda: not folder.exists() and not processes_of(folder), PATIENCE)
        return float(reactor.seconds() - began)

    async def test_killed(self) -> None:
        """After a SIGKILL the private Valkey goes within 3 s, and its temporary folder with it."""
        node = await self.fleet().node().ready()
        folder = store_folder(node.log)
        self.assertTrue(processes_of(folder))
        node.kill()
        seconds = await self.ended_store(folder)
        self.took("private Valkey gone after SIGKILL", seconds)
        self.assertLess(seconds, 3)

    async def test_terminated(self) -> None:
        """SIGTERM, as `docker stop` and systemd send it, ends everything in order, with status 0 and no file left."""
        node = await self.fleet().node().ready()
        began = reactor.seconds()
        self.assertEqual(await node.stop(), 0)
        self.took("end after SIGTERM", reactor.seconds() - began)
        self.assertFalse(store_folder(node.log).exists())
        self.assertEqual(processes_of(store_folder(node.log)), [])
        self.assertEqual(node.complaints, "")
        left = {path.name for path in (node.folder / "run-1").iterdir()}
        self.assertEqual(left, {"child.stdout", "child.stderr"})

    async def test_interrupted(self) -> None:
        """Ctrl-C ends everything promptly, also with a player in the queue, who is told to go elsewhere."""
        node = await self.fleet().node().ready()
        player = await self.player("p", node.url).enqueue()
        began = reactor.seconds()
        node.signal(signal.SIGINT)
        self.assertEqual(await node.ended(), 0)
        seconds = reactor.seconds() - began
        self.took("end after Ctrl-C", seconds)
        self.assertLess(seconds, 5)
        self.assertEqual(await player.closed(), 4000)
        self.assertFalse(store_folder(node.log).exists())


class DataDirTests(FleetCase):
    """With `--data-dir` what the private Valkey holds outlives matchd."""

    async def test_the_queue_is_kept(self) -> None:
        """A player who waited before a restart is still in the queue after it, and is matched with the next one."""
        fleet = self.fleet()
        folder = fleet.folder / "data"
        node = await fleet.node("--data-dir", str(folder)).ready()
        before = await self.player("before", node.url).enqueue()
        self.assertEqual(await node.stop(), 0)
        self.assertEqual(await before.closed(), 4000)
        await node.start().ready()
        resumed = await self.player("before", node.url).connect()
        resumed.client.resume("before")
        await resumed.hear("queued")
        after = await self.player("after", node.url).enqueue()
        self.assertEqual(len({match["session_id"] for match in await matched(resumed, after)}), 1)
        self.assertEqual(await node.stop(), 0)
        self.assertTrue(any(folder.iterdir()))


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
