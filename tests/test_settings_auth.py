"""The settings of who may play: where the keys of players' tokens come from, and what is wrong with them."""

from __future__ import annotations

import pickle
from typing import Any

from twisted.internet.task import Clock

from matchd.auth.authority import authority
from matchd.background import Background
from matchd.config.auth import Auth
from matchd.keys import ALGORITHMS
from tests.support.keys import SECRET
from tests.support.settings import TreeCase
from tests.support.tokens import NOW, jwks, signer
from tests.support.world import outcome

ANYWHERE = "tcp:8080:interface=192.0.2.1"
FORM = "a secret of visible ASCII characters, or a key in PEM"


class AuthCase(TreeCase):
    def setUp(self) -> None:
        super().setUp()
        self.file("matchd.toml", "")

    def jwt(self, **auth: Any) -> Auth:
        """The settings that these make, for an audience."""
        return self.read(auth={"mode": "jwt", "audience": "matchd", **auth}).auth

    def wrong(self, **auth: Any) -> list[str]:
        """What is said of them."""
        return self.problems(auth={"mode": "jwt", "audience": "matchd", **auth})


class KeyTests(AuthCase):
    """Where keys may be."""

    def identify(self, auth: Auth, token: str) -> str:
        """Whom a token names by these settings, as a worker gets them."""
        made = authority(pickle.loads(pickle.dumps(auth)), Background(Clock()), lambda: NOW)
        assert made is not None
        outcome(made.start())
        try:
            return outcome(made.identify(token)).player_id
        finally:
            outcome(made.stop())

    def test_every_algorithm(self) -> None:
        """By a key of its own in a file or in the settings, or by a set of keys in a file."""
        for algorithm in ALGORITHMS:
            each = signer(algorithm, "a")
            self.file("key", f"{each.verifying}\n")
            self.file("keys.json", jwks(signer("ES256"), each))
            for where in ({"key_file": "key"}, {"key": each.verifying}, {"jwks_file": "keys.json"}):
                auth = self.jwt(algorithm=algorithm, **where)
                self.assertEqual(self.identify(auth, each.token()), "ada", (algorithm, where.keys()))

    def test_environment(self) -> None:
        """The key may come from there."""
        self.environ = {"MATCHD_AUTH_KEY": SECRET}
        self.assertEqual(self.identify(self.jwt(), signer().token()), "ada")

    def test_url(self) -> None:
        """A set may be fetched, by TLS, or from this machine."""
        for url in (
            "https://accounts.example/jwks",
            "http://127.0.0.1:8090/jwks.json",
            "http://[::1]/",
            "http://localhost",
        ):
            self.assertEqual(self.jwt(algorithm="ES256", jwks_url=url).jwks_url, url)

    def test_none(self) -> None:
        """By default nobody shows a token."""
        self.assertIsNone(authority(self.read().auth, Background(Clock())))


