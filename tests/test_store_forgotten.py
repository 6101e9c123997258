"""What a node gives back to a store that has forgotten: nobody loses his place or his match by that."""

from __future__ import annotations

from matchd.store.answers import Claim, Finding
from tests.support.stores import MATCH, StoreTestCase
from tests.support.world import outcome


class ForgottenTests(StoreTestCase):
    """The store was started anew and is empty."""

    def forget(self) -> None:
        """The store was started anew, empty; the node has joined again."""
        self.redis.ask("FLUSHALL")
        outcome(self.store.prepare(self.store._commands))
        self.ear.heard()

    def test_queued(self) -> None:
        """Queued players have their places back, in the old order, with the time that they had; nobody is told."""
        for player in "abc":
            self.enqueue(player)
        claims = [self.claim(player) for player in "cab"]
        before = {player: self.record(player) for player in "abc"}
        self.forget()
        self.assertEqual(self.compare(*claims), [Finding()] * 3)
        self.assertEqual(self.queue(), ["a", "b", "c"])
        for player in "abc":
            self.assertEqual(self.record(player), {**before[player], "answer": "2", "kept_from": "2", "told": ""})
        self.assertEqual(self.ear.heard(), [])

    def test_loading(self) -> None:
        """Who loads is told, once all nodes had time to speak, that it fell through, and waits again; so does who
        waited for a server."""
        session = self.allocating("a", "b")
        for player in "cd":
            self.enqueue(player)
        self.loading("c", "d")
        claims = [self.claim(player) for player in "abcd"]
        self.forget()
        self.assertEqual(self.compare(*claims), [Finding(undecided=True)] * 4)
        self.assertEqual((self.ear.heard(), self.queue()), ([], []))
        self.pass_time(1)
        self.compare(*claims)
        self.assertEqual(self.queue(), ["a", "b", "c", "d"])
        requeued = {"type": "requeued", "reason": "allocation_failed", "seq": 3}
        self.assertEqual(self.ear.heard(), [(f"notifications:{player}", requeued) for player in "abcd"])
        self.assertNotIn(f"loading:{session}", self.dump())

    def test_matched(self) -> None:
        """Who was told of his match is not told again, but can ask for it as before."""
        self.settle(self.reserved("a", "b"))
        claims = [self.claim("a", session="s"), self.claim("b", session="s", team=1)]
        self.forget()
        self.compare(*claims)
        self.assertEqual(self.ear.heard(), [])
        self.assertGreater(self.redis.ask("PTTL", "player:b"), 110_000)
        self.assertEqual(self.redis.ask("ZRANGE", "matched", 0, -1), [b"a", b"b"])
        outcome(self.store.resume("b", "b2"))
        match = {"type": "match_found", "session_id": "g", "server_address": "one:7000", "team": 1}
        self.assertEqual(self.told("b"), [match])

    def test_matched_and_not_told(self) -> None:
        """Who loads in a match that another heard to be found is told of it, whichever node comes first."""
        self.server()
        self.enqueue("a")
        self.enqueue("b")
        self.loading("a", "b")
        loading, session = self.claim("b"), self.record("a")["session"]
        match = '{"type":"match_found","session_id":"g","server_address":"one:7000"'
        claims = [self.claim("a", place=place, match=match, seq=3) for place in ("matched", "remembered")]
        for told in claims:
            self.forget()
            self.assertEqual(self.compare(loading), [Finding(undecided=True)])
            self.compare(told)
            self.assertEqual(self.compare(loading), [Finding()])
            found = {"type": "match_found", "session_id": "g", "server_address": "one:7000", "seq": 3}
            self.assertEqual(self.ear.heard(), [("notifications:b", found)])
            self.assertEqual((self.record("b")["state"], self.record("a")["state"]), ("matched", "matched"))
            self.assertEqual(self.redis.ask("GET", f"match:{session}"), f"{match}}}".encode())

    def test_remembered(self) -> None:
        """Who was matched and has gone on to play can ask for his match again; a new life of his is left alone."""
        self.settle(self.reserved("a", "b"))
        claim = self.claim("a", place="remembered", session="s")
        self.forget()
        self.compare(claim)
        self.assertIsNotNone(outcome(self.store.resume("a", "a2")))
        self.assertEqual(self.record("a")["since"], claim.since)
        self.forget()
        self.enqueue("a", conn="a3")
        before = self.record("a")
        self.compare(claim)
        self.assertEqual((self.record("a"), self.queue()), (before, ["a"]))

    def test_remembered_and_asked_anew(self) -> None:
        """Who asked for another match, and does not know since when he waits, does not lose it to the one before."""
        self.settle(self.reserved("a", "b"))
        before = self.claim("a", place="remembered", session="s")
        self.enqueue("a", conn="a2")
        asked = self.claim("a", since="0")
        self.forget()
        self.compare(before)
        [finding] = self.compare(asked)
        self.assertEqual((finding.superseded, self.state("a"), self.queue()), (False, ["queued"], ["a"]))
        self.assertEqual(finding.since, self.record("a")["since"])
        self.assertGreater(int(finding.since), int(before.since))

    def test_mode_unknown(self) -> None:
        """A player whose mode his node never heard of is put into no queue, and stays in the one that he is in."""
        self.enqueue("a")
        claim = self.claim("a", mode="", order="", since="0")
        before = self.dump()
        self.compare(claim)
        self.assert_unchanged(before)
        self.forget()
        before = self.dump()
        self.compare(claim)
        self.assert_unchanged(before)

    def test_twice(self) -> None:
        """Comparing again changes nothing more."""
        self.settle(self.reserved("m", "n"))
        for player in "abc":
            self.enqueue(player)
        self.loading("a", "b")
        matched = self.claim("m", session="s")
        claims = [matched, *(self.claim(player) for player in "abc")]
        self.forget()
        self.compare(*claims)
        self.pass_time(1)
        self.compare(*claims)
        claims = [matched, *(self.claim(player) for player in "abc")]
        before = self.dump()
        self.compare(*claims)
        self.assert_unchanged(before)

    def test_team_unknown(self) -> None:
        """Who was never told his team is told none when he asks again."""
        self.settle(self.reserved("a", "b"))
        claim = self.claim("b", session="s", team=None)
        self.forget()
        self.compare(claim)
        self.assertNotIn("team", self.record("b")["match"])

    def test_match_of_the_newer_connection(self) -> None:
        """If an older connection was the first to speak, he is out of the queue that it put him in: he has a match."""
        reservation = self.reserved("a", "b")
        session = reservation.loading_session_id
        loads = self.claim("a", place="loading", session=session, seq=2)
        outcome(self.store.settle(reservation, f'{MATCH},"loading_session_id":"{session}"'))
        earlier = str(int(loads.since) - 1)
        self.redis.ask("DEL", "player:a")
        self.redis.ask("ZREM", "matched", "a")
        self.compare(Claim("a", "a0", "queued", "Ranked", "fifo", earlier, seq=1))
        self.assertEqual(self.queue(), ["a"])
        self.compare(loads)
        self.assertEqual((self.queue(), self.state("a"), self.record("a")["conn"]), ([], ["matched"], "a1"))

    def test_team_of_an_older_connection(self) -> None:
        """Who was to load by two connections is told his team by whichever the record has not, too."""
        reservation = self.reserved("a", "b")
        session = reservation.loading_session_id
        outcome(self.store.settle(reservation, f'{MATCH},"loading_session_id":"{session}"'))
        later = str(int(self.record("b")["since"]) + 1)
        self.compare(Claim("b", "b2", "loading", "Ranked", "fifo", later, session, 4))
        self.assertEqual([self.record("b")[name] for name in ("state", "conn", "seq")], ["matched", "b2", "5"])
        self.assertEqual(self.told("b")[-1]["team"], 1)

    def test_undecided_by_a_newer_connection(self) -> None:
        """While it is open what became of the newer connection's session, the older one misses nothing of its match."""
        reservation = self.reserved("a", "b")
        older, before = self.claim("a"), self.record("a")
        later = str(int(older.since) + 1)
        newer = Claim("a", "a2", "loading", "Ranked", "fifo", later, "lost", 1)
        self.assertEqual(self.compare(newer), [Finding(undecided=True)])
        self.assertEqual(self.record("a"), before)
        outcome(self.store.settle(reservation, f'{MATCH},"loading_session_id":"{older.session}"'))
        [finding] = self.compare(older)
        self.assertIn(b'"type":"match_found"', finding.missed[0])

    def test_given_back_an_earlier_life(self) -> None:
        """If an older connection was the first to speak, what he has wished for since then counts all the same."""
        self.settle(self.reserved("a", "b"))
        matched = self.claim("a", session="s")
        for place in ("queued", "loading"):
            with self.subTest(place=place):
                self.forget()
                self.enqueue("a", conn="a2")
                now = self.claim("a", place=place, session="t" if place == "loading" else "")
                self.forget()
                self.compare(matched)
                self.compare(now)
                self.pass_time(2)
                self.compare(now)
                record = self.record("a")
                told = {"queued": "1", "loading": "2"}[place]  # that he is requeued
                self.assertEqual(
                    [record[name] for name in ("state", "since", "conn", "seq")], ["queued", now.since, "a2", told]
                )

    def test_tombstone(self) -> None:
        """Who left by a newer connection elsewhere does not come back by what an older one believes."""
        there = self.node("there")
        older = Claim("a", "a1", "queued", "Ranked", "fifo", self.enqueue("a").since, seq=1)
        self.enqueue("a", conn="a2", store=there)
        outcome(there.leave("a", "a2", 0))
        self.assertEqual(self.compare(older), [Finding(superseded=True)])
        self.assertEqual(self.queue(), [])
