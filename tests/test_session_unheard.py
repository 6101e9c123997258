"""What players notice when their node does not hear what the store did: every step comes late, once and in order."""

from __future__ import annotations

from unittest import mock

from twisted.internet.defer import Deferred

from matchd.messages import CloseCode
from matchd.store.answers import Accepted
from tests.support.conversations import (
    SUPERSEDED,
    UNAVAILABLE,
    Conversation,
    match_found,
    queued,
    requeued,
    start_loading,
)
from tests.support.keyspace import record
from tests.support.world import Player, outcome


class NothingIsHeard(Conversation):
    """The subscriber connection is lost: what is published meanwhile reaches nobody."""

    def cut(self) -> None:
        for node in self.service.nodes:
            node.cut_subscriber()

    def heal(self) -> None:
        for node in self.service.nodes:
            node.heal_subscriber()

    def test_a_newcomer(self) -> None:
        """Nobody is put into a queue whom no answer could reach: he is told to ask again."""
        self.cut()
        a = self.queued()
        self.assertEqual((a.heard, a.closed), ([UNAVAILABLE], None))
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 0)
        self.heal()
        self.assertEqual(a.enqueue("Ranked").last, queued(1))

    def test_a_match_is_made_meanwhile(self) -> None:
        """From the queue to the match: both hear every step, once and in order, when the connection is back."""
        self.service.server("one", capacity=0)
        a, b = self.queued("a"), self.queued("b")
        self.cut()
        self.service.server("one", capacity=10)
        self.service.advance(0.75)
        a.load()
        b.load()
        self.heal()
        session = self.service.games.asked[0][1]
        self.assertEqual(a.heard, [queued(1), start_loading(session, 2), match_found(session, 0, 3)])
        self.assertEqual(b.heard, [queued(1), start_loading(session, 2), match_found(session, 1, 3)])

    def test_for_long(self) -> None:
        """Standings are compared now and then, so that players hear of it even so; later nothing is repeated."""
        self.service.server("one", capacity=0)
        a, b = self.queued("a"), self.queued("b")
        self.cut()
        self.service.server("one", capacity=10)
        self.service.until(lambda: "start_loading" in a.types and "start_loading" in b.types, seconds=20)
        a.load()
        b.load()
        self.service.until(lambda: "match_found" in a.types and "match_found" in b.types, seconds=20)
        self.heal()
        self.service.advance(20, step=1)
        self.assertEqual((a.types, b.types), (["queued", "start_loading", "match_found"],) * 2)

    def test_a_message_in_between(self) -> None:
        """A later message that does arrive waits until the one before it was fetched."""
        a, b, _ = self.loading()
        a.node.subscriber.cut()
        b.vanish()
        a.node.subscriber.heal()
        self.assertEqual(a.heard[2:], [])
        c = self.queued("c")
        again = c.last["loading_session_id"]
        self.assertEqual(a.heard[2:], [requeued("player_left", 3), start_loading(again, 4)])

    def test_the_older_one_is_answered_late(self) -> None:
        """Who asks in vain on a newer connection may ask there again, though the older one is answered only then."""
        older, newer = self.queued(), self.connect("a")
        store, late = older.node.node.store, Deferred[Accepted | None]()
        with mock.patch.object(store, "resume", lambda *_: late):
            older.resume()
        self.cut()
        newer.resume()
        late.callback(outcome(store.resume("a", older.session.speaker.connection_id)))
        self.assertEqual((newer.heard, newer.closed, older.closed), ([UNAVAILABLE], None, None))
        self.heal()
        newer.resume()
        self.assertEqual(newer.types, ["error", "queued"])
        self.assert_closed(older, SUPERSEDED)


