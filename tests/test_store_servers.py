"""What the store does with game servers: registration, heartbeats, rest after a failure, expiry, orphans."""

from __future__ import annotations

from matchd.model import GameServer, Reservation
from tests.support.keyspace import changes
from tests.support.stores import StoreTestCase
from tests.support.world import outcome


class RegisterTests(StoreTestCase):
    """A game server registers, or sends a heartbeat."""

    def test_registered(self) -> None:
        """Anybody can read in its key where it is and how busy."""
        self.server("eu-1", 4)
        fields = self.redis.ask("HMGET", "dedicated_server:eu-1", "address", "status", "capacity", "sessions", "region")
        self.assertEqual(fields, [b"eu-1:7000", b"idle", b"4", b"0", b"eu"])
        self.assertIn(self.redis.ask("PTTL", "dedicated_server:eu-1"), range(14_000, 15_001))

    def test_heartbeat(self) -> None:
        """A heartbeat changes nothing but how long the server is known."""
        self.reserved("a", "b")
        before = self.dump()
        self.pass_time(5)
        self.server()
        self.assertEqual(self.server_fields(), ("idle", 1))
        told = {key for key in changes(before, self.dump()) if key.startswith(("dedicated", "reserved:", "slots"))}
        self.assertEqual(told, set())
        self.assertIn(self.redis.ask("PTTL", "dedicated_server:one"), range(14_000, 15_001))

    def test_twice(self) -> None:
        """Registered twice it is one server with its slots."""
        self.server(sessions=3)
        before = self.dump()
        self.server(sessions=3)
        self.assertEqual(changes(before, self.dump()).keys() - {"servers"}, set())

    def test_new_capacity(self) -> None:
        """Capacity, region and address can change; sessions that hold a slot keep the address they were given."""
        reservation = self.reserved("a", "b")
        outcome(self.store.register_server(GameServer("one", "moved:1", 1, "us")))
        self.assertEqual(self.server_fields(), ("busy", 1))
        self.assertEqual(self.reserve(reservation.loading_session_id).address, "one:7000")

    def test_full_from_elsewhere(self) -> None:
        """Sessions that it runs for others count; with none free it is busy and not chosen."""
        self.server("one", 2, sessions=2)
        self.assertEqual(self.server_fields(), ("busy", 2))
        self.assertNotIn("slots", self.dump())

    def test_more_than_it_can(self) -> None:
        """A server that runs more than its capacity is busy until it does not."""
        self.server("one", 2, sessions=5)
        self.assertEqual(self.server_fields(), ("busy", 5))
        self.server("one", 2, sessions=1)
        self.assertEqual(self.server_fields(), ("idle", 1))


class RestTests(StoreTestCase):
    """A server that failed rests before it is asked again."""

    def setUp(self) -> None:
        super().setUp()
        self.live(5)
        self.server()

    def fail(self, *players: str) -> None:
        """The server refuses a session, whose players give up."""
        reservation = self.reserved(*players)
        outcome(self.store.release(reservation, False))
        outcome(self.store.abandon(reservation.loading_session_id))
        for player in players:
            self.leave(player)

    def rest(self) -> int:
        """The seconds until it is chosen again; it sends heartbeats meanwhile."""
        for seconds in range(1, 100):
            self.server()
            self.live(1)
            if self.redis.ask("ZSCORE", "slots", "one"):
                return seconds
        raise AssertionError("it rests for ever")

    def test_longer_each_time(self) -> None:
        """Each failure in a row doubles the rest, from 5 s up to 60 s."""
        rests = []
        for _ in range(6):
            self.fail("a", "b")
            rests.append(self.rest())
        self.assertEqual(rests, [5, 10, 20, 40, 60, 60])

    def test_one_after_the_other(self) -> None:
        """Sessions that were asked for together and refused together are one failure: it rests for 5 s."""
        together = [self.reserved(f"a{number}", f"b{number}") for number in range(4)]
        for reservation in together:
            outcome(self.store.release(reservation, False))
            outcome(self.store.abandon(reservation.loading_session_id))
        self.assertEqual(self.rest(), 5)

    def test_a_match_makes_good(self) -> None:
        """After a session it took, a failure counts as the first."""
        self.fail("a", "b")
        self.rest()
        self.settle(self.reserved("c", "d"))
        self.fail("a", "b")
        self.assertEqual(self.rest(), 5)

    def test_others_meanwhile(self) -> None:
        """While it rests the others are chosen."""
        self.fail("a", "b")
        self.server("two", 1)
        self.assertEqual(self.reserved("c", "d").server_id, "two")


