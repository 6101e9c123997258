"""The token that a player shows at the game server: made by matchd, and nobody else's."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.jointoken import BadToken, Joining, JoinTokenCheck, JoinTokens
from matchd.keys import ALGORITHMS, signing_key, verifying_key
from tests.support.conversations import queued
from tests.support.keys import SECRET, pair
from tests.support.world import World
from tests.support.worlds import WorldTestCase, valkey_path

NOW = 1_700_000_000.0
FOUND = b'{"type":"match_found","session_id":"g1","server_address":"10.0.0.4:7777","team":1,"seq":3}'


class Clocked:
    """A time of day that a test can move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clocked()
        self.tokens = JoinTokens(signing_key("HS256", SECRET), "HS256", 60.0, self.clock)
        self.check = JoinTokenCheck(verifying_key("HS256", SECRET), "HS256", self.clock)

    def assert_bad(self, token: str, why: str) -> None:
        self.assertEqual(str(self.assertRaises(BadToken, self.check.read, token)), why)


class TokenTests(Case):
    def test_every_algorithm(self) -> None:
        """What matchd signs the game server can verify, whatever the kind of the key."""
        for algorithm in ALGORITHMS:
            private, public = pair(algorithm)
            tokens = JoinTokens(signing_key(algorithm, private), algorithm, 60.0, self.clock)
            check = JoinTokenCheck(verifying_key(algorithm, public), algorithm, self.clock)
            joining = check.read(tokens.issue("ada", "g1", 1))
            self.assertEqual((joining.player_id, joining.session_id, joining.team), ("ada", "g1", 1))

    def test_each_is_another(self) -> None:
        """A player who is told again gets a new token, so that each can be used up."""
        first, second = (self.check.read(self.tokens.issue("ada", "g1", 0)) for _ in range(2))
        self.assertNotEqual(first.token_id, second.token_id)

    def test_in_the_message(self) -> None:
        """``match_found`` is as it was, with the token besides."""
        message = json.loads(self.tokens.added("ada", FOUND))
        token = message.pop("join_token")
        self.assertEqual(message, json.loads(FOUND))
        self.assertEqual(self.check.read(token), Joining("ada", "g1", 1, self.check.read(token).token_id))

    def test_time(self) -> None:
        """It holds for as long as it was made for, and a little longer for clocks that differ."""
        token = self.tokens.issue("ada", "g1", 0)
        self.clock.now += 64
        self.check.read(token)
        self.clock.now += 2
        self.assert_bad(token, "has expired")

    def test_another_key(self) -> None:
        """Who does not have the key can't make one."""
        forger = JoinTokens(b"another secret that is long enough too", "HS256", 60.0, self.clock)
        self.assert_bad(forger.issue("ada", "g1", 0), "is not matchd's")

    def test_no_algorithm(self) -> None:
        """A token that says that it needs no signature needs one."""
        _, claims, _ = self.tokens.issue("ada", "g1", 0).split(".")
        head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
        self.assert_bad(f"{head}.{claims}.", "is not matchd's")

    def test_the_public_key_as_a_secret(self) -> None:
        """A token signed with the public key, as if that were a secret, does not hold."""
        public = pair("RS256")[1]
        check = JoinTokenCheck(verifying_key("RS256", public), "RS256", self.clock)
        claims = {"iss": "matchd", "sub": "ada", "sid": "g1", "exp": NOW + 60, "jti": "1"}
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)
        )
        mac = jwt.get_algorithm_by_name("HS256").sign(head + b"." + body, public.encode())
        token = b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
        self.assertEqual(str(self.assertRaises(BadToken, check.read, token)), "is not matchd's")

    def test_another_issuer_or_a_claim_missing(self) -> None:
        """A token of the same key that was made for something else does not let anybody in."""
        whole: dict[str, Any] = {"iss": "matchd", "sub": "ada", "sid": "g1", "exp": int(NOW) + 60, "jti": "1"}
        self.check.read(self.signed(whole))
        for name in whole:
            self.assert_bad(self.signed({key: value for key, value in whole.items() if key != name}), "is not matchd's")
        self.assert_bad(self.signed({**whole, "iss": "https://accounts.example"}), "is not matchd's")
        self.assert_bad(self.signed({**whole, "team": "x"}), "is not matchd's")

    def test_for_something_else(self) -> None:
        """A token with all of its claims that does not say what it is for is not one of these."""
        whole = {"iss": "matchd", "sub": "ada", "sid": "g1", "exp": int(NOW) + 60, "jti": "1"}
        self.assert_bad(self.signed(whole, "JWT"), "is not matchd's")

    def signed(self, claims: dict[str, Any], kind: str = "join+jwt") -> str:
        return jwt.encode(claims, SECRET, "HS256", {"typ": kind})

    @given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(lambda raw: raw.decode("latin-1"))))
    def test_anything(self, token: str) -> None:
        """Whatever somebody shows, he is told that it is no token, and no more happens."""
        self.setUp()
        self.assert_bad(token, "is not matchd's")


class MatchTests(WorldTestCase):
    def setUp(self) -> None:
        self.clock = Clocked()
        self.check = JoinTokenCheck(SECRET.encode(), "HS256", self.clock)
        tokens = JoinTokens(SECRET.encode(), "HS256", 60.0, self.clock)
        self.service = World(valkey_path(), 2, join_tokens=tokens)
        self.addCleanup(self.service.close)
        self.service.server()

    def play(self) -> Any:
        a, b = (self.service.player(name, number).enqueue("Ranked") for number, name in enumerate("ab"))
        self.service.advance(0.5)
        a.load()
        b.load()
        return a, b

    def test_each_his_own(self) -> None:
        """Every player of a match gets a token in his name, for the session that all got."""
        for player in self.play():
            joining = self.check.read(player.last["join_token"])
            self.assertEqual((joining.player_id, joining.session_id), (player.player_id, player.last["session_id"]))
            self.assertEqual(joining.team, player.last["team"])

    def test_only_then(self) -> None:
        """No other message has one."""
        a, _ = self.play()
        self.assertEqual(a.heard[0], queued(1))
        self.assertEqual([m["type"] for m in a.heard if "join_token" in m], ["match_found"])

    def test_told_again(self) -> None:
        """Who comes back after a while gets a fresh one."""
        self.play()
        self.clock.now += 100
        again = self.service.player("a", 1).resume()
        self.assertEqual(self.check.read(again.last["join_token"]).player_id, "a")

    def test_not_in_the_store(self) -> None:
        """Tokens are nowhere but with their players; what an emptied store gets back is without."""
        a, _ = self.play()
        self.service.direct.ask("FLUSHALL")
        self.service.advance(6)
        keys = self.service.direct.ask("KEYS", "*")
        held = [self.service.direct.ask("DUMP", key) for key in keys]
        self.assertNotEqual(held, [])
        self.assertNotIn(a.last["join_token"][:40].encode(), b"".join(held))
        again = self.service.player("a", 1).resume()
        self.assertEqual(again.last["session_id"], a.last["session_id"])

    def test_what_others_publish(self) -> None:
        """A message of somebody else's on a player's channel reaches him as it is."""
        player = self.service.player("a").enqueue("Ranked")
        self.service.direct.ask("PUBLISH", "notifications:a", b'{"type":"match_found"}')
        self.service.settle()
        self.assertEqual(player.last, {"type": "match_found"})
