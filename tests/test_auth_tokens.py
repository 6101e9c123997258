"""Players' tokens: which hold, which do not and why, whatever is in them (T2)."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.auth.keyset import KeySet, read_jwks, single
from matchd.auth.tokens import Identity, Tokens, Unauthorized, UnknownKey
from matchd.jointoken import JoinTokens
from matchd.keys import ALGORITHMS
from tests.support.keys import SECRET, other_curve
from tests.support.properties import patient
from tests.support.tokens import AUDIENCE, ISSUER, NOW, OTHER_SECRET, Signer, jwks, signer

KEYS = single("HS256", SECRET)
TOKENS = Tokens("HS256", AUDIENCE, ISSUER, leeway=10)
ANYTHING = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9) | st.just([{"a": [1]}])
NO_PLAYER = "token: sub must be 1 to 64 characters of A-Z a-z 0-9 . _ -"


def signed(claims: dict[str, Any]) -> str:
    """A token with exactly these claims, by the right secret."""
    return jwt.api_jws.encode(json.dumps(claims).encode(), SECRET)


def segment(value: Any) -> str:
    """A part of a token, as it is written."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Reading(SynchronousTestCase):
    def assert_refused(self, token: str, why: str, tokens: Tokens = TOKENS, keys: KeySet = KEYS) -> None:
        refusal = self.assertRaises(Unauthorized, tokens.read, token, keys, NOW)
        self.assertEqual(str(refusal), why)
        self.assertFalse(token[-20:] and token[-20:] in str(refusal))


class TokenTests(Reading):
    """What is read of a token."""

    def test_player(self) -> None:
        """The player is its ``sub``, for as long as it says."""
        self.assertEqual(TOKENS.read(signer().token("ada"), KEYS, NOW), Identity("ada", NOW + 600))

    def test_what_it_says_of_him(self) -> None:
        """His rating and his party may be in it; other claims are passed over."""
        token = signer().token("ada", rating=1500, party_id="friends", party_size=2, admin=True)
        self.assertEqual(TOKENS.read(token, KEYS, NOW), Identity("ada", NOW + 600, 1500.0, "friends", 2))

    def test_algorithms(self) -> None:
        """Each of them, by one key and by a set of keys."""
        for algorithm in ALGORITHMS:
            named = signer(algorithm, "a")
            tokens = Tokens(algorithm, AUDIENCE, ISSUER)
            for keys in (single(algorithm, named.verifying), read_jwks(algorithm, jwks(named))):
                self.assertEqual(tokens.read(named.token(), keys, NOW).player_id, "ada", algorithm)

    def test_any_audience(self) -> None:
        """Without one in the settings any will do, and any issuer."""
        token = signer().token(aud=["x", "y"], iss=None)
        self.assertEqual(Tokens("HS256").read(token, KEYS, NOW).player_id, "ada")

    def test_several_audiences(self) -> None:
        """A token may be for others too."""
        self.assertEqual(TOKENS.read(signer().token(aud=["x", AUDIENCE]), KEYS, NOW).player_id, "ada")

    def test_leeway(self) -> None:
        """Clocks may differ by the leeway, and by no more."""
        for claims in ({"exp": NOW - 9}, {"nbf": NOW + 9}):
            TOKENS.read(signer().token(**claims), KEYS, NOW)
        self.assert_refused(signer().token(exp=NOW - 10), "token: has expired")
        self.assert_refused(signer().token(nbf=NOW + 11), "token: is not valid yet")


