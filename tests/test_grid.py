"""The fault grid, a few cells of it: real processes, struck where it hurts."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.grid import wire
from tests.grid.__main__ import slice_of
from tests.grid.run import cells, play
from tests.grid.table import line


class GridTests(TestCase):
    """Whatever breaks, and whenever: everybody who wants a match gets one, and only one."""

    timeout = 300

    async def test_slice(self) -> None:
        """Some cells of the grid, others every day; ``GRID_SLICE`` (``i/n``) says which."""
        part, parts = slice_of(os.environ.get("GRID_SLICE", ""))
        results = await play(cells()[part::parts], seed=0, say=lambda result: None)
        self.assertEqual([line(result) for result in results if result.verdict != "ok"], [])


class SliceTests(SynchronousTestCase):
    """What a slice is."""

    def test_all_slices_are_the_grid(self) -> None:
        """The slices together have every cell once."""
        everything = [cell for part in range(35) for cell in cells()[part::35]]
        self.assertEqual(sorted(everything), sorted(cells()))
        self.assertEqual(len(set(everything)), 140)

    def test_named(self) -> None:
        """A slice is named by its number and how many there are."""
        self.assertEqual(slice_of("2/7"), (2, 7))

    def test_today(self) -> None:
        """Without a name it is today's."""
        part, parts = slice_of("")
        self.assertTrue(0 <= part < parts)


class WireTests(SynchronousTestCase):
    """The proxies know where a message ends."""

    def whole(self, message: bytes, cut: object = wire.resp) -> None:
        """The message is seen as a whole, however much comes after it, and not before it is whole."""
        assert callable(cut)
        for length in range(len(message)):
            self.assertEqual(cut(message[:length]), 0, message[:length])
        self.assertEqual(cut(message + b"+more"), len(message))

    def test_resp(self) -> None:
        """Every kind of reply, nested as it may be."""
        for message in (
            b"+OK\r\n", b"-ERR no\r\n", b":12\r\n", b"$-1\r\n", b"$0\r\n\r\n", b"$4\r\na\r\nb\r\n", b"*-1\r\n",
            b"*0\r\n", b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n+x\r\n",
        ):  # fmt: skip
            self.whole(message)

    def test_http(self) -> None:
        """A head without a body, and one with."""
        self.whole(b"DELETE /session/s HTTP/1.1\r\nHost: h\r\n\r\n", wire.http)
        self.whole(b"HTTP/1.1 200 OK\r\nContent-length: 2\r\n\r\n{}", wire.http)

    def test_value(self) -> None:
        """What a message says."""
        self.assertEqual(wire.value(b"*2\r\n$1\r\na\r\n:1\r\n"), [b"a", 1])
