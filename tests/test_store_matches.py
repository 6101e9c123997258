"""What the store does while a game server is sought for a match: slots, the end of the match, its failure."""

from __future__ import annotations

from dataclasses import replace

from matchd.model import Reason, Reservation, Roster
from matchd.store.answers import Cancelled
from tests.support.stores import StoreTestCase
from tests.support.world import TEAMS, outcome


class ReserveTests(StoreTestCase):
    """A slot is taken for a session."""

    def test_reserved(self) -> None:
        """The session gets a slot on a server, and its address."""
        session = self.allocating("a", "b")
        self.assertEqual(self.reserve(session), Reservation(session, "one", "one:7000"))
        self.assertEqual(self.server_fields(), ("idle", 1))

    def test_most_free_slots(self) -> None:
        """The server with the most free slots is taken."""
        self.server("small", 2)
        self.server("large", 3)
        servers = [self.reserved(player, f"{player}x").server_id for player in "abc"]
        self.assertEqual(servers[0], "large")
        self.assertEqual(sorted(servers), ["large", "large", "small"])

    def test_twice(self) -> None:
        """A session that has its slot gets the same one again, which says so, and no second."""
        session = self.allocating("a", "b")
        first = self.reserve(session)
        self.server("two", 100)
        before = self.dump()
        self.assertEqual(self.reserve(session), replace(first, again=True))
        self.assert_unchanged(before)

    def test_no_slot(self) -> None:
        """Where no slot is free the answer is no, and nothing changes."""
        session = self.unplaced("a", "b")
        before = self.dump()
        self.assertIs(outcome(self.store.reserve(session)), False)
        self.assert_unchanged(before)

    def test_not_this_nodes(self) -> None:
        """Another node's session, one that still loads and one that is over are lost to this node."""
        there = self.node("there")
        session = self.allocating("a", "b")
        for player in "cd":
            self.enqueue(player)
        loading = self.loading("c", "d")
        before = self.dump()
        answers = [
            outcome(there.reserve(session)),
            outcome(self.store.reserve(loading)),
            outcome(self.store.reserve("x")),
        ]
        self.assertEqual(answers, [True] * 3)
        self.assert_unchanged(before)

    def test_only_what_others_have_not_tried(self) -> None:
        """A server that failed a session is not asked again for it, and what is left may be nothing."""
        self.server("one")
        self.server("two", 1)
        session = self.allocating("a", "b")
        first = self.reserve(session)
        outcome(self.store.release(first, False))
        self.pass_time(6)
        self.sweep()
        second = self.reserve(session)
        self.assertEqual((first.server_id, second.server_id), ("one", "two"))
        self.assertEqual(outcome(self.store.release(second, False)), 2)
        self.assertIs(outcome(self.store.reserve(session)), False)

    def test_hundreds_of_servers(self) -> None:
        """However many servers have been tried, one that was not is found."""
        for i in range(25):
            self.server(f"s{i:02}", 1)
        session = self.allocating("a", "b")
        tried = []
        for _ in range(25):
            reservation = self.reserve(session)
            tried.append(reservation.server_id)
            outcome(self.store.release(reservation, False))
            self.pass_time(10)
            self.sweep()
            for i in range(25):
                self.server(f"s{i:02}", 1)
        self.assertEqual(len(set(tried)), 25)
        self.assertIs(outcome(self.store.reserve(session)), False)


class ReleaseTests(StoreTestCase):
    """A game server did not take the session."""

    def test_refused(self) -> None:
        """The slot is free again at once, but the server rests before it is asked for anything else."""
        self.server("one", 1)
        reservation = self.reserved("a", "b")
        self.assertEqual(self.server_fields(), ("busy", 1))
        self.assertEqual(outcome(self.store.release(reservation, False)), 1)
        self.assertEqual(self.server_fields(), ("idle", 0))
        self.assertNotIn("slots", self.dump())

    def test_uncertain(self) -> None:
        """Where the session may run all the same, its slot stays counted, and the server is to end it."""
        self.server("one", 1)
        reservation = self.reserved("a", "b")
        outcome(self.store.release(reservation, True))
        self.assertEqual(self.server_fields(), ("busy", 1))
        orphan = f"{reservation.loading_session_id} one:7000"
        self.assertEqual(self.redis.ask("ZRANGE", "orphans", 0, -1), [orphan.encode()])

    def test_twice(self) -> None:
        """Said twice it counts as one failure, certain or not."""
        self.server("one")
        self.server("two")
        session = self.allocating("a", "b")
        for uncertain in (False, True):
            reservation = self.reserve(session)
            tried = outcome(self.store.release(reservation, uncertain))
            before = self.dump()
            self.assertEqual(outcome(self.store.release(reservation, uncertain)), tried)
            self.assert_unchanged(before)

    def test_lost(self) -> None:
        """A node from which the session was taken gives nothing back; nothing changes."""
        there = self.node("there")
        reservation = self.reserved("a", "b")
        before = self.dump()
        self.assertEqual(outcome(there.release(reservation, True)), -1)
        self.assertEqual(outcome(self.store.release(Reservation("x", "one", "one:7000"), True)), -1)
        self.assert_unchanged(before)