class T02ForgedTests(Reading):
    """Tokens that do not hold."""

    def test_t02_claims(self) -> None:
        """Each wrong or missing claim, in the words that its bearer is told."""
        for claims, why in (
            ({"exp": NOW - 3600}, "has expired"),
            ({"exp": None}, "exp must be a time"),
            ({"exp": "never"}, "exp must be a time"),
            ({"exp": float("inf")}, "exp must be a time"),
            ({"exp": float("nan")}, "exp must be a time"),
            ({"exp": True}, "exp must be a time"),
            ({"nbf": NOW + 3600}, "is not valid yet"),
            ({"nbf": "x"}, "nbf must be a time"),
            ({"aud": "another"}, "is for another audience"),
            ({"aud": None}, "aud is missing"),
            ({"aud": 5}, "is for another audience"),
            ({"iss": "https://evil.example"}, "is of another issuer"),
            ({"iss": None}, "iss is missing"),
            ({"rating": "high"}, "rating must be a number from -1000000000 to 1000000000"),
            ({"party_id": "a b"}, "party_id must be 1 to 64 characters of A-Z a-z 0-9 . _ -"),
            ({"party_size": 65}, "party_size must be a whole number from 1 to 64"),
        ):
            self.assert_refused(signer().token(**claims), f"token: {why}")

    def test_t02_no_player(self) -> None:
        """A ``sub`` that no player can have, or none."""
        usual = {"exp": NOW + 9, "aud": AUDIENCE, "iss": ISSUER}
        self.assert_refused(signed(usual), NO_PLAYER)
        for sub in (None, "", "a b", "a:b", "x" * 65, 5, ["ada"], "ada\n"):
            self.assert_refused(signed(usual | {"sub": sub}), NO_PLAYER)

    def test_t02_signature(self) -> None:
        """Another key, a changed claim, a signature cut off."""
        token = signer().token()
        head, _, signature = token.split(".")
        why = "token: its signature does not fit"
        self.assert_refused(jwt.encode({"sub": "ada", "exp": NOW + 9}, OTHER_SECRET), why)
        self.assert_refused(f"{head}.{segment({'sub': 'eve', 'exp': NOW + 9})}.{signature}", why)
        self.assert_refused(token.rpartition(".")[0] + ".", why)

    def test_t02_no_algorithm(self) -> None:
        """A token that says of itself that it is not signed."""
        for alg in ("none", "None", "NONE", "", None, 5, "HS384", "hs256"):
            claims = segment({"sub": "ada", "exp": NOW + 600, "aud": AUDIENCE, "iss": ISSUER})
            self.assert_refused(f"{segment({'alg': alg})}.{claims}.", "token: is not signed by HS256")

    def test_t02_confused_algorithm(self) -> None:
        """The public key, which anybody may have, does not serve as the secret of an HS256 token."""
        hmac = jwt.get_algorithm_by_name("HS256")
        claims = segment({"sub": "ada", "exp": NOW + 600, "aud": AUDIENCE, "iss": ISSUER})
        written = f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{claims}"
        for algorithm in ("RS256", "ES256", "EdDSA"):
            public = signer(algorithm).verifying
            signature = base64.urlsafe_b64encode(hmac.sign(written.encode(), public.encode())).rstrip(b"=").decode()
            tokens, keys = Tokens(algorithm, AUDIENCE, ISSUER), single(algorithm, public)
            self.assert_refused(f"{written}.{signature}", f"token: is not signed by {algorithm}", tokens, keys)

    def test_t02_critical_extension(self) -> None:
        """A header that has to be understood and is not."""
        self.assert_refused(signer().token(header={"crit": ["exp"], "exp": 1}), "token: is no JSON Web Token")

    def test_t02_key_in_the_token(self) -> None:
        """A key that comes with the token is not looked at."""
        evil = Signer("ES256")
        tokens, keys = Tokens("ES256", AUDIENCE, ISSUER), single("ES256", signer("ES256").verifying)
        token = evil.token(header={"jwk": evil.jwk, "jku": "https://evil.example/", "x5u": "https://evil.example/"})
        self.assert_refused(token, "token: its signature does not fit", tokens, keys)

    def test_t02_join_token(self) -> None:
        """What a player shows at a game server does not do here, whatever key signed it: servers could play as he."""
        join = JoinTokens(SECRET.encode(), "HS256", 60.0, lambda: NOW).issue("ada", "g1", 0)
        self.assert_refused(join, "token: is for a game server", Tokens("HS256"))

    def test_t02_nonsense(self) -> None:
        """What is no token at all, be it as deep as it fits."""
        deep = base64.urlsafe_b64encode(b'{"a":' + b"[" * 2000).decode().rstrip("=")
        for token in ("", ".", "..", "a.b.c", "\x00", "é.é.é", "a" * 4096, f"{deep}.{deep}.{deep}", "W10.W10.W10"):
            self.assert_refused(token, "token: is no JSON Web Token")

    @patient
    @given(st.text(max_size=200) | st.lists(st.text("abcXYZ019-_=", max_size=60), min_size=3, max_size=3).map(".".join))
    def test_t02_anything(self, token: str) -> None:
        """Whatever it is, it is refused."""
        self.assertRaises(Unauthorized, TOKENS.read, token, KEYS, NOW)

    @patient
    @given(st.dictionaries(st.sampled_from(["sub", "exp", "nbf", "aud", "iss", "rating"]), ANYTHING))
    def test_t02_any_claims(self, claims: dict[str, Any]) -> None:
        """A signature that fits does not make nonsense any better: it names a player who can be, or is refused."""
        token = signed(claims)
        with contextlib.suppress(Unauthorized):
            self.assertTrue(TOKENS.read(token, KEYS, NOW).player_id)


