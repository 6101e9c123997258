"""A node and the store compare notes: missed messages, newer connections."""

from __future__ import annotations

import json

from matchd.store.answers import Claim, Finding
from tests.support.keyspace import copy, put_back
from tests.support.stores import MATCH, StoreTestCase
from tests.support.world import outcome


class NothingToSayTests(StoreTestCase):
    """The node and the store agree."""

    def test_in_every_place(self) -> None:
        """Wherever a player is, comparing changes nothing, however often."""
        self.settle(self.reserved("m1", "m2"))
        self.allocating("a1", "a2")
        for player in ("l1", "l2", "q1", "q2"):
            self.enqueue(player)
        self.loading("l1", "l2")
        outcome(self.store.dequeue("q2", "q21"))
        claims = [self.claim(player) for player in ("m1", "a1", "l1", "q1")]
        claims.append(self.claim("q2", place="none"))
        before = self.dump()
        self.ear.heard()
        self.assertEqual(self.compare(*claims), [Finding(level=True)] * 5)
        self.assertEqual(self.compare(), [])
        self.assert_unchanged(before)
        self.assertEqual(self.ear.heard(), [])

    def test_unknown_and_not_under_way(self) -> None:
        """A player who is nowhere by both accounts stays nowhere."""
        before = self.dump()
        claims = Claim("a", "a1", "none", seq=4), Claim("b", "b1", "asking")
        self.assertEqual(self.compare(*claims), [Finding(), Finding(level=True)])
        self.assert_unchanged(before)


class MissedTests(StoreTestCase):
    """Messages passed unheard."""

    def test_some(self) -> None:
        """Those after the last one heard are given again, in order and as they were; nothing changes."""
        self.server()
        for player in "ab":
            self.enqueue(player)
        session = self.loading("a", "b")
        self.leave("b")
        before = self.dump()
        [finding] = self.compare(self.claim("a", seq=1))
        start = f'{{"type":"start_loading","loading_session_id":"{session}","seq":2}}'
        requeued = '{"type":"requeued","reason":"player_left","seq":3}'
        self.assertEqual(finding, Finding(missed=(start.encode(), requeued.encode())))
        self.assert_unchanged(before)

    def test_more_than_are_kept(self) -> None:
        """Of many missed messages the last eight are kept."""
        for _ in range(12):
            self.enqueue("a")
        [finding] = self.compare(self.claim("a", seq=1))
        self.assertEqual(
            [message[-3:] for message in finding.missed], [f"{n:>2}}}".replace(" ", ":").encode() for n in range(5, 13)]
        )

    def test_the_answer_itself(self) -> None:
        """Who asked and never heard the answer, which the store gave all the same, hears it now."""
        since = self.enqueue("a", seq=6).since
        [finding] = self.compare(Claim("a", "a1", "asking"))
        queued = b'{"type":"queued","seq":7}'
        self.assertEqual(finding, Finding(missed=(queued,), since=since, mode="Ranked", order="fifo"))

    def test_matched_before_he_asked_anew(self) -> None:
        """Who asks for his next match before he has heard of the last one, by one connection, hears of that first."""
        self.settle(self.reserved("a", "b"))
        self.enqueue("a", seq=2)
        [finding] = self.compare(self.claim("a", seq=2))
        self.assertEqual([json.loads(told)["type"] for told in finding.missed], ["match_found", "queued"])
        self.enqueue("b", conn="b2")
        self.assertEqual(self.record("b")["told"], '{"type":"queued"\n')

    def test_requeued_before_the_answer(self) -> None:
        """Who asked, was drawn, is back in the queue and heard nothing, hears it all, from the answer on."""
        self.server()
        self.enqueue("a")
        self.enqueue("b")
        self.loading("a", "b")
        self.leave("b")
        [finding] = self.compare(Claim("a", "a1", "asking", seq=-1))
        self.assertEqual([json.loads(told)["type"] for told in finding.missed], ["queued", "start_loading", "requeued"])

    def test_matched_before_the_answer(self) -> None:
        """Who asked, was drawn and matched and heard nothing, hears it all, from the answer on."""
        self.settle(self.reserved("a", "b"))
        [finding] = self.compare(Claim("a", "a1", "asking", "Ranked", "fifo", seq=-1))
        self.assertEqual(
            [json.loads(told)["type"] for told in finding.missed], ["queued", "start_loading", "match_found"]
        )

    def test_since_when_he_waits(self) -> None:
        """Who heard that he is in the queue, but not the answer that says since when, learns it now."""
        since = self.enqueue("a").since
        expected = Finding(level=True, since=since, mode="Ranked", order="fifo")
        self.assertEqual(self.compare(self.claim("a", since="0")), [expected])
        self.enqueue("a")
        [finding] = self.compare(self.claim("a", since="0", seq=1))
        self.assertEqual((finding.since, finding.missed), (since, (b'{"type":"queued","seq":2}',)))

    def test_asked_in_vain(self) -> None:
        """Who asked, and whose question never arrived, is not put anywhere."""
        self.assertEqual(self.compare(Claim("a", "a1", "asking", "Ranked", "fifo")), [Finding(level=True)])
        self.assertEqual(self.queue(), [])

    def test_asked_in_vain_after_an_earlier_life(self) -> None:
        """What he still misses of a life that is over is told; since when he waited then says nothing about now."""
        self.enqueue("a")
        outcome(self.store.dequeue("a", "a1"))
        missed = b'{"type":"dequeued","seq":2}'
        anew = {"since": "0", "mode": "Duos", "order": "fifo"}
        for seq, finding in (1, Finding(missed=(missed,), **anew)), (2, Finding(level=True, **anew)), (-1, Finding()):
            claim = Claim("a", "a1", "asking", "Duos", "fifo", seq=seq)
            self.assertEqual(self.compare(claim), [finding])

    def test_asked_in_vain_and_gave_up(self) -> None:
        """Who asked in vain, and speaks for nobody since, hears nothing of a life that is over once more."""
        self.enqueue("a")
        outcome(self.store.dequeue("a", "a1"))
        before = self.dump()
        self.assertEqual(self.compare(Claim("a", "a1", "none", "Duos", "fifo", seq=-1)), [Finding(level=True)])
        self.assert_unchanged(before)

    def test_match_found(self) -> None:
        """A match that was found unheard is told."""
        self.settle(self.reserved("a", "b"))
        [finding] = self.compare(self.claim("b", place="loading", seq=2))
        self.assertEqual(finding.missed, (f'{MATCH},"team":1,"seq":3}}'.encode(),))


