"""A new connection to the store that is lost before it could be used."""

from __future__ import annotations

import gc

from matchd.errors import StoreUnavailable
from tests.support.blocking import BlockingCommands
from tests.support.stores import StoreTestCase
from tests.support.world import outcome


class LostWhilePreparedTests(StoreTestCase):
    def test_lost_at_once(self) -> None:
        """A store that is still loading its data refuses every command: said once, as an outage, and no more."""
        commands = BlockingCommands(self.path)
        self.addCleanup(commands.close)
        commands.down = True
        failure = self.assertRaises(StoreUnavailable, outcome, self.store.prepare(commands))
        self.assertEqual(str(failure), "the store is away")
        del failure
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
