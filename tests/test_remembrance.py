"""Matches that a node remembers for a store that forgets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from matchd.model import Place
from matchd.players.remembrance import MOST, Remembrance
from matchd.store.answers import Claim


def matched(player_id: str) -> Claim:
    """The last belief of a player who went on to play."""
    return Claim(player_id, "n:1", Place.MATCHED, "Ranked", "fifo", "1", "s", 3, "{}", 0)


class RemembranceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.remembrance = Remembrance()

    def players(self, now: float) -> list[str]:
        """Whose matches would be told to an empty store."""
        return [claim.player_id for claim in self.remembrance.recent(now)]

    def test_as_long_as_the_store_would(self) -> None:
        """A match is told again for 110 s after its player has gone."""
        self.remembrance.add(matched("first"), 0)
        self.remembrance.add(matched("second"), 50)
        self.assertEqual(self.players(110), ["first", "second"])
        self.assertEqual(self.players(111), ["second"])
        self.assertEqual(self.players(161), [])

    def test_as_what(self) -> None:
        """What is remembered claims no more than that: its player may be in a new queue by now."""
        self.remembrance.add(matched("p"), 0)
        self.assertEqual(self.remembrance.recent(1)[0].place, Place.REMEMBERED)

    def test_nothing_old_is_kept(self) -> None:
        """A store that never forgets does not make the node grow."""
        for second in range(1000):
            self.remembrance.add(matched(f"p{second}"), second)
        self.assertEqual(len(self.remembrance), 111)

    def test_a_rush(self) -> None:
        """No more are kept than can be told in a moment; the newest are."""
        for number in range(MOST + 2):
            self.remembrance.add(matched(f"p{number}"), 0)
        self.assertEqual(self.players(0)[0], "p2")
        self.assertEqual(len(self.remembrance), MOST)
