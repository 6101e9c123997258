"""Players who load, too slowly perhaps, and players who leave: what they hear, and the others of their match."""

from __future__ import annotations

from tests.support.conversations import (
    NOT_IN_SESSION,
    NOT_QUEUED,
    NOWHERE,
    Conversation,
    match_found,
    queued,
    requeued,
    start_loading,
)


class Leaving(Conversation):
    def test_dequeue(self) -> None:
        """Out of the queue, as asked; the next in it is not matched with him."""
        a = self.queued().dequeue()
        b = self.queued("b")
        self.assertEqual((a.heard, b.heard), ([queued(1), {"type": "dequeued", "seq": 2}], [queued(1)]))

    def test_dequeue_when_in_no_queue(self) -> None:
        """Never enqueued, dequeued already, loading, or matched: one can't leave a queue that one is not in."""
        a = self.connect("a").dequeue()
        self.assertEqual(a.heard, [NOT_QUEUED])
        a.enqueue("Ranked").dequeue().dequeue()
        self.assertEqual(a.types[1:], ["queued", "dequeued", "error"])
        self.assertEqual(a.last, NOT_QUEUED)
        a.enqueue("Ranked")
        b = self.queued("b")
        self.assertEqual((a.types[-1], a.dequeue().last), ("start_loading", NOT_QUEUED))
        a.load()
        b.load()
        self.assertEqual((a.types[-1], a.dequeue().last), ("match_found", NOT_QUEUED))

    def test_back_again(self) -> None:
        """Who has left may come back."""
        a = self.queued().dequeue().enqueue("Ranked")
        self.queued("b")
        self.assertEqual(a.types, ["queued", "dequeued", "queued", "start_loading"])

    def test_gone_from_the_queue(self) -> None:
        """Who is gone is drawn no more."""
        self.queued().vanish()
        b = self.queued("b")
        self.assertEqual(b.heard, [queued(1)])
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 1)

    def test_gone_while_loading(self) -> None:
        """The others are back in the queue at once, ahead of those who came later, and meet the next."""
        a, b, _ = self.loading()
        c = self.queued("c")
        b.vanish()
        again = a.last["loading_session_id"]
        self.assertEqual(a.heard[2:], [requeued("player_left", 3), start_loading(again, 4)])
        self.assertEqual(c.heard, [queued(1), start_loading(again, 2)])

    def test_gone_while_a_server_is_asked(self) -> None:
        """It is too late to undo the match: the others play, and he may still come back to it."""
        a, b, session = self.allocating()
        b.vanish()
        self.game_server_answers()
        self.assertEqual(a.heard[2:], [match_found(session, 0, 3)])
        self.assertEqual(self.connect("b").resume().heard, [match_found(session, 1, 4)])


class Loading(Conversation):
    def test_too_early(self) -> None:
        """Who is in no loading session can't have loaded."""
        a = self.connect("a").load().load(loading_session_id="x").enqueue("Ranked").load()
        self.assertEqual(a.heard, [NOT_IN_SESSION, NOT_IN_SESSION, queued(1), NOT_IN_SESSION])

    def test_twice(self) -> None:
        """The second time changes nothing and is not answered: above all it does not stand for the other player."""
        a, b, session = self.loading()
        a.load().load(loading_session_id=session).load()
        self.assertEqual((len(a.heard), len(b.heard)), (2, 2))
        b.load()
        self.assertEqual((a.last, b.last), (match_found(session, 0, 3), match_found(session, 1, 3)))

    def test_while_a_server_is_asked(self) -> None:
        """Nor is it answered once all have loaded."""
        a, _, _ = self.allocating()
        self.assertEqual(len(a.load().heard), 2)
        self.game_server_answers()
        self.assertEqual(a.types[2:], ["match_found"])

    def test_the_session_of_others(self) -> None:
        """A session that one is not in, or that does not exist, is refused, and one's own goes on."""
        a, b, session = self.loading()
        c, d = self.queued("c"), self.queued("d")
        for wrong in (c.last["loading_session_id"], "unknown", session + "x", "\0", ":mode"):
            self.assertEqual(a.load(loading_session_id=wrong).last, NOT_IN_SESSION)
        b.load()
        self.assertEqual((a.types[-1], c.types[-1], d.types[-1]), ("error", "start_loading", "start_loading"))
        a.load(loading_session_id=session)
        self.assertEqual(b.last, match_found(session, 1, 3))

    def test_after_the_match(self) -> None:
        """Of one's own session that is one time more; a session that has ended is nobody's else."""
        a, _, session = self.matched()
        told = len(a.heard)
        self.assertEqual(len(a.load(loading_session_id=session).heard), told)
        for wrong in ({}, {"loading_session_id": session + "x"}, {"loading_session_id": session[:-1]}):
            self.assertEqual(a.load(**wrong).last, NOT_IN_SESSION)

    def test_not_in_time(self) -> None:
        """Who has not loaded is told and out of the queue; who has is back in it, with his waiting time."""
        a, b, _ = self.loading()
        a.load()
        self.service.advance(58, step=1.5)
        self.assertEqual((len(a.heard), len(b.heard)), (2, 2))
        self.service.advance(4)
        too_late = {"type": "error", "code": "loading_timeout", "message": "you did not finish loading in time"}
        self.assertEqual(a.heard[2:], [requeued("loading_timeout", 3)])
        self.assertEqual(b.heard[2:], [{**too_late, "seq": 3}])
        self.assertEqual(b.load().last, NOT_IN_SESSION)
        self.assertEqual(self.connect("b").resume().last, NOWHERE)
        self.service.server()
        b.enqueue("Ranked")
        self.assertEqual((a.types[3:], b.types[-2:]), (["start_loading"], ["queued", "start_loading"]))

    def test_nobody_in_time(self) -> None:
        """Where nobody has loaded, everybody is out."""
        a, b, _ = self.loading()
        self.service.advance(62, step=1.5)
        self.assertEqual([a.last["code"], b.last["code"]], ["loading_timeout"] * 2)
        self.assertEqual(self.service.invariants()["players"]["queued"]["Ranked"], 0)


class LeavingOnTwoNodes(Leaving):
    nodes = 2


class LoadingOnTwoNodes(Loading):
    nodes = 2
