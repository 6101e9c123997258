"""Where a player stands, by what he was told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import read_notice
from matchd.model import Place
from matchd.players.standing import Standing, Wish

NOW = 1000.0


def told(*frames: bytes) -> Standing:
    """The standing of a player who was told all this."""
    standing = Standing("p", Place.ASKING)
    for frame in frames:
        standing.told(read_notice(frame), frame, NOW)
    return standing


QUEUED = b'{"type":"queued","seq":1}'
LOADING = b'{"type":"start_loading","loading_session_id":"s","seq":2}'
MATCHED = b'{"type":"match_found","session_id":"g","server_address":"h:1","team":1,"seq":3}'


class StandingTests(SynchronousTestCase):
    def test_nowhere(self) -> None:
        """A connection that has asked for nothing stands nowhere."""
        self.assertEqual((Standing().place, Standing().under_way), (Place.NONE, False))

    def test_on_the_way(self) -> None:
        """Who asks, waits or loads is under way; only while he loads he is in a session."""
        for standing, place, session in (
            (told(), Place.ASKING, ""),
            (told(QUEUED), Place.QUEUED, ""),
            (told(QUEUED, LOADING), Place.LOADING, "s"),
            (told(QUEUED, LOADING, b'{"type":"requeued","reason":"player_left","seq":3}'), Place.QUEUED, ""),
        ):
            self.assertEqual((standing.place, standing.session, standing.under_way), (place, session, True))

    def test_at_the_end(self) -> None:
        """Who left the queue or loaded too slowly is nowhere."""
        for standing in (
            told(QUEUED, b'{"type":"dequeued","seq":2}'),
            told(QUEUED, LOADING, b'{"type":"error","code":"loading_timeout","message":"m","seq":3}'),
        ):
            self.assertEqual((standing.place, standing.session, standing.under_way), (Place.NONE, "", False))

    def test_matched(self) -> None:
        """Of a match is kept what all its players have in common, and his team; the session is still known."""
        standing = told(QUEUED, LOADING, MATCHED)
        self.assertEqual((standing.place, standing.session, standing.under_way), (Place.MATCHED, "s", False))
        self.assertEqual(standing.match, '{"type":"match_found","session_id":"g","server_address":"h:1"')

    def test_match_of_another_session(self) -> None:
        """A match is of the session that it names, whatever was loading before."""
        standing = Standing("a", Place.LOADING, session="old")
        frame = MATCHED.replace(b'"team"', b'"loading_session_id":"new","team"')
        standing.told(read_notice(frame), frame, 100.0)
        self.assertEqual((standing.place, standing.session), (Place.MATCHED, "new"))
        self.assertEqual(standing.team, 1)

    def test_a_match_long_ago(self) -> None:
        """It is given back to a store that lost it only for as long as the store would have kept it."""
        standing = told(QUEUED, LOADING, MATCHED)
        for later, session in ((100.0, "s"), (111.0, "")):
            standing.forget_old(NOW + later)
            self.assertEqual((standing.place, standing.session), (Place.MATCHED, session))
        standing = told(QUEUED, LOADING)
        standing.forget_old(NOW + 1000)
        self.assertEqual(standing.session, "s")

    def test_wish(self) -> None:
        """Who hears that he waits does so where he asked for that last; since when is known if he was there before."""
        frame = b'{"type":"queued","seq":4}'
        for place, mode, after, waits in (
            (Place.QUEUED, "Duos", 3, ("Duos", "random", "0")),
            (Place.LOADING, "Duos", 3, ("Duos", "random", "0")),
            (Place.LOADING, "Ranked", 3, ("Ranked", "random", "0")),
            (Place.QUEUED, "Ranked", 3, ("Ranked", "random", "7")),
            (Place.QUEUED, "Duos", 4, ("Ranked", "fifo", "7")),
        ):
            standing = Standing("p", place, "Ranked", "fifo", "7", wish=Wish(mode, "random", after))
            standing.told(read_notice(frame), frame, NOW)
            self.assertEqual((standing.place, standing.mode, standing.order, standing.since), (Place.QUEUED, *waits))
            self.assertEqual(standing.wish is None, after == 3)

    def test_other_news(self) -> None:
        """What does not concern his place leaves it as it is."""
        self.assertEqual(told(QUEUED, b'{"type":"chat","seq":2}').place, Place.QUEUED)
