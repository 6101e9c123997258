"""A store that takes its time, and answers that get lost on their way."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from matchd.errors import StoreUnavailable
from matchd.players.telling import Telling
from tests.support.conversations import NOT_QUEUED, UNAVAILABLE, Conversation, match_found, queued
from tests.support.world import TestNode


class SlowCommands:
    """A connection to the store that answers when the test says so; what it is asked happens at once."""

    def __init__(self, node: TestNode) -> None:
        self._execute = node.commands.execute
        self._waiting: list[tuple[Deferred[Any], Deferred[Any]]] = []

    def execute(self, *args: bytes | str | int) -> Deferred[Any]:
        self._waiting.append((Deferred(), self._execute(*args)))
        return self._waiting[-1][0]

    def answer(self) -> None:
        """The oldest question."""
        waiting, reply = self._waiting.pop(0)
        reply.chainDeferred(waiting)

    def lose_answer(self) -> None:
        """The connection breaks after the oldest question was heard: it has happened, but nobody is told."""
        self._waiting.pop(0)[0].errback(StoreUnavailable("connection lost"))

    @property
    def waits(self) -> bool:
        return bool(self._waiting)


class SlowStore(Conversation):
    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowCommands(self.service.nodes[0])
        self.slowness = self.patch(self.service.nodes[0].commands, "execute", self.slow.execute)


class TheStoreIsSlow(SlowStore):
    def answer_all(self) -> None:
        """The store answers everything, and is no longer slow."""
        while self.slow.waits:
            self.slow.answer()
            self.service.settle()
        self.slowness.restore()

    def test_one_message_after_the_other(self) -> None:
        """What a client says without waiting is answered in that order."""
        a = self.connect("a").enqueue("Ranked").dequeue().dequeue().enqueue("Ranked").resume()
        self.assertEqual(a.heard, [])
        self.answer_all()
        self.assertEqual(a.types, ["queued", "dequeued", "error", "queued", "queued"])
        self.assertEqual(a.heard[2], NOT_QUEUED)

    def test_too_many_at_once(self) -> None:
        """Thirty-two may wait for an answer; those on top are refused, and the others are answered."""
        a = self.connect("a").enqueue("Ranked")
        for _ in range(34):
            a.dequeue()
        refused = {"type": "error", "code": "rate_limited", "message": "too many messages wait for an answer"}
        self.assertEqual(a.heard, [refused, refused])
        self.answer_all()
        self.assertEqual(a.types[2:], ["queued", "dequeued", *["error"] * 31])

    def test_bad_frames_are_answered_meanwhile(self) -> None:
        """They need no store."""
        a = self.connect("a").enqueue("Ranked")
        a.say_raw(b"hello")
        self.assertEqual([message["code"] for message in a.heard], ["invalid_json"])
        self.answer_all()
        self.assertEqual(a.last, queued(1))

    def test_gone_before_the_answer(self) -> None:
        """Whoever is gone before he was answered is in no queue."""
        a = self.connect("a").enqueue("Ranked").load()
        a.vanish()
        self.answer_all()
        self.assertEqual((a.heard, len(self.service.nodes[0].node.presence)), ([], 0))
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 0)

    def test_gone_before_the_question(self) -> None:
        """Who is gone before the store could be asked for them is not asked for any more."""
        self.connect("b").enqueue("Ranked")
        self.connect("a").enqueue("Ranked").vanish()
        self.answer_all()
        self.assertIsNone(self.service.direct.ask("GET", "player:a"))
        self.assertEqual(self.service.nodes[0].node.background.failures, {})

    def test_two_connections_at_once(self) -> None:
        """Of two connections that ask for the same player together, the one that the store heard last has him."""
        a, again = self.connect("a").enqueue("Ranked"), self.connect("a").enqueue("Ranked")
        self.answer_all()
        self.assertEqual((a.closed, again.closed, again.heard), (4001, None, [queued(2)]))
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 1)

    def test_gone_while_an_answer_comes_late(self) -> None:
        """Who is told of his last match while he asks for the next one, and goes then, waits in no queue."""
        for answered in (1, 2):
            self.slowness.restore()
            self.matched()
            self.slowness.patch()
            late: list[tuple[Telling, bytes]] = []
            hear, deaf = Telling.hear, self.patch(Telling, "hear", lambda *heard, late=late: late.append(heard))
            again = self.connect("a").resume().enqueue("Ranked")
            for _ in range(answered):
                self.slow.answer()
                self.service.settle()
            deaf.restore()
            hear(*late.pop(0))
            self.assertEqual(again.types, ["match_found"])
            again.vanish()
            self.answer_all()
            self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 0)


class AnswersGetLost(SlowStore):
    """The store has done what it was asked, and the connection breaks before its reply has come."""

    def lose_answer(self) -> None:
        self.slow.lose_answer()
        self.slowness.restore()
        self.service.settle()

    def reconnect(self) -> None:
        self.service.nodes[0].disconnect()
        self.service.nodes[0].reconnect()

    def test_of_an_enqueue(self) -> None:
        """He is told to ask again, and then what has become of his wish, whether he does or not."""
        a = self.connect("a").enqueue("Ranked")
        self.lose_answer()
        self.reconnect()
        self.assertEqual(a.heard, [UNAVAILABLE, queued(1)])
        self.assertEqual(a.enqueue("Ranked").last, queued(2))

    def test_of_a_dequeue(self) -> None:
        """He hears that he is out of the queue."""
        self.slowness.restore()
        a = self.queued()
        self.slowness.patch()
        a.dequeue()
        self.lose_answer()
        self.reconnect()
        self.assertEqual(sorted(a.types), ["dequeued", "error", "queued"])
        self.assertEqual(a.dequeue().last, NOT_QUEUED)

    def test_of_the_last_to_load(self) -> None:
        """The match goes on from where it was."""
        self.slowness.restore()
        a, b, session = self.loading()
        a.load()
        self.slowness.patch()
        b.load()
        self.lose_answer()
        self.reconnect()
        self.assertEqual((a.last, b.heard[2:]), (match_found(session, 0, 3), [UNAVAILABLE, match_found(session, 1, 3)]))
