"""Players who fail to load again and again: what they are told, and who of them has to wait."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred

from matchd.messages import CloseCode
from matchd.model import Cooldown
from matchd.node import Tempo
from matchd.store.answers import Cancelled
from tests.support.conversations import NOWHERE, Conversation
from tests.support.keyspace import record
from tests.support.world import Player, outcome

WAIT = {
    "type": "error",
    "code": "cooldown",
    "message": "you failed to load too often: wait 10 s",
    "retry_after_s": 10,
}


class Judged(Conversation):
    """Two nodes on which everybody is judged: two failures within a minute cost ten seconds."""

    nodes = 2
    tempo = Tempo(cooldown=Cooldown(first=10, window=60))

    def world(self, nodes: int = 1, **others: Any) -> Any:
        return super().world(nodes, self.tempo)

    def setUp(self) -> None:
        super().setUp()
        self.service.advance(5)


class Dodging(Judged):
    """Players who are told to load, and do not."""

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


class HangingUp(Judged):
    """A player who hangs up before an answer has failed as well."""

    def ask_and_hang_up(self, player: Player, question: str = "enqueue") -> None:
        """Say this, and be gone before anything is heard."""
        mode = {"game_mode": "Ranked"} if question == "enqueue" else {}
        player.session.receive(json.dumps({"type": question, "player_id": player.player_id, **mode}).encode())
        player.vanish()
        self.wait_for_nobody()

    def wait_for_nobody(self) -> None:
        """Whoever may come back has not."""
        self.service.advance(4 if self.tempo.reconnect_grace else 0)
        self.service.server()

    def waits_since(self, player: Player) -> int:
        """The moment (us, by the store's time) since when a player waits."""
        return int(record(self.service.direct, player.player_id)["since"])

    def failures(self, player_id: str = "a") -> int:
        """The matches that a player failed to load, by the store."""
        counted: int = self.service.direct.ask("ZCARD", f"dodges:{player_id}")
        return counted

    def test_a_second_connection(self) -> None:
        """A connection that asks while the match loads and hangs up before its answer has left the match."""
        for failed, (question, node) in enumerate([("resume", 0), ("enqueue", 0), ("resume", 1), ("enqueue", 1)]):
            with self.subTest(question=question, node=node):
                self.service.direct.ask("DEL", "cooldown:a")
                b = self.service.player("b", 1).enqueue("Ranked")
                since = self.waits_since(b)
                a = self.service.player("a", 0).enqueue("Ranked")
                self.assertEqual(a.last["type"], "start_loading")
                self.ask_and_hang_up(self.service.player("a", node), question)
                self.assertEqual((a.closed, b.last["type"]), (CloseCode.SUPERSEDED, "requeued"))
                self.assertEqual(self.waits_since(b), since)
                self.assertEqual(self.failures(), failed + 1)
                b.dequeue().vanish()
        self.assertEqual(self.connect("a").enqueue("Ranked").last["code"], "cooldown")

    def test_a_chain_of_connections(self) -> None:
        """One failure for one match, however many connections took over from each other."""
        a, b, _ = self.loading()
        for node in (1, 0, 1):
            self.service.player("a", node).resume()
        self.ask_and_hang_up(self.service.player("a", 0), "resume")
        self.assertEqual((a.closed, b.last["type"], self.failures()), (CloseCode.SUPERSEDED, "requeued", 1))

    def test_drawn_at_once(self) -> None:
        """Who asks for a match, gets one, and hangs up before hearing of it, has failed to load it."""
        b = self.queued("b")
        since = self.waits_since(b)
        for _ in range(2):
            self.ask_and_hang_up(self.connect("a"))
        self.assertEqual((self.failures(), self.failures("b")), (2, 0))
        before = b.types
        self.ask_and_hang_up(self.connect("a"))
        self.assertEqual((b.types, self.waits_since(b)), (before, since))

    def test_drawn_by_who_comes_next(self) -> None:
        """So has who hangs up in the moment in which another's coming makes the match."""
        a, b = self.queued("a"), self.service.player("b", 1)
        b.session.receive(b'{"type":"enqueue","player_id":"b","game_mode":"Ranked"}')
        a.vanish()
        self.wait_for_nobody()
        self.assertEqual((a.types, b.types[-1], self.failures()), (["queued"], "requeued", 1))

    def test_not_drawn(self) -> None:
        """Who hangs up while nobody is there to play with has disturbed nobody."""
        for _ in range(3):
            self.ask_and_hang_up(self.connect("a"))
            self.queued("a").vanish()
        self.assertEqual((self.failures(), self.queued("a").last["type"]), (0, "queued"))

    def test_drawn_before_the_store_knows(self) -> None:
        """A match that is drawn while the word of the player's going is on its way is one that they left."""
        a, late = self.queued("a"), Deferred[tuple[Cancelled, ...]]()
        store, departures = a.node.node.store, a.node.node.departures
        leave = mock.Mock(return_value=late)
        with mock.patch.object(store, "leave", leave):
            a.vanish()
        b = self.service.player("b", 1).enqueue("Ranked")
        late.callback(outcome(store.leave(*leave.call_args.args)))
        self.wait_for_nobody()
        self.assertEqual((b.types[-1], self.failures(), len(departures)), ("requeued", 1, 0))

    def test_nobody_is_listened_for_in_vain(self) -> None:
        """Once the store knows that players are gone, nodes do not listen for them any more."""
        a = self.queued("a")
        again = self.service.player("a", 0).resume()
        channels = a.node.subscriber._channels
        self.assertIn(b"notifications:a", channels)
        again.vanish()
        self.assertNotIn(b"notifications:a", channels)

    def test_the_store_could_not_be_told(self) -> None:
        """Whom others draw because the node could not say that the player was gone has not failed."""
        a = self.queued("a")
        a.node.commands.down = True
        a.vanish()
        b = self.service.player("b", 1).enqueue("Ranked")
        self.assertEqual(b.last["type"], "start_loading")
        a.node.commands.down = False
        self.service.advance(1.5)
        self.wait_for_nobody()
        self.assertEqual((b.last["type"], self.failures()), ("requeued", 0))

    def test_what_the_client_did(self) -> None:
        """Whom the node closes for what the client did or did not say has failed, told of the match or not."""
        for code in (CloseCode.BINARY, CloseCode.UNAUTHORIZED, CloseCode.ABUSE, CloseCode.IDLE):
            self.service.direct.ask("DEL", "cooldown:a", "dodges:a")
            _, b, _ = self.loading()
            newer = self.connect("a")
            newer.session.receive(b'{"type":"resume","player_id":"a"}')
            newer.close(code, "")
            self.wait_for_nobody()
            self.assertEqual((b.last["type"], self.failures()), ("requeued", 1), code)
            b.dequeue().vanish()


class HangingUpWithGrace(HangingUp):
    """The same where a player may come back for a while: it counts once the time for that is over."""

    tempo = Tempo(cooldown=Cooldown(first=10, window=60), reconnect_grace=3)

    def test_coming_back(self) -> None:
        """Who comes back in time, and loads, has not failed."""
        _, b, _ = self.loading()
        newer = self.connect("a")
        newer.session.receive(b'{"type":"resume","player_id":"a"}')
        newer.vanish()
        a = self.connect("a").resume().load()
        b.load()
        self.service.advance(4)
        self.assertEqual(
            (a.types, b.last["type"], self.failures()), (["start_loading", "match_found"], "match_found", 0)
        )
