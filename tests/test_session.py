"""Conversations of players, each played on one node and on two: what they say, and every frame they hear."""

from __future__ import annotations

from tests.support.conversations import (
    NOWHERE,
    SUPERSEDED,
    Conversation,
    match_found,
    queued,
    start_loading,
)


class TheWay(Conversation):
    def test_from_the_wish_to_the_match(self) -> None:
        """Two players hear each step once, in order, and go to the same game session."""
        a, b, session = self.loading()
        self.assertEqual(a.heard, [queued(1), start_loading(session, 2)])
        self.assertEqual(b.heard, [queued(1), start_loading(session, 2)])
        a.load(loading_session_id=session)
        self.assertEqual((len(a.heard), len(b.heard)), (2, 2))
        b.load()
        self.assertEqual(a.heard[2:], [match_found(session, 0, 3)])
        self.assertEqual(b.heard[2:], [match_found(session, 1, 3)])
        self.assertEqual((a.closed, b.closed, a.faults, b.faults), (None, None, 0, 0))

    def test_alone(self) -> None:
        """One player waits for as long as he likes."""
        a = self.queued()
        self.service.advance(30, step=1.5)
        self.assertEqual(a.heard, [queued(1)])

    def test_each_mode_for_itself(self) -> None:
        """Players of different modes do not meet."""
        a, b = self.connect("a").enqueue("Ranked"), self.connect("b").enqueue("Normal_1v1")
        self.service.advance(5)
        self.assertEqual((a.types, b.types), (["queued"], ["queued"]))

    def test_a_new_enqueue_right_after_the_match(self) -> None:
        """On the same connection or a new one: it is a new wish, in whatever mode, and is fulfilled."""
        a, b, session = self.matched()
        a.enqueue("Normal_1v1")
        b = self.connect("b").enqueue("Normal_1v1")
        again = a.last["loading_session_id"]
        self.assertNotEqual(session, again)
        self.assertEqual(a.heard[3:], [queued(4), start_loading(again, 5)])
        self.assertEqual(b.heard, [queued(4), start_loading(again, 5)])
        a.load()
        b.load()
        self.assertEqual({a.last["session_id"], b.last["session_id"]}, {f"game-{again}@one:7000"})

    def test_many_matches_of_one_connection(self) -> None:
        """One may play all evening."""
        a, b = self.connect("a"), self.connect("b")
        for evening in range(1, 6):
            for player in (a, b):
                player.enqueue("Ranked")
            for player in (a, b):
                player.load()
            self.assertEqual(a.types, ["queued", "start_loading", "match_found"] * evening)
            self.assertEqual([message["seq"] for message in b.heard], list(range(1, 3 * evening + 1)))


class Enqueueing(Conversation):
    def test_again_while_queued(self) -> None:
        """Said again it changes nothing, and is answered with where one stands."""
        a = self.queued().enqueue("Ranked").enqueue("Ranked")
        self.assertEqual(a.heard, [queued(1), queued(2), queued(3)])
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 1)

    def test_again_while_loading(self) -> None:
        """Once he is in a match the answer is the loading session, before and after he has loaded."""
        a, b, session = self.loading()
        a.enqueue("Ranked").load().enqueue("Ranked")
        self.assertEqual(a.heard[2:], [start_loading(session, 3), start_loading(session, 4)])
        b.load()
        self.assertEqual(a.last, match_found(session, 0, 5))

    def test_again_while_a_server_is_asked(self) -> None:
        """The loading session still counts, and the match follows."""
        a, _, session = self.allocating()
        a.enqueue("Ranked")
        self.game_server_answers()
        self.assertEqual(a.heard[2:], [start_loading(session, 3), match_found(session, 0, 4)])

    def test_from_a_new_connection(self) -> None:
        """The newer connection takes over, the older one is closed, and its goodbye changes nothing."""
        old = self.queued()
        new = self.queued()
        self.assert_closed(old, SUPERSEDED)
        self.assertEqual((old.types, new.heard), (["queued"], [queued(2)]))
        b = self.queued("b")
        self.assertEqual((new.types[-1], b.types[-1], old.types), ("start_loading", "start_loading", ["queued"]))

    def test_from_a_new_connection_while_loading(self) -> None:
        """A match survives that a player's connection is replaced, and only the new one has a say."""
        old, b, session = self.loading()
        new = self.queued("a")
        old.load()
        self.assertEqual(new.heard, [start_loading(session, 3)])
        new.load()
        b.load()
        self.assertEqual((new.last, old.types), (match_found(session, 0, 4), ["queued", "start_loading"]))

    def test_two_modes_at_once(self) -> None:
        """Who is under way in one mode is refused in another, on any connection, and loses nothing."""
        refused = {"type": "error", "code": "already_queued", "message": "you are under way in Ranked"}
        a = self.queued().enqueue("Normal_1v1")
        other = self.connect("a").enqueue("Normal_1v1")
        self.assertEqual((a.heard, other.heard), ([queued(1), refused], [refused]))
        self.assertEqual((a.closed, other.closed), (None, None))
        b = self.queued("b")
        self.assertEqual((a.types[-1], other.types), ("start_loading", ["error"]))
        a.enqueue("Duos")
        self.assertEqual(a.last, refused)
        other.vanish()
        a.load()
        b.load()
        self.assertEqual(a.types[-1], "match_found")

    def test_an_unknown_mode(self) -> None:
        """It is named, and the connection is as good as before."""
        a = self.connect("a").enqueue("Chess")
        refused = {"type": "error", "code": "invalid_game_mode", "message": "game_mode: Chess is unknown"}
        self.assertEqual((a.heard, a.closed, a.faults), ([refused], None, 0))
        self.assertEqual(a.enqueue("Ranked").last, queued(1))

    def test_everything_optional(self) -> None:
        """Fields for the choice of opponents may be there, as may unknown ones."""
        a = self.connect("a").say(
            type="enqueue", player_id="a", game_mode="Ranked", rating=1500, latencies={"eu": 20},
            party_id="q", party_size=1, token="t", colour="blue",
        )  # fmt: skip
        self.assertEqual(a.heard, [queued(1)])

    def test_two_players_on_one_connection(self) -> None:
        """It speaks for one at a time: for another only once the first is no longer under way."""
        a = self.queued()
        a.say(type="enqueue", player_id="z", game_mode="Ranked")
        refused = {"type": "error", "code": "invalid_message", "message": "player_id: this connection speaks for a"}
        self.assertEqual(a.last, refused)
        self.assertEqual(a.say(type="resume", player_id="z").last, refused)
        a.dequeue().say(type="enqueue", player_id="z", game_mode="Ranked")
        self.assertEqual(a.heard[-2:], [{"type": "dequeued", "seq": 2}, queued(1)])
        self.assertEqual(self.service.invariants()["since_the_store_was_empty"]["left"], 1)


