"""Keys of players' tokens in a file, which somebody exchanges while matchd runs (T2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from matchd.auth.authority import Authority, authority
from matchd.auth.tokens import UnknownKey
from matchd.background import Background
from matchd.config.auth import Auth
from matchd.errors import StartupError
from tests.support.fetching import NEW, OLD
from tests.support.tokens import NOW, jwks
from tests.support.world import outcome


class FileTests(SynchronousTestCase):
    """A key set in a file, which somebody exchanges."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.offer(OLD)
        auth = Auth(mode="jwt", algorithm="ES256", jwks_file=self.path, jwks_refresh=300)
        made = authority(auth, Background(self.clock), lambda: NOW)
        assert made is not None
        self.authority: Authority = made

    def offer(self, *signers: Any) -> None:
        self.path.write_text(jwks(*signers))

    def start(self) -> None:
        outcome(self.authority.start())
        self.addCleanup(lambda: outcome(self.authority.stop()))

    def knows(self, token: str) -> bool:
        try:
            return bool(outcome(self.authority.identify(token)))
        except UnknownKey:
            return False

    def test_a_new_key(self) -> None:
        """It counts once a token names it, ten seconds later at most; one taken out, until the file is read again."""
        self.start()
        self.assertEqual([self.knows(OLD.token()), self.knows(NEW.token())], [True, False])
        self.offer(NEW)
        self.assertEqual([self.knows(NEW.token()), self.knows(OLD.token())], [False, True])
        self.clock.advance(10)
        self.assertEqual([self.knows(NEW.token()), self.knows(OLD.token())], [True, False])
        self.offer(OLD)
        self.clock.advance(331)
        self.assertTrue(self.knows(OLD.token()))

    def test_gone(self) -> None:
        """The last one counts, and the log has why."""
        self.start()
        for spoil, why in (
            (lambda: self.path.write_text("{"), " holds no JSON Web Key Set"),
            (lambda: self.path.write_text(" " * 70_000), ": more than 65536 bytes"),
            (self.path.unlink, ": No such file or directory"),
        ):
            spoil()
            with capturedLogs() as events:
                self.clock.advance(331)
            self.assertTrue(self.knows(OLD.token()))
            self.assertEqual({event["reason"] for event in events}, {f"{self.path}{why}"})

    def test_gone_at_the_start(self) -> None:
        """matchd does not start without keys."""
        self.path.unlink()
        complaint = self.assertRaises(StartupError, self.start)
        self.assertEqual(str(complaint), f"auth.jwks_file: {self.path}: No such file or directory")