class MistakeTests(AuthCase):
    """One line for each, which names the key of the file, and no secret."""

    def test_no_key(self) -> None:
        """Without any key nobody could play."""
        self.assertEqual(self.wrong(), ["auth.mode: jwt takes a key: set key_file, jwks_file or jwks_url"])

    def test_key_without_mode(self) -> None:
        """Whoever gives a key means that it counts."""
        self.file("k", SECRET)
        why = 'it is of no use while auth.mode is none; set mode = "jwt"'
        self.assertEqual(self.problems(auth={"key_file": "k"}), [f"auth.key_file: {why}"])

    def test_two_keys(self) -> None:
        """Nobody could say which counts."""
        self.file("k", SECRET)
        two = {"key_file": "k", "jwks_url": "https://accounts.example/jwks", "algorithm": "ES256"}
        self.assertIn("auth.jwks_url: key_file is set too; keep one of them", self.wrong(**two))

    def test_weak_secret(self) -> None:
        """Fewer than 32 bytes are guessed."""
        self.file("k", SECRET[:31])
        self.assertEqual(self.wrong(key_file="k"), ["auth.key_file: holds a secret of 31 bytes; 32 are the least"])
        self.assertEqual(self.wrong(key=SECRET[:31]), ["auth.key: holds a secret of 31 bytes; 32 are the least"])

    def test_public_key_as_secret(self) -> None:
        """What everybody may know is no secret."""
        self.file("k", signer("RS256").verifying)
        why = "holds a key in PEM; HS256 takes a secret that both sides share"
        self.assertEqual(self.wrong(key_file="k"), [f"auth.key_file: {why}"])

    def test_key_that_does_not_fit(self) -> None:
        """One of another algorithm, none at all, or a private one, which has no business here."""
        for algorithm, text, why in (
            ("RS256", signer("ES256").verifying, "holds no key in PEM for RS256"),
            ("ES256", signer("EdDSA").verifying, "holds no key in PEM for ES256"),
            ("EdDSA", SECRET, "holds no key in PEM for EdDSA"),
            ("ES256", signer("ES256").signing, "holds a private key; to verify takes only the public one"),
        ):
            self.file("k", text)
            self.assertEqual(self.wrong(algorithm=algorithm, key_file="k"), [f"auth.key_file: {why}"])

    def test_set_that_does_not_fit(self) -> None:
        """A set without any key for the algorithm, or no set."""
        self.file("k", jwks(signer("ES256")))
        self.assertEqual(
            self.wrong(algorithm="RS256", jwks_file="k"), ["auth.jwks_file: holds no key that verifies RS256"]
        )
        self.file("k", "{}")
        self.assertEqual(self.wrong(algorithm="RS256", jwks_file="k"), ["auth.jwks_file: holds no JSON Web Key Set"])

    def test_files(self) -> None:
        """A file that is not there, or has nothing in it."""
        path = self.file("empty", "")
        self.assertEqual(self.wrong(key_file="empty"), [f"auth.key_file: {path} holds no key: {FORM}"])
        missing = self.folder / "x"
        self.assertEqual(self.wrong(key_file="x"), [f"auth.key_file: {missing}: No such file or directory"])
        self.assertEqual(self.wrong(jwks_file="x"), [f"auth.jwks_file: {missing}: No such file or directory"])
        self.assertEqual(self.wrong(jwks_file="empty"), [f"auth.jwks_file: {path}: is empty"])

    def test_urls(self) -> None:
        """What anybody on the way could exchange is not fetched."""
        for url in (
            "http://accounts.example/jwks",
            "ftp://a/b",
            "accounts.example",
            "https://",
            "https://a:x/",
            "https://a b/",
        ):
            why = f'"https://host/path", or "http:" on loopback, got "{url}"'
            self.assertIn(f"auth.jwks_url: {why}", self.wrong(algorithm="ES256", jwks_url=url))
        why = "HS256 has a secret, and no key that could be published; set algorithm"
        self.assertEqual(self.wrong(jwks_url="https://accounts.example/jwks"), [f"auth.jwks_url: {why}"])

    def test_other_keys(self) -> None:
        """Whatever else is wrong."""
        self.assertEqual(self.problems(auth={"moed": "jwt"}), ["auth.moed: unknown key, did you mean mode?"])
        self.assertEqual(self.problems(auth={"mode": "open"}), ['auth.mode: none or jwt, got "open"'])
        wrong = self.problems(auth={"algorithm": "none"})
        self.assertEqual(wrong, ['auth.algorithm: HS256 or EdDSA or ES256 or RS256, got "none"'])


class ExposureTests(AuthCase):
    """What other machines can reach, and what is said of it."""

    def test_tokens_open_the_port(self) -> None:
        """With tokens the players' port may be anywhere, and there is nothing to warn of."""
        self.file("k", SECRET)
        settings = self.read(listen=ANYWHERE, auth={"mode": "jwt", "key_file": "k", "audience": "matchd"})
        self.assertEqual((settings.listen, settings.warnings), (ANYWHERE, ()))

    def test_insecure_is_said_loudly(self) -> None:
        """Without tokens the log says what that means."""
        why = f"insecure: players are not authenticated, whoever reaches {ANYWHERE} plays under any name"
        self.assertEqual(self.read(listen=ANYWHERE, insecure=True).warnings, (why,))
        self.assertEqual(self.read(insecure=True).warnings, ())

    def test_any_audience(self) -> None:
        """Without an audience a token for any other service of the issuer would do, which is warned of."""
        self.file("k", SECRET)
        warned = self.read(auth={"mode": "jwt", "key_file": "k"}).warnings
        self.assertEqual(warned, ("auth.audience is not set: tokens made for other services will do",))

    def test_secrets_that_others_can_read(self) -> None:
        """Are warned of; a public key is none."""
        path = self.file("k", SECRET, 0o644)
        warned = self.read(auth={"mode": "jwt", "key_file": "k", "audience": "a"}).warnings
        self.assertEqual(warned, (f"every user of this machine can read {path}: auth.key_file",))
        path = self.file("s", jwks(signer("HS256")), 0o644)
        warned = self.read(auth={"mode": "jwt", "jwks_file": "s", "audience": "a"}).warnings
        self.assertEqual(warned, (f"every user of this machine can read {path}: auth.jwks_file",))
        self.file("p", signer("ES256").verifying, 0o644)
        auth = {"mode": "jwt", "algorithm": "ES256", "key_file": "p", "audience": "a"}
        self.assertEqual(self.read(auth=auth).warnings, ())

    def test_no_secret_is_shown(self) -> None:
        """Neither in ``repr`` nor in a complaint (T33)."""
        self.file("k", SECRET)
        self.file("s", jwks(signer("HS256")))
        for where in ({"key": SECRET}, {"key_file": "k"}, {"jwks_file": "s"}):
            auth = self.jwt(**where)
            made = authority(auth, Background(Clock()))
            self.assertNotIn(SECRET, f"{auth!r} {auth} {made!r} {vars(made)!r}")
        for problems in (self.wrong(key=[SECRET]), self.wrong(key=SECRET[:20]), self.wrong(key=SECRET + "\x00")):
            self.assertNotIn(SECRET[:20], str(problems))
