"""A profile: stacks as py-spy writes them, and the tables that are made of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.profile import Profile, own, read, rooms, within
from bench.scenarios import ALL
from tests.support.children import REPOSITORY

TWISTED = "/v/lib/python3.11/site-packages/twisted/internet"
RUN = f"run ({TWISTED}/base.py:9)"
RAW = f"""\
{RUN};Gateway.heard ({REPOSITORY}/matchd/websocket/gateway.py:7);write ({TWISTED}/abstract.py:4) 6
{RUN};Gateway.heard ({REPOSITORY}/matchd/websocket/gateway.py:7);decode ({REPOSITORY}/matchd/messages.py:2) 3
{RUN} 1
"""


class ProfileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seen = read(RAW)

    def test_rooms(self) -> None:
        """What a library does counts for the room that called it, else for itself."""
        self.assertEqual(rooms(self.seen), {"matchd/websocket/": 6, "matchd/messages.py": 3, "twisted, for no room": 1})

    def test_functions(self) -> None:
        """A function's own time, and a function of matchd's with what it called; once, however often on the stack."""
        write, run = "twisted/internet/abstract.py:write", "twisted/internet/base.py:run"
        self.assertEqual(own(self.seen), {write: 6, "matchd/messages.py:decode": 3, run: 1})
        heard = "matchd/websocket/gateway.py:Gateway.heard"
        self.assertEqual(within(self.seen), {heard: 9, "matchd/messages.py:decode": 3})

    def test_table(self) -> None:
        """Shares, and what they are for each player."""
        shown = str(Profile(ALL[0], self.seen, micros=500.0))
        self.assertIn(f"{'matchd/websocket/':66}   60.0%         300.0", shown)
        self.assertEqual(str(Profile(ALL[0], read(""), 0.0)), "nothing was seen")
