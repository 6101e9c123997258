"""Settings keep matchd to itself: no secret is shown, and no port is open to other machines by accident."""

from __future__ import annotations

from matchd.config.settings import SettingsError, load
from tests.support.settings import OPEN, FileCase


class SecretTests(FileCase):
    """Tokens and passwords stay where they are."""

    def test_not_in_repr(self) -> None:
        """Settings that end up in a log or a traceback tell no secret."""
        settings = self.load('operator_token = "s3cret"\nredis = "redis://user:hunter2@store"')
        for shown in (repr(settings), str(settings)):
            self.assertNotIn("s3cret", shown)
            self.assertNotIn("hunter2", shown)

    def test_not_in_complaints(self) -> None:
        """A wrong secret is not printed either."""
        lines = self.problems('operator_token = "s3cret s3cret"\nredis = ["redis://user:hunter2@store"]')
        lines += self.problems('operator_token = "s\\u0000cret"\nredis = "redis://user:hunter2@store:x\\n"')
        self.assertEqual([line.split(":")[0] for line in lines], ["operator_token", "redis"] * 2)
        self.assertNotIn("cret", str(lines))
        self.assertNotIn("hunter2", str(lines))

    def test_token_file(self) -> None:
        """The token can lie in a file of its own, beside the settings."""
        (self.folder / "token").write_text("s3cret\n")
        self.assertEqual(self.load('operator_token_file = "token"').operator_token, "s3cret")


class ExposureTests(FileCase):
    """Nobody opens matchd to other machines by accident."""

    LOCAL = (
        "tcp:0:interface=127.0.0.1",
        "tcp:interface=127.1.2.3:port=0",
        "tcp:0:interface=localhost",
        "tcp6:0:interface=\\:\\:1",
        "unix:/tmp/matchd.sock",
    )
    REMOTE = ("tcp:0", "tcp:0:interface=0.0.0.0", "tcp:0:interface=192.0.2.1", "tcp6:0", "tcp:0:interface=example.org")

    def test_local(self) -> None:
        """Loopback and unix sockets need nothing more."""
        for description in self.LOCAL:
            settings = load({"listen": description, "http": description})
            self.assertEqual((settings.listen, settings.http), (description, description))

    def test_players_from_elsewhere(self) -> None:
        """Without authentication other machines' players are let in only by ``--insecure``."""
        for description in self.REMOTE:
            error = self.assertRaises(SettingsError, load, {"listen": description})
            self.assertEqual(
                error.problems, (f"--listen: {description} is not on loopback, and auth.mode is none; {OPEN}",)
            )
            self.assertEqual(load({"listen": description, "insecure": 1}).listen, description)

    def test_operators_from_elsewhere(self) -> None:
        """The operators' port is opened to other machines only with a token, insecure or not."""
        for description in self.REMOTE:
            error = self.assertRaises(SettingsError, load, {"http": description, "insecure": 1})
            reason = "is not on loopback; set operator_token or operator_token_file in the file"
            self.assertEqual(error.problems, (f"--http: {description} {reason}",))
            self.assertEqual(self.load('operator_token = "s3cret"', http=description).http, description)

    def test_a_wrong_token_is_told_once(self) -> None:
        """Who meant to set a token is told what is wrong with it, not to set one."""
        self.assertEqual(len(self.problems("operator_token = 5", http="tcp:0")), 1)
