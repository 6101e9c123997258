"""What a client hears, and what is believed of its player by it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import ErrorCode
from matchd.players.telling import Telling
from matchd.store.answers import Accepted


class TellingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[bytes] = []
        self.counted: list[str] = []
        lobby: Any = SimpleNamespace(
            metrics=SimpleNamespace(message_out=self.counted.append),
            background=SimpleNamespace(reactor=Clock()),
            join_tokens=None,
        )
        outlet: Any = SimpleNamespace(send=self.sent.append)
        self.telling = Telling(outlet, lobby)
        self.telling.begin("ada")

    def queue(self) -> None:
        """Ada waits for a match of Duos since 2000."""
        self.telling.accepted(Accepted(7, "2000", "Duos", "fifo"))
        self.telling.hear(b'{"type":"queued","seq":7}')

    def believed(self) -> tuple[str, str, str]:
        claim = self.telling.claim("c1")
        return claim.place, claim.mode, claim.since

    def test_queued(self) -> None:
        """Where the store put him he is believed to be."""
        self.queue()
        self.assertEqual(self.believed(), ("queued", "Duos", "2000"))
        self.assertEqual((self.sent, self.counted), ([b'{"type":"queued","seq":7}'], ["queued"]))

    def test_an_earlier_life(self) -> None:
        """An emptied store that knows of an earlier wish only does not move him to that one's mode."""
        self.queue()
        self.telling.accepted(Accepted(4, "1000", "Ranked", "fifo"))
        self.assertEqual(self.believed(), ("queued", "Duos", "2000"))

    def test_a_later_life(self) -> None:
        """A new wish counts, whatever was believed before."""
        self.queue()
        self.telling.accepted(Accepted(8, "3000", "Ranked", "fifo"))
        self.assertEqual(self.believed(), ("queued", "Ranked", "3000"))

    def test_refused(self) -> None:
        """A refusal is told at once, with how long to wait if that is known."""
        self.telling.refuse(ErrorCode.COOLDOWN, "wait", 60)
        self.assertEqual(self.sent, [b'{"type":"error","code":"cooldown","message":"wait","retry_after_s":60}'])

    def test_of_somebody_else(self) -> None:
        """What others publish for the player reaches him as it is, and nothing is believed by it."""
        self.queue()
        self.telling.hear(b'{"type":"match_found"}')
        self.assertEqual(self.sent[1:], [b'{"type":"match_found"}'])
        self.assertEqual(self.believed(), ("queued", "Duos", "2000"))
