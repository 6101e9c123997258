"""What tests of the sweep are made of: a second node, and a game server."""

from __future__ import annotations

from tests.support.stores import StoreTestCase


class SweepTestCase(StoreTestCase):
    """A test with a second node, ``there``, and a game server."""

    def setUp(self) -> None:
        super().setUp()
        self.there = self.node("there")
        self.live(5, self.store, self.there)
        self.server("one", 100)