class NothingIsHeardOnTwoNodes(NothingIsHeard):
    nodes = 2

    def test_superseded_meanwhile(self) -> None:
        """A player who came back on another node is found out when the connection is back."""
        old = self.queued()
        old.node.cut_subscriber()
        new = self.connect("a").resume()
        self.assertIsNone(old.closed)
        old.node.heal_subscriber()
        self.assert_closed(old, SUPERSEDED)
        self.assertEqual((old.heard, new.heard), ([queued(1)], [queued(2)]))

    def test_on_the_present_connection(self) -> None:
        """Who came back on another node meanwhile hears every step there, once; nothing comes on the old connection."""
        old = self.queued()
        old.node.cut_subscriber()
        new = self.service.player("a", node=1).resume()
        b = self.service.player("b", node=1).enqueue("Ranked")
        for player in (new, b):
            player.load()
        old.node.heal_subscriber()
        session = b.heard[1]["loading_session_id"]
        self.assertEqual(new.heard, [queued(2), start_loading(session, 3), match_found(session, 0, 4)])
        self.assertEqual(old.heard, [queued(1)])
        self.assert_closed(old, SUPERSEDED)

    def test_asked_in_vain(self) -> None:
        """A connection whose question got lost takes no part in what a newer one asked for: it is superseded."""
        a, _, _ = self.matched()
        a.node.commands.down = True
        a.enqueue("Ranked")
        a.node.commands.down = False
        a.node.cut_subscriber()
        new = self.service.player("a", node=1).resume()
        self.service.advance(20, step=1)
        a.node.heal_subscriber()
        before = list(a.heard)
        new.enqueue("Ranked")
        self.service.advance(20)
        self.assertEqual((a.heard, new.types), (before, ["match_found", "queued"]))
        self.assert_closed(a, SUPERSEDED)

    def test_what_was_said_in_an_earlier_life(self) -> None:
        """A message that comes so late that the player's numbers have begun anew is not told."""
        a = self.queued()
        late = b'{"type":"start_loading","loading_session_id":"old","seq":4}'
        self.service.direct.ask("PUBLISH", "notifications:a", late)
        self.service.advance(20, step=1)
        self.assertEqual(a.heard, [queued(1)])
        a.dequeue()
        self.assertEqual(a.types, ["queued", "dequeued"])

    def test_said_to_another_connection(self) -> None:
        """Nor is one that was meant for another connection, to who asks in vain on this one."""
        a = self.queued().dequeue()
        a.node.commands.down = True
        a.enqueue("Ranked")
        a.node.commands.down = False
        late = b'{"type":"requeued","reason":"player_left","seq":8}'
        self.service.direct.ask("DEL", "player:a")
        self.service.direct.ask("PUBLISH", "notifications:a", late)
        self.service.advance(20, step=1)
        self.assertEqual(a.types, ["queued", "dequeued", "error"])

    def test_missed_while_the_store_is_away(self) -> None:
        """That the store can't be asked for it just now is no failure of its own."""
        a = self.queued()
        a.node.commands.down = True
        self.service.direct.ask("PUBLISH", "notifications:a", b'{"type":"queued","seq":3}')
        self.service.settle()
        self.assertEqual((a.node.node.background.failures, a.heard), ({}, [queued(1)]))
        a.node.reconnect()

    def test_more_than_the_store_has_kept(self) -> None:
        """Of very many missed messages the last eight are told, in order."""
        a = self.queued()
        a.node.cut_subscriber()
        for name in "bcdefgh":
            self.service.player(name, node=1).enqueue("Ranked").vanish()
        a.node.heal_subscriber()
        self.assertEqual([message["seq"] for message in a.heard], [1, *range(8, 16)])
        self.assertEqual(a.types[-2:], ["start_loading", "requeued"])


class TheAnswerIsLost(Conversation):
    """What a player asks is done, but the node does not hear that it was."""

    def lose_the_answer(self) -> None:
        self.service.nodes[0].commands.lose_the_next_answer()

    def test_another_mode_meanwhile(self) -> None:
        """Who asks for another mode before he heard of the first is refused, and stays where he is."""
        for lose in (False, True):
            with self.subTest(lose=lose):
                a = self.connect("a")
                if lose:
                    self.lose_the_answer()
                for mode in ("Ranked", "Duos"):
                    a.session.receive(f'{{"type":"enqueue","player_id":"a","game_mode":"{mode}"}}'.encode())
                self.service.advance(20)
                self.assertEqual((a.types.count("queued"), a.heard[-1]), (1, queued(a.last["seq"])))
                self.assertEqual(record(self.service.direct, "a")["mode"], "Ranked")
                a.dequeue()
                self.assertEqual(a.types[-1], "dequeued")
                a.vanish()

    def test_forgotten_at_once(self) -> None:
        """Whose answer the store has forgotten before it was heard is told to ask again."""
        a = self.queued()
        a.node.cut_subscriber()
        a.dequeue()
        self.assertEqual(a.heard, [queued(1)])
        a.node.disconnect()
        self.service.direct.ask("FLUSHALL")
        a.node.reconnect()
        self.assertEqual(a.heard, [queued(1), UNAVAILABLE])
        self.assertEqual(a.dequeue().types[-1], "dequeued")

    def test_waiting_time(self) -> None:
        """An emptied store gives him back the time of the wish that was done, not that of the one before it."""
        a = self.queued().dequeue()
        self.service.advance(30)
        self.lose_the_answer()
        a.enqueue("Ranked")
        self.assertEqual(a.heard[2:], [UNAVAILABLE, queued(3)])
        since = int(record(self.service.direct, "a")["since"])
        self.service.advance(1)
        self.service.nodes[0].disconnect()
        self.service.direct.ask("FLUSHALL")
        self.service.nodes[0].reconnect()
        self.assertGreaterEqual(int(record(self.service.direct, "a")["since"]), since)


class TwoLives(Conversation):
    """The store has forgotten a player; he began anew on another node, and neither connection knows of the other."""

    nodes = 2

    def two_lives(self) -> tuple[Player, Player]:
        """Both of his connections, the older one first."""
        a, store = self.queued("a").dequeue().enqueue("Ranked"), self.service.direct
        store.ask("DEL", "player:a", "queue:Ranked", "order:Ranked", f"players:{a.node.node.store.node}")
        store.ask("HINCRBY", "tally", "accepted", -1)
        return a, self.queued("a")

    def test_where_he_stands_by_a_newer_life(self) -> None:
        """He hears of it on his old connection too, if he asks there."""
        a, newer = self.two_lives()
        a.resume()
        self.assertEqual((a.last, newer.heard, newer.closed), (queued(4), [queued(1)], CloseCode.SUPERSEDED))

    def test_a_wish_that_a_newer_life_has(self) -> None:
        """The same if he asks for the mode in which he is already."""
        a, newer = self.two_lives()
        a.enqueue("Ranked")
        self.assertEqual((a.last, newer.heard, newer.closed), (queued(4), [queued(1)], CloseCode.SUPERSEDED))