class KeySetTests(Reading):
    """Which key a token is verified with."""

    def test_names(self) -> None:
        """Of several the one that it names; none where it names none, or another."""
        one, two = signer("ES256", "one"), signer("ES256", "two")
        tokens, keys = Tokens("ES256"), read_jwks("ES256", jwks(one, two))
        for each in (one, two):
            self.assertEqual(tokens.read(each.token(), keys, NOW).player_id, "ada")
        for header in ({"kid": "three"}, {"kid": ""}):
            refusal = self.assertRaises(UnknownKey, tokens.read, one.token(header=header), keys, NOW)
            self.assertEqual(str(refusal), "token: is signed by a key that is unknown here")
        self.assertRaises(UnknownKey, tokens.read, jwt.encode({}, one.signing, "ES256"), keys, NOW)
        self.assert_refused(one.token(header={"kid": "two"}), "token: its signature does not fit", tokens, keys)

    def test_a_lone_key(self) -> None:
        """Is meant by a token that names none; if it has no name itself, by all."""
        named, nameless = signer("ES256", "one"), signer("ES256")
        tokens = Tokens("ES256")
        keys = read_jwks("ES256", jwks(named))
        self.assertTrue(tokens.read(jwt.encode({"sub": "a", "exp": NOW + 9}, named.signing, "ES256"), keys, NOW))
        self.assertRaises(UnknownKey, tokens.read, named.token(header={"kid": "two"}), keys, NOW)
        self.assertTrue(tokens.read(nameless.token(header={"kid": "x"}), read_jwks("ES256", jwks(nameless)), NOW))

    def test_what_does_not_fit(self) -> None:
        """Keys of other kinds, for other uses, too weak or private are passed over; a set of only those is none."""
        good = signer("RS256", "good").jwk
        weak = signer("HS256").jwk | {"k": "c2hvcnQ"}
        es256 = jwt.get_algorithm_by_name("ES256")
        private = json.loads(es256.to_jwk(es256.prepare_key(signer("ES256").signing)))
        es384 = jwt.get_algorithm_by_name("ES384")
        curve = json.loads(es384.to_jwk(es384.prepare_key(other_curve()).public_key()))
        for algorithm, entry in (
            ("RS256", signer("ES256").jwk),
            ("RS256", good | {"use": "enc"}),
            ("RS256", good | {"alg": "RS512"}),
            ("RS256", good | {"key_ops": ["encrypt"]}),
            ("RS256", good | {"key_ops": 5}),
            ("RS256", good | {"kid": 5}),
            ("RS256", good | {"n": "AQAB"}),
            ("RS256", good | {"n": 5}),
            ("RS256", {}),
            ("RS256", "key"),
            ("HS256", weak),
            ("ES256", curve),
            ("ES256", private),
        ):
            complaint = self.assertRaises(ValueError, read_jwks, algorithm, json.dumps({"keys": [entry]}))
            self.assertEqual(str(complaint), f"holds no key that verifies {algorithm}")
        both = json.dumps({"keys": [signer("ES256").jwk, good]})
        self.assertIsNotNone(read_jwks("RS256", both).find("good"))

    def test_no_set(self) -> None:
        """What is no key set."""
        for text in ("", "[]", "5", '"keys"', "{}", "[" * 5000, "\x00", "{"):
            complaint = self.assertRaises(ValueError, read_jwks, "RS256", text)
            self.assertEqual(str(complaint), "holds no JSON Web Key Set")
        for text in ('{"keys":5}', json.dumps({"keys": [{}] * 101})):
            complaint = self.assertRaises(ValueError, read_jwks, "RS256", text)
            self.assertEqual(str(complaint), "holds no JSON Web Key Set of up to 100 keys")
