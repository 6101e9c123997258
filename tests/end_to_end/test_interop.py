"""Players whose WebSockets were written by others, all the way to a match: five clients, and some of them together."""

from __future__ import annotations

from tests.support import interop
from tests.support.fleets import OneNodeCase
from tests.support.interop import Interop


class InteropTests(Interop, OneNodeCase):
    """Two players, each on a library that has nothing to do with Autobahn, are matched with each other."""

    timeout = 200

    async def play(self, *libraries: str) -> None:
        """One player on each of them; all are matched."""
        folder, children = self.folder(), []
        for number, library in enumerate(libraries):
            name = f"{self._testMethodName}-{number}"
            children.append(interop.start(library, folder, self.node.url, name))
            self.addCleanup(children[-1].kill)
        self.assert_matched([await interop.heard(child) for child in children])

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
        self.assert_matched(await self.browse(self.node.url, "browser-0", "browser-1"))

    async def test_ws_with_aiohttp(self) -> None:
        """Players on different libraries meet each other."""
        await self.play("ws", "aiohttp")

    async def test_picows_with_websockets(self) -> None:
        """And others."""
        await self.play("picows", "websockets")