class SupersededTests(StoreTestCase):
    """Another connection speaks for the player by now."""

    def test_newer_elsewhere(self) -> None:
        """The older one hears that it was superseded; nothing changes."""
        there = self.node("there")
        older = Claim("a", "a1", "queued", "Ranked", "fifo", self.enqueue("a").since, seq=1)
        self.enqueue("a", conn="a2", store=there)
        before = self.dump()
        self.assertEqual(self.compare(older), [Finding(superseded=True)])
        self.assert_unchanged(before)

    def test_the_newer_one_was_forgotten(self) -> None:
        """Where the store has forgotten that the newer connection is the newer one, it is told so."""
        self.enqueue("a")
        older = copy(self.redis)
        outcome(self.store.resume("a", "a2"))
        newer = self.claim("a")
        put_back(self.redis, older)
        self.assertEqual(self.compare(newer), [Finding()])
        self.assertEqual((self.record("a")["conn"], self.record("a")["seq"]), ("a2", "2"))

    def test_asked_in_vain_on_a_newer_one(self) -> None:
        """Who asked in vain on a new connection was never accepted there: it is not the older one by that."""
        self.enqueue("a")
        before = self.dump()
        self.assertEqual(self.compare(Claim("a", "a2", "none", seq=-1)), [Finding(level=True)])
        self.assert_unchanged(before)

    def test_asked_in_vain_on_the_older_one(self) -> None:
        """Who waits by a newer connection keeps his place, whatever an older one had heard before a restart."""
        self.enqueue("a", conn="a2")
        before = self.dump()
        self.assertEqual(self.compare(Claim("a", "a1", "none", "Duos", "fifo", seq=5)), [Finding(level=True)])
        self.assert_unchanged(before)
        self.assertEqual(self.compare(Claim("a", "a1", "none", "Duos", "fifo", seq=1)), [Finding(superseded=True)])

    def test_nobody_speaks_for_him(self) -> None:
        """Who was told more than the record knows, and last that his question is lost, has no newer connection."""
        self.settle(self.reserved("a", "b"))
        older = self.claim("a", place="remembered", session="s")
        self.redis.ask("FLUSHALL")
        outcome(self.store.prepare(self.store._commands))
        self.compare(older)
        for seq in -1, 4:
            with self.subTest(seq=seq):
                finding = Finding(level=seq < 0)
                self.assertEqual(self.compare(Claim("a", "a2", "none", "Ranked", "fifo", seq=seq)), [finding])
                self.assertEqual(self.record("a")["conn"], "a2" if seq > 0 else "")