class SettleTests(StoreTestCase):
    """The game server has made the session."""

    def test_matched(self) -> None:
        """All are told the same match and their own team; nothing of the loading session is left."""
        reservation = self.reserved(*"abcd", mode=TEAMS)
        self.ear.heard()
        self.assertEqual(self.settle(reservation), "matched")
        heard = [(channel, message.pop("team"), message.pop("seq"), message) for channel, message in self.ear.heard()]
        body = {"type": "match_found", "session_id": "g", "server_address": "one:7000"}
        expected = [
            (f"notifications:{player}", team, 3, body) for player, team in zip("abcd", (0, 0, 1, 1), strict=True)
        ]
        self.assertEqual(heard, expected)
        left = {key.split(":")[0] for key in self.dump()}
        self.assertEqual(
            left,
            {
                "dedicated_server",
                "servers",
                "slots",
                "settled",
                "player",
                "matched",
                "match",
                "nodes",
                "modes",
                "tally",
            },
        )

    def test_slot_stays_in_use(self) -> None:
        """The session that runs now holds its slot."""
        self.server("one", 1)
        self.settle(self.reserved("a", "b"))
        self.assertEqual(self.server_fields(), ("busy", 1))

    def test_twice(self) -> None:
        """Said twice, the second is told the same and nobody else is."""
        reservation = self.reserved("a", "b")
        self.settle(reservation)
        before = self.dump()
        self.ear.heard()
        self.assertEqual(self.settle(reservation), "matched")
        self.assert_unchanged(before)
        self.assertEqual(self.ear.heard(), [])

    def test_two_nodes(self) -> None:
        """Of two nodes that each believe the session theirs, exactly one settles it."""
        there = self.node("there")
        reservation = self.reserved("a", "b")
        for _ in range(6):
            self.server("one")
            self.live(11, there, self.store)
        self.assertEqual(self.reserve(reservation.loading_session_id, there), replace(reservation, again=True))
        before = self.dump()
        self.assertEqual(self.settle(reservation), "lost")
        self.assert_unchanged(before)
        self.assertEqual(self.settle(reservation, there), "matched")

    def test_server_gone(self) -> None:
        """Without a fresh heartbeat of the server there is no match, however it answered; nothing changes."""
        reservation = self.reserved("a", "b")
        outcome(self.store.deregister_server("one"))
        before = self.dump()
        self.assertEqual(self.settle(reservation), "server_gone")
        self.assert_unchanged(before)
        self.assertEqual(outcome(self.store.release(reservation, True)), 1)

    def test_another_server(self) -> None:
        """Only the server whose slot the session holds can have made it."""
        reservation = self.reserved("a", "b")
        other = Reservation(reservation.loading_session_id, "two", "two:7000")
        self.server("two")
        before = self.dump()
        self.assertEqual(self.settle(other), "lost")
        self.assert_unchanged(before)

    def test_who_is_elsewhere_by_now(self) -> None:
        """A session that is over is settled by nobody."""
        session = self.allocating("a", "b")
        outcome(self.store.abandon(session))
        self.assertEqual(self.settle(Reservation(session, "one", "one:7000")), "gone")


class AbandonTests(StoreTestCase):
    """No game server would take the session."""

    def test_everybody_back(self) -> None:
        """All are back in the queue, before those who came later, and told why."""
        session = self.allocating("a", "b")
        self.enqueue("c")
        self.assertEqual(outcome(self.store.abandon(session)), (Cancelled("Ranked", Reason.ALLOCATION_FAILED),))
        self.assertEqual(self.queue(), ["a", "b", "c"])
        self.assertEqual(self.told("a")[-1], {"type": "requeued", "reason": "allocation_failed"})

    def test_twice(self) -> None:
        """Said twice, or by a node that the session is not, it changes nothing more."""
        there = self.node("there")
        session = self.allocating("a", "b")
        before = self.dump()
        self.assertEqual(outcome(there.abandon(session)), ())
        self.assert_unchanged(before)
        outcome(self.store.abandon(session))
        before = self.dump()
        self.assertEqual(outcome(self.store.abandon(session)), ())
        self.assert_unchanged(before)


class AdoptTests(StoreTestCase):
    """A node asks for the rosters it has to find servers for."""

    def test_rosters(self) -> None:
        """It gets its own, with their players in order, and no other's; asking changes nothing."""
        there = self.node("there")
        session = self.allocating(*"dcba", mode=TEAMS)
        self.settle(self.reserved("e", "f"))
        before = self.dump()
        self.assertEqual(outcome(self.store.adopt()), [Roster(session, "Duos", ("d", "c", "b", "a"))])
        self.assertEqual(outcome(there.adopt()), [])
        self.assert_unchanged(before)
