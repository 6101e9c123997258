"""Players who fail to load again and again: what they are told, and who of them has to wait."""

from __future__ import annotations

from typing import Any

from matchd.messages import CloseCode
from matchd.model import Cooldown
from matchd.node import Tempo
from tests.support.conversations import NOWHERE, Conversation
from tests.support.world import Player

WAIT = {
    "type": "error",
    "code": "cooldown",
    "message": "you failed to load too often: wait 10 s",
    "retry_after_s": 10,
}


class Dodging(Conversation):
    """Two failures within a minute cost ten seconds."""

    nodes = 2
    tempo = Tempo(cooldown=Cooldown(first=10, window=60))

    def world(self, nodes: int = 1, **others: Any) -> Any:
        return super().world(nodes, self.tempo)

    def setUp(self) -> None:
        super().setUp()
        self.service.advance(5)

    def leave_a_match(self, code: CloseCode | None = None) -> Player:
        """The player ``a`` is gone from a match that loads, of which nobody is left."""
        a, b, _ = self.loading()
        if code is None:
            a.vanish()
        else:
            a.close(code, "")
        b.dequeue().vanish()
        self.service.settle()
        return a

    def test_twice(self) -> None:
        """He is told how long he has to wait, may stay and ask again, and is let in when the time is over."""
        self.leave_a_match()
        self.leave_a_match()
        a = self.connect("a").enqueue("Ranked").resume()
        self.assertEqual((a.heard, a.closed), ([WAIT, NOWHERE], None))
        self.service.advance(10)
        self.assertEqual(a.enqueue("Ranked").last["type"], "queued")

    def test_any_node(self) -> None:
        """It does not help to ask another node, or in another mode."""
        self.leave_a_match()
        self.leave_a_match()
        answers = [self.connect("a").enqueue(mode).last["code"] for mode in ("Ranked", "Duos", "Normal_1v1")]
        self.assertEqual(answers, ["cooldown"] * 3)

    def test_the_others(self) -> None:
        """Those whose match he broke play on."""
        self.leave_a_match()
        self.leave_a_match()
        self.assertEqual(self.queued("b").last["type"], "queued")

    def test_sent_away(self) -> None:
        """Whom a node sends away because it goes down has not failed."""
        for _ in range(3):
            self.leave_a_match(CloseCode.DRAINING)
        self.assertEqual(self.queued("a").last["type"], "queued")

    def test_cut_off_for_what_he_did(self) -> None:
        """Who floods the node until it cuts him off has failed all the same."""
        self.leave_a_match(CloseCode.ABUSE)
        self.leave_a_match(CloseCode.ABUSE)
        self.assertEqual(self.connect("a").enqueue("Ranked").last["code"], "cooldown")

    def test_a_newer_connection(self) -> None:
        """Who goes on by another connection has not left."""
        for _ in range(3):
            a, b, _ = self.loading()
            newer = self.connect("a").resume()
            self.assertEqual((a.closed, newer.last["type"]), (CloseCode.SUPERSEDED, "start_loading"))
            newer.load()
            b.load()
            self.service.settle()
            newer.vanish()
            b.vanish()
        self.assertEqual(self.queued("a").last["type"], "queued")
