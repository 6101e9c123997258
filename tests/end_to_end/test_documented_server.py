"""The game server that docs/gameservers.md shows, as it stands there."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

from tests.support.children import REPOSITORY, Child
from tests.support.fleet import Node
from tests.support.fleets import FleetCase
from tests.support.loopback import ask
from tests.support.players import PATIENCE, matched
from tests.support.valkey import free_port
from tests.support.waiting import eventually, until

DOCUMENT = REPOSITORY / "docs" / "gameservers.md"
KEY = "9f86d081884c7d65-1"


def program(folder: Path, node: Node, port: int) -> Path:
    """The program of the document, with ports that are free here."""
    (text,) = re.findall(r"```python\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
    for shown, real in (("8081", node.operator_port), ("7000", port)):
        assert text.count(shown) == 1, shown
        text = text.replace(shown, str(real))
    path = folder / "mini.py"
    path.write_text(text)
    return path


class DocumentedServerTests(FleetCase):
    """What a stranger copies from the document is a game server."""

    async def setUp(self) -> None:
        fleet = self.fleet()
        self.node = await fleet.node("--config", fleet.file("matchd.toml", "")).ready()
        self.port = free_port()
        self.server = Child(fleet.folder / "mini", str(program(fleet.folder, self.node, self.port)))
        self.addCleanup(self.server.kill)
        await eventually(self.node.servers, lambda servers: "mini-1" in servers, PATIENCE)

    async def create(self, key: str) -> tuple[int, dict[str, Any]]:
        """Ask it for a session, as matchd does."""
        wanted = {"players": ["a", "b"], "game_mode": "Duel", "loading_session_id": key, "teams": [["a"], ["b"]]}
        reply = await ask(self.port, "POST", "/session/create", json.dumps(wanted).encode())
        return reply.status, json.loads(reply.text)

    async def test_match(self) -> None:
        """Two players are sent to it, and it says how many sessions run."""
        one = await self.player("one", self.node.url).enqueue()
        two = await self.player("two", self.node.url).enqueue()
        for match in await matched(one, two):
            self.assertEqual(match["server_address"], f"127.0.0.1:{self.port}")
        await eventually(self.node.servers, lambda servers: servers["mini-1"]["sessions"] == 1, PATIENCE)

    async def test_idempotency(self) -> None:
        """Asked twice it answers the same session; with all slots taken it refuses; ended, a session frees its slot."""
        first = await self.create(KEY)
        self.assertEqual((first[0], first[1]["server_address"]), (200, f"127.0.0.1:{self.port}"))
        self.assertEqual(await self.create(KEY), first)
        for other in ("b", "c", "d"):
            self.assertEqual((await self.create(other))[0], 200)
        self.assertEqual(await self.create("e"), (503, {"error": "no slot is free"}))
        self.assertEqual((await ask(self.port, "DELETE", f"/session/{KEY}")).status, 204)
        self.assertEqual((await ask(self.port, "DELETE", f"/session/{KEY}")).status, 404)
        self.assertEqual((await self.create("e"))[0], 200)

    async def test_goodbye(self) -> None:
        """Stopped, it is gone from the list before it ends."""
        self.server.signal(signal.SIGTERM)
        await until(lambda: self.server.status is not None, PATIENCE)
        self.assertEqual(self.server.status, 0)
        self.assertEqual(await self.node.servers(), {})
