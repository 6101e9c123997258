"""Who is connected to a node."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import CloseCode
from matchd.model import Place
from matchd.players.presence import Presence
from matchd.players.standing import Standing
from matchd.store.answers import Claim, Finding


@dataclass(eq=False)
class Someone:
    """A session, as presence knows it."""

    connection_id: str
    standing: Standing = field(default_factory=Standing)

    def hear(self, frame: bytes) -> None: ...

    def superseded(self) -> None: ...

    def send_away(self, code: CloseCode, reason: str) -> None: ...

    def claim(self) -> Claim:
        raise NotImplementedError

    def learn(self, finding: Finding) -> None: ...


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.presence = Presence()
        self.older, self.newer = Someone("1"), Someone("2")

    def test_one_player(self) -> None:
        """He is found by his connection and by his name, until he is gone."""
        self.presence.add(self.older, "p")
        self.assertIs(self.presence.of_connection("1"), self.older)
        self.assertEqual(self.presence.of_player("p"), (self.older,))
        self.assertEqual((list(self.presence), len(self.presence)), ([self.older], 1))
        self.assertTrue(self.presence.remove(self.older, "p"))
        self.assertIsNone(self.presence.of_connection("1"))
        self.assertEqual(self.presence.of_player("p"), ())
        self.assertEqual(len(self.presence), 0)

    def test_two_connections_of_one_player(self) -> None:
        """Both hear of him, until the older one goes: only the last to go leaves nobody listening."""
        self.presence.add(self.older, "p")
        self.presence.add(self.newer, "p")
        self.assertEqual(self.presence.of_player("p"), (self.older, self.newer))
        self.assertFalse(self.presence.remove(self.older, "p"))
        self.assertEqual(self.presence.of_player("p"), (self.newer,))
        self.assertTrue(self.presence.remove(self.newer, "p"))

    def test_unknown_ones(self) -> None:
        """Of those who are not here nothing is known."""
        self.assertIsNone(self.presence.of_connection("1"))
        self.assertEqual(self.presence.of_player("p"), ())

    def test_going_while_all_are_told(self) -> None:
        """One may leave while everybody is gone through."""
        self.presence.add(self.older, "p")
        self.presence.add(self.newer, "q")
        for session in self.presence:
            self.presence.remove(session, session.standing.player_id)
        self.assertEqual(len(self.presence), 0)

    def test_census(self) -> None:
        """Players are counted by mode and place."""
        for number, place in enumerate((Place.QUEUED, Place.QUEUED, Place.LOADING)):
            session = Someone(str(number), Standing(f"p{number}", place, "Ranked"))
            self.presence.add(session, session.standing.player_id)
        self.assertEqual(self.presence.census(), {("Ranked", Place.QUEUED): 2, ("Ranked", Place.LOADING): 1})
