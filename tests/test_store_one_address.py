"""Game servers that are known under two ids: nobody is sent to a session that is asked to end."""

from __future__ import annotations

from matchd.model import GameServer, Reservation
from matchd.store.answers import Claim
from tests.support.stores import MATCH, StoreTestCase
from tests.support.world import outcome

ADDRESS = "10.0.0.7:7000"


class TwoIdsTests(StoreTestCase):
    """The server at ADDRESS has two ids."""

    def known(self, server_id: str, capacity: int, address: str = ADDRESS, fixed: bool = False) -> None:
        outcome(self.store.register_server(GameServer(server_id, address, capacity, fixed=fixed)))

    def tried(self, *players: str, uncertain: bool = True) -> Reservation:
        """The slot of a session that its server did not take."""
        reservation = self.reserved(*players)
        outcome(self.store.release(reservation, uncertain))
        return reservation

    def to_be_ended(self) -> list[str]:
        """What the sweep asks servers to end in the next minute."""
        return [orphan for swept in self.live(60) for orphan in swept.orphans]

    def test_restarted_under_a_new_id(self) -> None:
        """A match that its server may have made is not asked of the same address under another id, but elsewhere."""
        self.known("0f3a", 10)
        self.known("9c41", 5)
        first = self.tried("a", "b")
        self.assertIs(outcome(self.store.reserve(first.loading_session_id)), False)
        self.server("two", 1)
        second = self.reserve(first.loading_session_id)
        self.assertEqual((first.server_id, second.address, self.settle(second)), ("0f3a", "two:7000", "matched"))
        self.assertEqual(set(self.to_be_ended()), {f"{first.loading_session_id} {ADDRESS}"})

    def test_registered_and_named_in_the_settings(self) -> None:
        """The same, whichever of the two ids is asked first."""
        for first, second in (("eu-1", "10.0.0.7_7000"), ("10.0.0.7_7000", "eu-1")):
            self.known(first, 10, fixed=first != "eu-1")
            session = self.tried("a", "b").loading_session_id
            self.known(second, 10, fixed=second != "eu-1")
            self.assertIs(outcome(self.store.reserve(session)), False)
            outcome(self.store.abandon(session))
            for player in "ab":
                self.leave(player)
            for server_id in (first, second):
                outcome(self.store.deregister_server(server_id))

    def test_gone_before_its_answer_counted(self) -> None:
        """A server that left and came back under another id while it made the session is not asked for it again."""
        self.known("0f3a", 10)
        reservation = self.reserved("a", "b")
        outcome(self.store.deregister_server("0f3a"))
        self.known("9c41", 10)
        self.assertEqual(self.settle(reservation), "server_gone")
        outcome(self.store.release(reservation, True))
        self.assertIs(outcome(self.store.reserve(reservation.loading_session_id)), False)

    def test_the_other_node_goes_on(self) -> None:
        """Nor does another node ask that address, which goes on where the first one died."""
        self.known("0f3a", 10)
        there = self.node("there")
        session = self.tried("a", "b").loading_session_id
        self.known("9c41", 10)
        self.live(6, there)
        self.assertEqual([roster.loading_session_id for roster in outcome(there.adopt())], [session])
        self.assertIs(outcome(there.reserve(session)), False)

    def test_moved(self) -> None:
        """A server that moved to another address may be asked again: what it is asked to end is elsewhere."""
        self.known("0f3a", 10)
        session = self.tried("a", "b").loading_session_id
        self.live(6)
        self.known("0f3a", 10, "10.0.0.8:7000")
        self.assertEqual(self.reserve(session).address, "10.0.0.8:7000")


class ToldTests(StoreTestCase):
    """The store has lost the end of a match, and went on to have its session ended before it was told."""

    def setUp(self) -> None:
        super().setUp()
        self.reservation = self.reserved("a", "b")
        self.session = self.reservation.loading_session_id

    def to_be_ended(self) -> list[str]:
        return [orphan for swept in self.live(30) for orphan in swept.orphans]

    def told(self, player: str) -> None:  # type: ignore[override]
        """A player's node says that the player was sent there."""
        seq = int(self.record(player)["seq"]) + 1
        since = self.record(player)["since"]
        self.compare(self.claim(player, place="matched", session=self.session, match=MATCH, seq=seq, since=since))

    def test_another_server_was_being_sought(self) -> None:
        """Players were sent there: whatever was to be ended of that session is not."""
        outcome(self.store.release(self.reservation, True))
        self.told("a")
        self.assertEqual(self.state("a", "b"), ["matched", "matched"])
        self.assertEqual(self.to_be_ended(), [])

    def test_the_match_had_fallen_through(self) -> None:
        """The same, where its players are in the queue again."""
        outcome(self.store.release(self.reservation, True))
        outcome(self.store.abandon(self.session))
        self.told("a")
        self.assertEqual(self.to_be_ended(), [])

    def test_a_late_answer(self) -> None:
        """An answer that comes when its server is asked to end the session sends nobody there."""
        there = self.node("there")
        outcome(self.store.release(self.reservation, True))
        outcome(self.store.abandon(self.session))
        for player in "ab":
            self.leave(player)
        self.pass_time(31)  # nothing is known of the players any more
        self.server()
        claim = Claim("a", "a1", "loading", "Ranked", "fifo", "1", self.session, 2, "")
        self.assertFalse(self.compare(claim)[0].undecided)
        self.assertEqual(self.settle(self.reservation, there), "gone")
        self.assertEqual(self.state("a"), ["queued"])