class DoubtTests(StoreTestCase):
    """A server that failed comes last until it has made a session."""

    def setUp(self) -> None:
        super().setUp()
        self.live(5)
        self.server("one", 100)
        self.server("two", 50)

    def chosen(self, *players: str) -> Reservation:
        """The slot of these players, who are new."""
        for player in players:
            self.enqueue(player)
        session = self.loading(*players)
        for player in players:
            self.load(player)
        return self.reserve(session)

    def fail(self, *players: str) -> Reservation:
        """A session that its server has refused."""
        reservation = self.chosen(*players)
        outcome(self.store.release(reservation, False))
        return reservation

    def rest(self, seconds: int) -> None:
        for _ in range(seconds):
            self.live(1)
            self.server("one", 100)
            self.server("two", 50)

    def test_another_has_room(self) -> None:
        """It gets no match for ten times as long as it rested, and then one; once that is made, any number."""
        self.assertEqual(self.fail("a", "b").server_id, "one")
        self.rest(20)
        self.assertEqual(self.chosen("c", "d").server_id, "two")
        self.rest(40)
        probe = self.chosen("e", "f")
        self.assertEqual((probe.server_id, self.chosen("g", "h").server_id), ("one", "two"))
        self.settle(probe)
        self.assertEqual([self.chosen(*pair).server_id for pair in ("ij", "kl")], ["one", "one"])

    def test_no_other_has_room(self) -> None:
        """Nobody waits for want of another server: it gets as many matches as it can take."""
        self.fail("a", "b")
        self.rest(6)
        outcome(self.store.deregister_server("two"))
        self.assertEqual([self.chosen(*pair).server_id for pair in ("cd", "ef")], ["one", "one"])

    def test_a_match_that_failed_before(self) -> None:
        """It goes to a server that keeps nobody waiting, if there is one, else to any that it has not tried."""
        self.server("three", 10)
        failed = self.chosen("a", "b")
        self.server("one", 60)
        waits = [self.chosen(*pair) for pair in ("cd",)]
        self.assertEqual([slot.server_id for slot in (failed, *waits)], ["one", "one"])
        self.server("two", 200)
        self.assertEqual(self.chosen("e", "f").server_id, "two")
        self.pass_time(2)
        outcome(self.store.release(failed, False))
        self.assertEqual(self.reserve(failed.loading_session_id).server_id, "three")
        outcome(self.store.release(self.reserve(failed.loading_session_id), False))
        self.assertEqual(self.reserve(failed.loading_session_id).server_id, "two")


class GoneTests(StoreTestCase):
    """A server leaves, or its heartbeats stop."""

    def of_server(self, server_id: str = "one") -> list[str]:
        """All that is known of a server."""
        single = [key for key in self.dump() if key.endswith(f":{server_id}")]
        indexed = [key for key in ("servers", "slots", "resting") if self.redis.ask("ZSCORE", key, server_id)]
        return single + indexed

    def test_deregistered(self) -> None:
        """It is forgotten; doing so again finds nothing and changes nothing."""
        self.settle(self.reserved("a", "b"))
        self.assertTrue(outcome(self.store.deregister_server("one")))
        self.assertEqual(self.of_server(), [])
        before = self.dump()
        self.assertFalse(outcome(self.store.deregister_server("one")))
        self.assert_unchanged(before)

    def test_expired(self) -> None:
        """15 s after its last heartbeat it is gone, and the sweep takes the rest of it away."""
        self.server("one")
        self.settle(self.reserved("a", "b"))
        self.live(14)
        self.assertEqual(self.of_server(), ["dedicated_server:one", "settled:one", "servers", "slots"])
        self.live(2)
        self.assertEqual(self.of_server(), [])

    def test_expired_in_mid_allocation(self) -> None:
        """The session that held a slot there finds it gone, tries another server, and leaves nothing behind."""
        reservation = self.reserved("a", "b")
        self.live(16)
        self.assertEqual(self.settle(reservation), "server_gone")
        outcome(self.store.release(reservation, True))
        self.server("two")
        other = self.reserve(reservation.loading_session_id)
        self.assertEqual((other.server_id, self.settle(other)), ("two", "matched"))
        self.assertEqual(self.of_server(), [])

    def test_chosen_before_the_sweep(self) -> None:
        """A server that has just expired is not chosen, even before anybody has swept."""
        session = self.unplaced("a", "b", gone=lambda: self.pass_time(16))
        self.assertEqual(self.redis.ask("ZCARD", "slots"), 1)
        self.assertIs(outcome(self.store.reserve(session)), False)

    def test_back_in_mid_allocation(self) -> None:
        """A server that comes back while it is asked for a session still counts the slot it holds."""
        self.server("one", 1)
        reservation = self.reserved("a", "b")
        outcome(self.store.deregister_server("one"))
        self.server("one", 1)
        self.assertEqual(self.server_fields(), ("busy", 1))
        self.assertEqual(self.settle(reservation), "matched")
        self.assertEqual(self.server_fields(), ("busy", 1))


class OrphanTests(StoreTestCase):
    """Sessions that may run somewhere without anybody to play them."""

    def setUp(self) -> None:
        super().setUp()
        reservation = self.reserved("a", "b")
        outcome(self.store.release(reservation, True))
        self.orphan = f"{reservation.loading_session_id} one:7000"

    def test_asked_for_until_ended(self) -> None:
        """The sweep names it at once and then every 5 s, until the server has confirmed."""
        named = [i for i, swept in enumerate(self.live(12)) if swept.orphans == (self.orphan,)]
        self.assertEqual(named, [0, 5, 10])
        outcome(self.store.orphan_ended(self.orphan))
        self.assertEqual([swept.orphans for swept in self.live(12) if swept.orphans], [])
        self.assertNotIn("orphans", self.dump())

    def test_ended_twice(self) -> None:
        """Confirmed twice, or never known, it changes nothing."""
        outcome(self.store.orphan_ended(self.orphan))
        before = self.dump()
        outcome(self.store.orphan_ended(self.orphan))
        self.assert_unchanged(before)

    def test_not_for_ever(self) -> None:
        """After ten minutes without an answer the server is asked no more: it must be gone for good."""
        self.live(5)
        self.pass_time(600)
        self.assertEqual([swept.orphans for swept in self.live(12) if swept.orphans], [])
        self.assertNotIn("orphans", self.dump())
