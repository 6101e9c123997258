"""What players notice when the store is away or broken: answers, no losses, no repeats."""

from __future__ import annotations

from tests.support.conversations import NOT_QUEUED, UNAVAILABLE, Conversation, match_found, queued, requeued
from tests.support.world import Player

OUR_FAULT = {"type": "error", "code": "unavailable", "message": "something went wrong here: ask again"}


class TheStoreIsAway(Conversation):
    def away(self) -> None:
        self.service.nodes[0].disconnect()

    def back(self) -> None:
        self.service.nodes[0].reconnect()
        self.service.server()

    def ask_everything(self, player: Player) -> None:
        """Whatever he asks, he is told to ask again, and his connection stays."""
        before = len(player.heard)
        player.enqueue("Ranked").resume().dequeue().load()
        self.assertEqual(player.heard[before:], [UNAVAILABLE] * 4)
        self.assertEqual((player.closed, player.faults), (None, 0))

    def test_a_newcomer(self) -> None:
        """He is told so, and taken in afterwards."""
        a = self.connect("a")
        self.away()
        self.ask_everything(a)
        self.back()
        self.assertEqual(a.enqueue("Ranked").last, queued(1))
        b = self.queued("b")
        self.assertEqual((a.types[-1], b.types[-1]), ("start_loading", "start_loading"))

    def test_a_newcomer_who_gives_up(self) -> None:
        """Whom the store never got to know of is not in the queue either."""
        a = self.connect("a")
        self.away()
        self.ask_everything(a)
        a.vanish()
        self.back()
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 0)

    def test_one_who_had_left(self) -> None:
        """Where his wish was lost he does not hear of what went before it once more."""
        a = self.queued().dequeue().resume()
        self.away()
        a.enqueue("Ranked")
        self.service.advance(10)
        self.back()
        self.service.advance(20, step=1)
        self.assertEqual(a.types, ["queued", "dequeued", "error", "error"])
        self.assertEqual(a.enqueue("Ranked").last, queued(3))

    def test_one_who_waits(self) -> None:
        """He keeps his place, and what he asked for in vain has not happened."""
        a = self.queued()
        self.away()
        self.ask_everything(a)
        self.service.advance(10)
        self.back()
        b = self.queued("b")
        self.assertEqual(a.types, ["queued", *["error"] * 4, "start_loading"])
        a.load()
        b.load()
        self.assertEqual((a.types[-1], b.types[-1]), ("match_found", "match_found"))

    def test_one_who_loads(self) -> None:
        """He says again that he has loaded."""
        a, b, session = self.loading()
        self.away()
        self.ask_everything(a)
        self.back()
        a.load()
        b.load()
        self.assertEqual((a.last, b.last), (match_found(session, 0, 3), match_found(session, 1, 3)))

    def test_one_who_was_matched(self) -> None:
        """A new wish has to wait; the old match can still be told."""
        a, _, session = self.matched()
        self.away()
        self.ask_everything(a)
        self.back()
        self.assertEqual(a.resume().last, match_found(session, 0, 4))
        self.assertEqual(a.enqueue("Ranked").last, queued(5))

    def test_while_a_server_is_asked(self) -> None:
        """A match that the game server has made is told as soon as the store can be reached."""
        a, b, session = self.allocating()
        self.away()
        self.game_server_answers()
        self.service.advance(5)
        self.assertEqual((len(a.heard), len(b.heard)), (2, 2))
        self.back()
        self.service.advance(1)
        self.assertEqual((a.heard[2:], b.heard[2:]), ([match_found(session, 0, 3)], [match_found(session, 1, 3)]))
        self.assertEqual(len(self.service.games.asked), 1)

    def test_one_who_goes(self) -> None:
        """The store learns of it when it is back, and the other is requeued."""
        a, b, _ = self.loading()
        self.away()
        b.vanish()
        self.service.advance(5)
        self.back()
        self.assertEqual(a.heard[2:], [requeued("player_left", 3)])

    def test_again_and_again(self) -> None:
        """Any number of outages, at any step, cost no message and bring none twice."""
        a = self.queued()
        self.away()
        self.back()
        b = self.queued("b")
        for _ in range(3):
            self.away()
            self.service.advance(1)
            self.back()
        a.load()
        self.away()
        self.back()
        b.load()
        self.assertEqual((a.types, b.types), (["queued", "start_loading", "match_found"],) * 2)


class TheStoreIsBroken(Conversation):
    def test_an_error_of_the_store(self) -> None:
        """What the store refuses for a reason of its own is logged and answered; the next message is as good as any."""
        self.service.direct.ask("SET", "queue:Ranked", "not a queue")
        a = self.connect("a").enqueue("Ranked").dequeue()
        self.assertEqual((a.heard, a.closed), ([OUR_FAULT, NOT_QUEUED], None))
        self.assertEqual(self.service.nodes[0].node.background.failures["session"], 1)
        self.service.direct.ask("DEL", "queue:Ranked")
        self.assertEqual(a.enqueue("Ranked").last, queued(1))

    def test_a_bug(self) -> None:
        """Not even an error of ours leaves a question without an answer."""
        a = self.queued()
        self.patch(a.node.node.store, "dequeue", None)
        a.dequeue()
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(a.resume().heard[1:], [OUR_FAULT, queued(2)])
