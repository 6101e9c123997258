"""What the store draws in the run in which somebody enters a queue."""

from __future__ import annotations

from matchd.model import DEFAULT_MODE, GameMode
from matchd.store.answers import Accepted, Drawn
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, TEAMS, outcome


class ArrivalTests(StoreTestCase):
    """Whoever completes a match has it drawn as he comes."""

    def come(self, player: str, mode: GameMode = FIFO) -> Drawn | None:
        """What was drawn by that."""
        answer = outcome(self.store.enqueue(player, f"{player}1", mode, 0, draws=True))
        assert isinstance(answer, Accepted)
        return answer.drawn

    def test_the_last_one_needed(self) -> None:
        """He is told that he is queued, then to load; his node hears what was drawn, and how long they had waited."""
        self.server()
        self.assertIsNone(self.come("a"))
        self.pass_time(2)
        drawn = self.come("b")
        assert drawn is not None
        self.assertEqual((drawn.matches, drawn.waiting, drawn.short_of_servers), (1, 0, False))
        self.assertEqual([round(wait_ms / 1000) for wait_ms in drawn.waits_ms], [2, 0])
        self.assertEqual((self.state("a", "b"), self.queue()), (["loading", "loading"], []))
        self.assertEqual([message["type"] for message in self.told("b")], ["queued", "start_loading"])
        self.assertEqual(self.record("a")["session"], self.record("b")["session"])

    def test_any_order(self) -> None:
        """In a mode without an order, too, and with teams."""
        self.server()
        for mode, names in ((DEFAULT_MODE, "ab"), (TEAMS, "cdef")):
            drawn = [self.come(name, mode) for name in names]
            self.assertEqual([outcome and outcome.matches for outcome in drawn], [None] * (len(names) - 1) + [1])

    def test_without_a_game_server(self) -> None:
        """Nobody is drawn where no game server is free, and the node is told that this is why."""
        self.come("a")
        self.assertEqual(self.come("b"), Drawn(0, 2, True, ()))
        self.assertEqual((self.queue(), self.told("b")), (["a", "b"], [{"type": "queued"}]))

    def test_many_who_waited(self) -> None:
        """When servers are back the next who comes has all drawn that one run can."""
        for number in range(8):
            self.come(f"p{number}")
        self.server()
        drawn = self.come("p8")
        assert drawn is not None
        self.assertEqual((drawn.matches, drawn.waiting, len(drawn.waits_ms)), (4, 1, 8))
        self.assertEqual(self.queue(), ["p8"])

    def test_several_who_come_together(self) -> None:
        """Of those who come in one run each mode's matches are drawn once, and the last one's answer tells of them."""
        self.server()
        questions = [
            (name, mode) for mode in (FIFO, DEFAULT_MODE) for name in (f"{mode.order.value}{n}" for n in range(5))
        ]
        fields = [
            field
            for name, mode in questions
            for field in (name, f"{name}1", mode.name, mode.order.value, 0, 1, f"stem{mode.name} 100 2 1000 0 1")
        ]
        replies = outcome(self.store.look("enqueue", *fields))
        self.assertEqual([reply[0] for reply in replies], [b"accepted"] * 10)
        self.assertEqual([reply[3:6] for reply in replies], ([[]] * 4 + [[2, 1, 0]]) * 2)
        self.assertEqual((self.queue(), len(self.queue(DEFAULT_MODE))), (["fifo4"], 1))

    def test_who_was_put_into_the_queue_by_somebody_else(self) -> None:
        """Who comes and is in the queue's keys already is drawn once, not against himself."""
        self.server()
        self.redis.ask("SADD", f"queue:{FIFO.name}", "a")
        self.redis.ask("ZADD", f"order:{FIFO.name}", 1, "a")
        self.assertIsNone(self.come("a"))
        self.assertEqual((self.queue(), self.state("a")), (["a"], ["queued"]))
        drawn = self.come("b")
        assert drawn is not None
        self.assertEqual((drawn.matches, self.state("a", "b"), self.queue()), (1, ["loading", "loading"], []))

    def test_where_drawing_fails(self) -> None:
        """Somebody else's key in the way of the draw keeps nobody from waiting."""
        self.contradictions_expected = True
        self.server()
        self.redis.ask("SET", "loading", "not a sorted set")
        self.assertEqual([self.come("a"), self.come("b")], [None, None])
        self.assertEqual((self.queue(), self.state("a", "b")), (["a", "b"], ["queued", "queued"]))
        self.redis.ask("DEL", "loading")

    def test_who_asks_again(self) -> None:
        """Who is under way already draws nobody."""
        self.server()
        self.come("a")
        self.enqueue("b")
        self.assertIsNone(self.come("a"))
        self.assertEqual(self.state("a", "b"), ["queued", "queued"])
