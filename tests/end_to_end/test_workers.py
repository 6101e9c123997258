"""Several processes on one player port, as `--workers` starts them."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectionRefusedError

from tests.support.fleet import PATIENCE, Node
from tests.support.fleets import FleetCase
from tests.support.processes import is_alive, status
from tests.support.waiting import eventually, until


def workers_of(pid: int) -> list[int]:
    """The processes that matchd with this process id has started to share its port."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"matchd.worker" in command and status(int(entry.name))[1:2] == [str(pid)]:
            found.append(int(entry.name))
    return found


class WorkersTests(FleetCase):
    """One matchd of three processes."""

    async def three(self) -> tuple[Node, list[int]]:
        """A running node with two workers beside it, once all three listen."""
        node = await self.fleet().node("--workers", "3").ready()
        await until(lambda: len(re.findall(r"players: ws://", node.log)) == 3, PATIENCE)
        pid = node.child.pid
        await until(lambda: len(workers_of(pid)) == 2, PATIENCE)
        return node, workers_of(pid)

    async def test_players_of_all_processes_meet(self) -> None:
        """Twenty players, dealt out by the kernel among three processes, make ten matches."""
        node, _ = await self.three()
        crowd = await self.crowd("w", 20, node.url).play()
        self.assertEqual(sorted(map(len, crowd.values())), [2] * 10)
        self.assertEqual((await node.get("/v1/invariants"))["contradictions"], [])

    async def test_metrics_of_all(self) -> None:
        """The first process's `/metrics` has the connections of each, also of one that was started again."""
        node, (first, _) = await self.three()

        async def shown() -> set[str]:
            page = (await node.ask("GET", "/metrics")).text
            return set(re.findall(r'^matchd_connections\{worker="(\d)"\}', page, re.MULTILINE))

        self.assertEqual(await eventually(shown, lambda workers: len(workers) == 3, PATIENCE), {"0", "1", "2"})
        os.kill(first, signal.SIGKILL)
        await eventually(shown, lambda workers: len(workers) == 2, PATIENCE)
        self.assertEqual(await eventually(shown, lambda workers: len(workers) == 3, PATIENCE), {"0", "1", "2"})

    async def test_worker_that_dies_is_started_again(self) -> None:
        """A worker that is killed is back within seconds."""
        node, (first, second) = await self.three()
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(set(workers_of(node.child.pid)) - {first}) == 2, PATIENCE)
        self.assertIn("a worker died and is started again", node.log)
        self.assertTrue(is_alive(second))

    async def busy(self) -> tuple[Node, list[int]]:
        """Three processes on a store of others', each with players of a match that loads, and so slow to drain."""
        fleet = self.fleet()
        store = f"redis://127.0.0.1:{fleet.valkey().port}"
        node = await fleet.node("--workers", "3", "--redis", store, "--dedicated", "127.0.0.1:9").ready()
        await until(lambda: len(re.findall(r"players: ws://", node.log)) == 3, PATIENCE)
        crowd = self.crowd("loads", 24, node.url)
        entering = [Deferred.fromCoroutine(player.connect()) for player in crowd.players]
        await gatherResults(entering, consumeErrors=True)
        for player in crowd.players:
            player.client.enqueue(player.name)
        await until(lambda: all("start_loading" in player.told for player in crowd.players), PATIENCE)
        return node, workers_of(node.child.pid)

    async def assert_served(self, node: Node, count: int = 40) -> None:
        """So many new connections are all let in, and answered."""
        for _ in range(count):
            client = self.client()
            await client.connect(node.url)
            client.dequeue()
            self.assertEqual((await client.next_message())["code"], "not_queued")
            await client.close()

    async def test_worker_that_drains_gets_nobody_new(self) -> None:
        """A worker that is told to end (SIGTERM) leaves the port to the others at once, and its matches load on."""
        node, (first, second) = await self.busy()
        os.kill(first, signal.SIGTERM)
        await until(lambda: "draining: " in node.log, PATIENCE)
        await self.assert_served(node)
        self.assertEqual((is_alive(first), is_alive(second)), (True, True))

    async def test_orphans_get_nobody_new(self) -> None:
        """When the first process is killed its workers leave the port to its successor at once, and drain."""
        node, workers = await self.busy()
        node.kill()
        await until(lambda: node.log.count("draining: ") == len(workers), PATIENCE)
        with self.assertRaises(ConnectionRefusedError):
            await self.client().connect(node.url)
        self.assertTrue(all(map(is_alive, workers)), "they should still drain")
        await node.start().ready()
        await self.assert_served(node)

    async def test_signals_that_end_nobody(self) -> None:
        """SIGHUP and SIGUSR1 neither end the first process nor a worker; each logs them."""
        node, workers = await self.three()
        for number in (signal.SIGHUP, signal.SIGUSR1):
            for pid in (node.child.pid, *workers):
                os.kill(pid, number)
            await until(lambda name=number.name: node.log.count(f"{name}: ") == 3, PATIENCE)  # type: ignore[misc]
        self.assertEqual((node.child.status, workers_of(node.child.pid)), (None, workers))

    async def test_all_end_together(self) -> None:
        """SIGTERM drains all of them, with status 0; after a SIGKILL of the first the workers end by themselves."""
        node, workers = await self.three()
        self.assertEqual(await node.stop(), 0)
        self.assertFalse(any(map(is_alive, workers)))
        node, workers = await self.three()
        node.kill()
        began = reactor.seconds()
        await until(lambda: not any(map(is_alive, workers)), PATIENCE)
        self.took("workers gone after SIGKILL of the first process", reactor.seconds() - began)