class Resuming(Conversation):
    def test_nowhere(self) -> None:
        """Who never asked, left, or timed out is in no queue."""
        self.assertEqual(self.connect("a").resume().heard, [NOWHERE])
        self.queued("b").dequeue()
        self.assertEqual(self.connect("b").resume().heard, [NOWHERE])

    def test_queued(self) -> None:
        """He still waits, where he waited."""
        old, new = self.queued(), self.connect("a").resume()
        self.assert_closed(old, SUPERSEDED)
        self.assertEqual(new.heard, [queued(2)])

    def test_loading(self) -> None:
        """He may load on, and the match is found."""
        old, b, session = self.loading()
        b.load()
        new = self.connect("a").resume()
        self.assert_closed(old, SUPERSEDED)
        self.assertEqual(new.heard, [start_loading(session, 3)])
        new.load(loading_session_id=session)
        self.assertEqual((new.last, b.last), (match_found(session, 0, 4), match_found(session, 1, 3)))

    def test_loaded(self) -> None:
        """That he has loaded is remembered; to say it again does no harm."""
        a, b, session = self.loading()
        a.load()
        new = self.connect("a").resume().load()
        self.assertEqual(new.heard, [start_loading(session, 3)])
        b.load()
        self.assertEqual(new.last, match_found(session, 0, 4))

    def test_while_a_server_is_asked(self) -> None:
        """The match comes to the new connection."""
        old, _, session = self.allocating()
        new = self.connect("a").resume()
        self.game_server_answers()
        self.assertEqual(new.heard, [start_loading(session, 3), match_found(session, 0, 4)])
        self.assertEqual(old.types, ["queued", "start_loading"])

    def test_matched(self) -> None:
        """For two minutes, to the last second, he can hear again where to go, also after his connection was lost."""
        old, _, session = self.matched()
        self.service.advance(119, step=1.5)
        again = self.connect("a").resume()
        self.assert_closed(old, SUPERSEDED)
        again.vanish()
        once_more = self.connect("a").resume()
        self.assertEqual(again.heard, [match_found(session, 0, 4)])
        self.assertEqual(once_more.heard, [match_found(session, 0, 5)])

    def test_matched_long_ago(self) -> None:
        """After that the match is forgotten."""
        self.matched()
        self.service.advance(121, step=1.5)
        self.assertEqual(self.connect("a").resume().heard, [NOWHERE])

    def test_on_the_same_connection(self) -> None:
        """Asked on the connection that he has, it is answered there."""
        a = self.queued().resume()
        self.assertEqual((a.heard, a.closed), ([queued(1), queued(2)], None))


class TheWayOnTwoNodes(TheWay):
    nodes = 2


class EnqueueingOnTwoNodes(Enqueueing):
    nodes = 2


class ResumingOnTwoNodes(Resuming):
    nodes = 2
