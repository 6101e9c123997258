"""Which slots of a game server are taken: by the matches it was sent, and by what its heartbeats say of them."""

from __future__ import annotations

from tests.support.stores import StoreTestCase
from tests.support.world import outcome


class FinishedSessionsTests(StoreTestCase):
    """A heartbeat that says how many sessions run frees those that have ended."""

    def test_freed(self) -> None:
        """A match that is over frees its slot with the next heartbeat that does not count it."""
        self.server("one", 1, sessions=0)
        self.settle(self.reserved("a", "b"))
        self.pass_time(5)
        self.server("one", 1, sessions=1)
        self.assertEqual(self.server_fields(), ("busy", 1))
        self.pass_time(5)
        self.server("one", 1, sessions=0)
        self.assertEqual(self.server_fields(), ("idle", 0))

    def test_too_young_to_be_counted(self) -> None:
        """A match made while the heartbeat was on its way keeps its slot, whatever that heartbeat says."""
        self.server("one", 1, sessions=0)
        self.settle(self.reserved("a", "b"))
        self.pass_time(1)
        self.server("one", 1, sessions=0)
        self.assertEqual(self.server_fields(), ("busy", 1))

    def test_not_counted_twice(self) -> None:
        """A session that the server counts before its answer has arrived takes one slot, then and later."""
        self.server("one", 2, sessions=0)
        reservation = self.reserved("a", "b")
        self.server("one", 2, sessions=1)
        self.assertEqual(self.server_fields(), ("idle", 1))
        self.settle(reservation)
        self.assertEqual(self.server_fields(), ("idle", 1))
        self.settle(self.reserved("c", "d"))
        self.assertEqual(self.server_fields(), ("busy", 2))
        self.server("one", 2, sessions=2)
        self.assertEqual(self.server_fields(), ("busy", 2))
        self.pass_time(5)
        self.server("one", 2, sessions=0)
        self.assertEqual(self.server_fields(), ("idle", 0))

    def test_reserved_stays(self) -> None:
        """A slot that is only reserved is no matter of the server's counting."""
        self.server("one", 1, sessions=0)
        self.reserved("a", "b")
        self.pass_time(10)
        self.server("one", 1, sessions=0)
        self.assertEqual(self.server_fields(), ("busy", 1))

    def test_it_does_not_say(self) -> None:
        """A server that never says how many run keeps every session counted until it registers anew."""
        self.server("one", 1)
        self.settle(self.reserved("a", "b"))
        self.pass_time(10)
        self.server("one", 1)
        self.assertEqual(self.server_fields(), ("busy", 1))
        outcome(self.store.deregister_server("one"))
        self.server("one", 1)
        self.assertEqual(self.server_fields(), ("idle", 0))

    def test_fixed(self) -> None:
        """A server from the settings is always free, and nothing piles up for it."""
        self.server("one", 1, fixed=True)
        for i in range(3):
            self.settle(self.reserved(f"a{i}", f"b{i}"))
        self.assertEqual(self.server_fields()[0], "idle")
        self.assertNotIn("settled:one", self.dump())


class OthersSessionsTests(StoreTestCase):
    """A server runs sessions for others too, and says how many it has made for matchd."""

    def says(self, sessions: int, made: int) -> None:
        self.server("one", 3, sessions=sessions, made=made)

    def test_others_begin_while_it_is_asked(self) -> None:
        """What begins for others is not taken for the match that is being made: it is never asked for too many."""
        self.says(0, 0)
        reservation = self.reserved("a", "b")
        self.says(1, 0)
        self.assertEqual(self.server_fields(), ("idle", 2))
        self.settle(reservation)
        self.says(2, 0)
        self.assertEqual(self.server_fields(), ("busy", 3))
        self.says(3, 1)
        self.assertEqual(self.server_fields(), ("busy", 3))

    def test_made_and_counted(self) -> None:
        """A match takes one slot, whether the server counts it before or after its answer has arrived."""
        self.says(0, 0)
        early, late = self.reserved("a", "b"), self.reserved("c", "d")
        self.says(1, 1)
        self.assertEqual(self.server_fields(), ("idle", 2))
        for reservation in (early, late):
            self.settle(reservation)
        self.assertEqual(self.server_fields(), ("idle", 2))
        self.says(2, 2)
        self.assertEqual(self.server_fields(), ("idle", 2))

    def test_one_ends_as_another_begins(self) -> None:
        """Though no more run than before, it is known that the new one is among them."""
        self.says(1, 1)
        self.settle(self.reserved("a", "b"))
        self.says(1, 2)
        self.assertEqual(self.server_fields(), ("idle", 1))

    def test_started_anew(self) -> None:
        """One that has lost count begins anew; until it has caught up, a match may count twice for 2 s."""
        self.says(2, 7)
        self.settle(self.reserved("a", "b"))
        self.says(1, 1)
        self.assertEqual(self.server_fields(), ("idle", 2))
        self.pass_time(2)
        self.says(1, 1)
        self.assertEqual(self.server_fields(), ("idle", 1))
