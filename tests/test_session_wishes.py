"""Who asks for another mode than his node believes him in, when the answer is lost: where he waits from then on."""

from __future__ import annotations

from tests.support.conversations import UNAVAILABLE, Conversation, queued, start_loading
from tests.support.keyspace import record
from tests.support.world import Player


class Wishing(Conversation):
    """What a player asks for is done, or refused, and his node does not hear which."""

    def lose_the_answer(self) -> None:
        self.service.nodes[0].commands.lose_the_next_answer()

    def lose_answer_and_message(self) -> None:
        self.service.nodes[0].commands.lose_the_next_answer(then=self.service.nodes[0].subscriber.cut)

    def hear_again(self) -> None:
        """Messages are heard from now on; what was missed is not looked for yet."""
        self.service.nodes[0].subscriber.heal()

    def forget_players(self) -> None:
        """The store forgets all players, and no node knows that yet."""
        for pattern in ("player*", "queue:*", "order:*", "loading*", "tally"):
            for key in self.service.direct.ask("KEYS", pattern):
                self.service.direct.ask("DEL", key)

    def empty(self) -> None:
        """The store comes back without what it held."""
        self.service.nodes[0].disconnect()
        self.service.direct.ask("FLUSHALL")
        self.service.nodes[0].reconnect()

    def waits(self, player: Player) -> tuple[str, int]:
        """For which mode, and since when, by the store."""
        known = record(self.service.direct, player.player_id)
        self.assertEqual(known["state"], "queued")
        return known["mode"], int(known["since"])

    def left_unheard(self) -> Player:
        """One who waits for Ranked, as he was told, and has left that queue."""
        a = self.queued()
        self.service.nodes[0].subscriber.cut()
        a.dequeue()
        self.hear_again()
        return a


class AnotherMode(Wishing):
    """The former wait or match is over, and the player's node has not heard of that: the store takes his wish."""

    def asks_for_duos(self) -> Player:
        """He has left Ranked and asked for Duos, and has heard that he waits."""
        a = self.left_unheard()
        self.lose_the_answer()
        a.enqueue("Duos")
        self.assertEqual(a.heard, [queued(1), UNAVAILABLE, {"type": "dequeued", "seq": 2}, queued(3)])
        return a

    def test_compared(self) -> None:
        """He waits in the mode that he asked for, however often his node and the store compare."""
        a = self.asks_for_duos()
        self.service.advance(20)
        self.assertEqual((self.waits(a)[0], a.last, a.closed), ("Duos", queued(3), None))
        self.assertEqual(a.dequeue().last, {"type": "dequeued", "seq": 4})

    def test_forgotten(self) -> None:
        """A store that comes back empty gives him back a place there."""
        a = self.asks_for_duos()
        self.empty()
        self.assertEqual((self.waits(a)[0], a.last), ("Duos", queued(3)))

    def test_forgotten_while_loading(self) -> None:
        """So too who was to load for a match that the store has forgotten, without the time that he waited before."""
        a, _, session = self.loading()
        self.forget_players()
        self.lose_the_answer()
        a.enqueue("Duos")
        self.assertEqual(a.heard, [queued(1), start_loading(session, 2), UNAVAILABLE, queued(3)])
        _, since = self.waits(a)
        self.empty()
        mode, since_then = self.waits(a)
        self.assertEqual(mode, "Duos")
        self.assertGreaterEqual(since_then, since)

    def test_answered(self) -> None:
        """Who does hear the answer has all the time that he waited there."""
        a, _, _ = self.loading()
        self.forget_players()
        a.enqueue("Duos")
        before = self.waits(a)
        self.empty()
        self.assertEqual((self.waits(a), before[0]), (before, "Duos"))

    def test_unheard(self) -> None:
        """Who heard nothing but that he has to ask again is where he was, if the store forgets what he asked for."""
        a = self.queued()
        before = self.waits(a)
        self.forget_players()
        a.node.commands.lose_the_next_answer(then=a.node.disconnect)
        a.enqueue("Duos")
        self.assertEqual(self.waits(a)[0], "Duos")
        self.empty()
        self.assertEqual((a.heard, self.waits(a)), ([queued(1), UNAVAILABLE], before))

    def test_refused_a_third(self) -> None:
        """Who hears by a refusal only that he waits there has no claim to the time that he waited before."""
        a = self.left_unheard()
        self.lose_answer_and_message()
        a.enqueue("Duos")
        self.hear_again()
        _, since = self.waits(a)
        a.enqueue("Normal_1v1")
        self.assertEqual(a.last["message"], "you are under way in Duos")
        a.node.heal_subscriber()
        self.empty()
        mode, since_then = self.waits(a)
        self.assertEqual((mode, a.heard[-2:]), ("Duos", [{"type": "dequeued", "seq": 2}, queued(3)]))
        self.assertGreaterEqual(since_then, since)

    def test_says_the_store(self) -> None:
        """Where he is by the store counts for more than what he asked for last."""
        a = self.asks_for_duos()
        self.lose_answer_and_message()
        a.resume()
        self.hear_again()
        self.lose_the_answer()
        a.enqueue("Ranked")
        a.node.heal_subscriber()
        self.assertEqual((a.heard[4:], self.waits(a)[0]), ([UNAVAILABLE, UNAVAILABLE, queued(4)], "Duos"))


class AnotherModeInVain(Wishing):
    """The player waits for Ranked and stays there, though he is told that he waits after he asked for another mode."""

    def stays(self, player: Player) -> None:
        """Also when they compare, and when the store has come back empty."""
        before = self.waits(player)
        self.service.advance(20)
        self.empty()
        mode, since = self.waits(player)
        self.assertEqual((mode, player.last), ("Ranked", queued(2)))
        self.assertLessEqual(since, before[1])

    def test_refused(self) -> None:
        """He was refused, and hears only then the answer to a question before that."""
        a = self.queued()
        a.session.receive(b'{"type":"resume","player_id":"a"}')
        self.lose_the_answer()
        a.enqueue("Duos")
        self.assertEqual(a.heard, [queued(1), UNAVAILABLE, queued(2)])
        self.stays(a)

    def test_never_asked(self) -> None:
        """The same, and his wish did not get as far as the store."""
        a = self.queued()
        a.node.commands.lose_the_next_answer(then=lambda: setattr(a.node.commands, "down", True))
        a.session.receive(b'{"type":"resume","player_id":"a"}')
        a.enqueue("Duos")
        a.node.commands.down = False
        self.assertEqual(a.heard, [queued(1), UNAVAILABLE, UNAVAILABLE, queued(2)])
        self.stays(a)

    def test_asks_where_he_is(self) -> None:
        """He was refused, asks then where he is, and hears nothing but that he waits."""
        a = self.queued()
        self.lose_the_answer()
        a.enqueue("Duos")
        self.lose_the_answer()
        a.resume()
        self.assertEqual(a.heard, [queued(1), UNAVAILABLE, UNAVAILABLE, queued(2)])
        self.stays(a)
