"""The sessions of one game server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.dedicated.sessions import Full, NotAdmitted, Sessions
from matchd.jointoken import Joining

PLAYERS = ("a", "b")


class SessionsTests(SynchronousTestCase):
    def test_each_loading_session_has_its_own(self) -> None:
        """Two matches play in two sessions."""
        sessions = Sessions(2, 60.0)
        self.assertNotEqual(sessions.create("s1", PLAYERS, 0.0), sessions.create("s2", PLAYERS, 0.0))
        self.assertEqual(sessions.count, 2)

    def test_asked_twice(self) -> None:
        """A loading session gets the same session however often it is asked for, also from a full server."""
        sessions = Sessions(1, 60.0)
        first = sessions.create("s1", PLAYERS, 0.0)
        self.assertEqual(sessions.create("s1", PLAYERS, 30.0), first)
        self.assertEqual((sessions.count, sessions.made), (1, 1))

    def test_full(self) -> None:
        """A server without a free slot says so, and is none the worse for it."""
        sessions = Sessions(2, 60.0)
        for key in ("s1", "s2"):
            sessions.create(key, PLAYERS, 0.0)
        self.assertEqual(str(self.assertRaises(Full, sessions.create, "s3", PLAYERS, 0.0)), "all 2 slots are taken")
        self.assertEqual(sessions.count, 2)

    def test_the_end(self) -> None:
        """An ended session's slot is free; its loading session would get another."""
        sessions = Sessions(1, 60.0)
        first = sessions.create("s1", PLAYERS, 0.0)
        self.assertTrue(sessions.end("s1"))
        self.assertEqual(sessions.count, 0)
        self.assertNotEqual(sessions.create("s1", PLAYERS, 0.0), first)

    def test_the_end_of_none(self) -> None:
        """A session that does not run can't be ended."""
        self.assertFalse(Sessions(1, 60.0).end("s1"))

    def test_time_is_over(self) -> None:
        """A session ends by itself, counted from when it was first asked for."""
        sessions = Sessions(2, 60.0)
        sessions.create("s1", PLAYERS, 100.0)
        sessions.create("s2", PLAYERS, 110.0)
        sessions.create("s1", PLAYERS, 159.0)
        self.assertEqual(sessions.expire(159.9), 0)
        self.assertEqual(sessions.expire(160.0), 1)
        self.assertEqual(sessions.count, 1)
        self.assertEqual(sessions.expire(170.0), 1)

    @given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from(["create", "end", "pass"]), st.integers(0, 9))))
    def test_never_more_than_fit(self, capacity: int, steps: list[tuple[str, int]]) -> None:
        """Whatever is asked in whatever order, and a server that is not full takes another."""
        sessions, now = Sessions(capacity, 3.0), 0.0
        for what, which in steps:
            if what == "end":
                sessions.end(f"s{which}")
            elif what == "pass":
                now += which
                sessions.expire(now)
            else:
                full = sessions.count == capacity
                try:
                    sessions.create(f"s{which}", PLAYERS, now)
                except Full:
                    self.assertTrue(full)
            self.assertLessEqual(sessions.count, capacity)


class AdmitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = Sessions(2, 60.0)
        self.session = self.sessions.create("s1", PLAYERS, 0.0)

    def assert_refused(self, session: str, joining: Joining, why: str) -> None:
        self.assertEqual(str(self.assertRaises(NotAdmitted, self.sessions.admit, session, joining)), why)

    def test_each_once(self) -> None:
        """Every token lets its player in once; with another he may come again, after a crash for instance."""
        for token in ("1", "2"):
            self.sessions.admit(self.session, Joining("a", self.session, 0, token))
        self.assert_refused(self.session, Joining("a", self.session, 0, "1"), "join_token: was used before")

    def test_whose_it_is_not(self) -> None:
        """Neither a stranger gets in, nor a player of another session."""
        other = self.sessions.create("s2", ("c", "d"), 0.0)
        self.assert_refused(self.session, Joining("c", self.session, 0, "1"), "join_token: c does not play here")
        self.assert_refused(self.session, Joining("c", other, 0, "1"), "join_token: is for another session")
        self.sessions.admit(other, Joining("c", other, 0, "1"))

    def test_over(self) -> None:
        """Nobody joins what is over."""
        self.sessions.end("s1")
        self.assert_refused(self.session, Joining("a", self.session, 0, "1"), "no such session")
