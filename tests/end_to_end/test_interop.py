"""Players whose WebSockets were written by others, all the way to a match: five clients, and some of them together."""

from __future__ import annotations

from pathlib import Path
from signal import SIGTERM

from twisted.internet import reactor

from tests.support import interop
from tests.support.children import Child
from tests.support.fleets import OneNodeCase
from tests.support.interop import ALONE, CHROMIUM, PATIENCE, Heard, Page
from tests.support.waiting import until


class InteropTests(OneNodeCase):
    """Two players, each on a library that has nothing to do with Autobahn, are matched with each other."""

    timeout = 200

    def folder(self) -> Path:
        """A new folder for this test."""
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return folder.absolute()

    async def play(self, *libraries: str) -> None:
        """One player on each of them; all are matched."""
        folder, children = self.folder(), []
        for number, library in enumerate(libraries):
            name = f"{self._testMethodName}-{number}"
            children.append(interop.start(library, folder, self.node.url, name))
            self.addCleanup(children[-1].kill)
        self.assert_matched([await interop.heard(child) for child in children])

    async def browse(self, *player_ids: str) -> list[Heard]:
        """What these players heard, who play in a browser."""
        page = Page()
        self.addCleanup(page.port.stopListening)
        folder = self.folder()
        data = f"--user-data-dir={folder / 'profile'}"
        child = Child(
            folder, *ALONE, data, page.address(self.node.url, *player_ids), program=interop.program(*CHROMIUM)
        )
        self.later(lambda: self.end(child))
        return await page.heard.addTimeout(PATIENCE, reactor)

    async def end(self, child: Child) -> None:
        """A browser has processes of its own, which it ends when it is asked to."""
        child.signal(SIGTERM)
        try:
            await until(lambda: child.status is not None, PATIENCE)
        finally:
            child.kill()

    def assert_matched(self, players: list[Heard]) -> None:
        """All were told each step once, and of the same match."""
        for heard in players:
            self.assertEqual([message["type"] for message in heard], ["queued", "start_loading", "match_found"], heard)
            self.assertEqual([message["seq"] for message in heard], [1, 2, 3])
        for field in ("session_id", "server_address"):
            self.assertEqual(len({heard[-1][field] for heard in players}), 1, players)
        self.assertEqual({heard[-1]["team"] for heard in players}, {0, 1})

    async def test_websockets(self) -> None:
        """The websockets package, in Python on asyncio."""
        await self.play("websockets", "websockets")

    async def test_aiohttp(self) -> None:
        """aiohttp, which has its own reading and writing of frames."""
        await self.play("aiohttp", "aiohttp")

    async def test_picows(self) -> None:
        """picows, in Cython."""
        await self.play("picows", "picows")

    async def test_ws(self) -> None:
        """The npm package ws, on node."""
        await self.play("ws", "ws")

    async def test_browser(self) -> None:
        """A page in Chromium with two players."""
        self.assert_matched(await self.browse("browser-0", "browser-1"))

    async def test_ws_with_aiohttp(self) -> None:
        """Players on different libraries meet each other."""
        await self.play("ws", "aiohttp")

    async def test_picows_with_websockets(self) -> None:
        """And others."""
        await self.play("picows", "websockets")
