"""The load as its own process, against a service of real processes."""

from __future__ import annotations

import json
import signal

from bench.load import parse
from tests.support.children import Child
from tests.support.fleet import Program
from tests.support.fleets import FleetCase
from tests.support.waiting import until

PATIENCE = 60.0


class LoadTests(FleetCase):
    async def test_node_dies(self) -> None:
        """Players come again and again, a node dies under them, connections break: every wish is answered once."""
        fleet = self.fleet()
        store = fleet.valkey()
        nodes = [fleet.node("--redis", f"redis://127.0.0.1:{store.port}") for _ in range(2)]
        server = fleet.game_server(nodes[0], "--capacity", "200", "--session-seconds", "1")
        await nodes[1].ready()
        await server.ready()
        urls = [word for node in nodes for word in ("--url", node.url)]
        habits = "--players", "20", "--seconds", "60", "--loading", "0.1", "--pause", "0-0.2", "--status", "0.1"
        load = Program(fleet.folder / "load")
        load.runs.append(Child(load.folder, "-m", "bench.load", *urls, *habits, "--json"))
        fleet.programs.append(load)

        def matched() -> int:
            lines = [line for line in load.log.splitlines(keepends=True) if line.endswith("\n")]
            return int(json.loads(lines[-1])["matched"]) if lines else 0

        for strike in (lambda: load.signal(signal.SIGUSR1), nodes[1].kill, lambda: load.signal(signal.SIGTERM)):
            before = matched()
            await until(lambda before=before: matched() >= before + 20, PATIENCE)  # type: ignore[misc]
            strike()
        self.assertEqual(await load.ended(PATIENCE), 0, load.log[-2000:])
        account = json.loads(load.log.splitlines()[-1])
        self.assertGreaterEqual(account["matched"], 60)
        self.assertIn("lost: 1006 Connection refused", account["events"])
        self.assertEqual((await nodes[0].get("/v1/invariants"))["contradictions"], [])

    def test_options(self) -> None:
        """What the options mean; without any it is matchd's own defaults."""
        options = parse(["--mode", "Duos=2+2", "--pause", "1-2", "--loading", "3"])
        self.assertEqual((options.mode, options.pause, options.loading), ([("Duos", (2, 2))], (1.0, 2.0), (3.0, 3.0)))
        options = parse([])
        self.assertEqual((options.url, options.mode), (["ws://127.0.0.1:8080/ws/"], [("Normal_1v1", (1, 1))]))
