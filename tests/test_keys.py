"""Keys that fit their algorithm, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from matchd.keys import ALGORITHMS, signing_key, verifying_key
from tests.support.keys import SECRET, other_curve, pair, short_rsa


class KeyTests(SynchronousTestCase):
    def assert_refused(self, read: Callable[[str, str], Any], algorithm: str, text: str, words: str) -> None:
        self.assertEqual(str(self.assertRaises(ValueError, read, algorithm, text)), words)

    def test_every_algorithm(self) -> None:
        """A key of its own kind is taken, by whoever signs and whoever verifies."""
        for algorithm in ALGORITHMS:
            private, public = pair(algorithm)
            signing_key(algorithm, private)
            verifying_key(algorithm, public)

    def test_secret(self) -> None:
        """A secret may end with a line break, as files do."""
        self.assertEqual(signing_key("HS256", f"{SECRET}\n"), SECRET.encode())

    def test_weak(self) -> None:
        """What could be guessed is refused."""
        self.assert_refused(signing_key, "HS256", "x" * 31, "holds a secret of 31 bytes; 32 are the least")
        self.assert_refused(signing_key, "RS256", short_rsa(), "holds a key of 1024 bits; 2048 are the least")

    def test_a_pair_is_no_secret(self) -> None:
        """A public key taken for a secret would let everybody sign who knows it."""
        words = "holds a key in PEM; HS256 takes a secret that both sides share"
        for algorithm in ALGORITHMS[1:]:
            for text in pair(algorithm):
                self.assert_refused(verifying_key, "HS256", text, words)
        words = "holds a key for SSH; HS256 takes a secret that both sides share"
        for text in ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKV2", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHA"):
            self.assert_refused(signing_key, "HS256", text, words)

    def test_of_another_kind(self) -> None:
        """A key of one algorithm is not taken for another."""
        for algorithm in ALGORITHMS[1:]:
            for other in {"HS256", "EdDSA", "ES256", "RS256"} - {algorithm}:
                self.assert_refused(signing_key, algorithm, pair(other)[0], f"holds no key in PEM for {algorithm}")
        self.assert_refused(signing_key, "ES256", other_curve(), "holds no key in PEM for ES256")

    def test_the_wrong_half(self) -> None:
        """Who signs needs the private half, and who verifies shall not have it."""
        for algorithm in ALGORITHMS[1:]:
            private, public = pair(algorithm)
            words = "holds a public key; to sign takes the private one"
            self.assert_refused(signing_key, algorithm, public, words)
            words = "holds a private key; to verify takes only the public one"
            self.assert_refused(verifying_key, algorithm, private, words)
