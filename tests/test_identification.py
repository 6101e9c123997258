"""Players who have to show a token: what they are told, and that nobody else gets anything done (T2)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.auth.authority import Authority
from matchd.auth.fetching import FixedKeys
from matchd.auth.keyset import KeySet, read_jwks
from matchd.auth.tokens import Tokens
from tests.inputs.door import Door
from tests.support.identified import Identified, token, unauthorized
from tests.support.keyspace import dump
from tests.support.properties import patient
from tests.support.tokens import NOW, authority, jwks, signer
from tests.support.wire import Client, request
from tests.support.world import Player
from tests.support.worlds import WorldTestCase


class T02IdentityTests(Identified):
    """Who plays as whom."""

    def test_t02_first_message(self) -> None:
        """A token in the first message is enough for all that follow."""
        ada, bob = self.wish("ada", token=token()), self.wish("bob", token=token("bob"))
        for each in (ada, bob):
            each.load()
        self.assertEqual([ada.types, bob.types], [["queued", "start_loading", "match_found"]] * 2)
        self.assertEqual(ada.resume().last["type"], "match_found")

    def test_t02_handshake(self) -> None:
        """One that came with the handshake likewise."""
        ada = self.service.player("ada")
        ada.session.present(token())
        self.assertEqual(ada.enqueue("Ranked").types, ["queued"])

    def test_t02_resume(self) -> None:
        """``resume`` takes one as well."""
        self.wish("ada", token=token())
        again = self.service.player("ada").say(type="resume", player_id="ada", token=token())
        self.assertEqual(again.types, ["queued"])

    def refusals(self) -> list[tuple[Player, str]]:
        """Everybody who is not let in, and why."""
        named = self.service.player("ada")
        named.session.present(token("eve"))
        bad = self.service.player("ada")
        bad.session.present("x")
        return [
            (self.wish("ada"), "token: missing"),
            (self.service.player("ada").resume(), "token: missing"),
            (self.wish("ada", token=token("eve")), "player_id: the token is somebody else's"),
            (self.wish("ada", token=token(exp=NOW - 1)), "token: has expired"),
            (self.wish("ada", token=token(aud="x")), "token: is for another audience"),
            (self.wish("ada", token=""), "token: is no JSON Web Token"),
            (named.enqueue("Ranked"), "player_id: the token is somebody else's"),
            (bad, "token: is no JSON Web Token"),
        ]

    def test_t02_refused(self) -> None:
        """Whoever has no token, or one that does not hold, or another's: told so, closed, and not a key in Redis."""
        before = dump(self.service.direct)
        for player, why in self.refusals():
            self.assert_refused(player, why)
        self.assertEqual(dump(self.service.direct), before)
        self.assertEqual(list(self.service.nodes[0].node.presence), [])

    def test_t02_what_follows_is_not_read(self) -> None:
        """After a refusal nothing more counts, also what had already come."""
        player = self.service.player("ada")
        for message in (
            {"type": "enqueue", "player_id": "ada", "game_mode": "Ranked", "token": token("eve")},
            {"type": "enqueue", "player_id": "ada", "game_mode": "Ranked", "token": token()},
        ):
            player.session.receive(json.dumps(message).encode())
        self.service.settle()
        self.assertEqual(player.heard, [unauthorized("player_id: the token is somebody else's")])

    def test_t02_nobody_changes_his_name(self) -> None:
        """A connection has one player: another's token ends it, as good as it may be, and his place is given up."""
        ada = self.wish("ada", token=token())
        ada.say(type="enqueue", player_id="bob", game_mode="Ranked", token=token("bob"))
        self.assert_refused(ada, "token: is somebody else's than the one before")
        self.assertEqual(self.service.direct.ask("SCARD", "queue:Ranked"), 0)

    def test_t02_nobody_takes_a_place_over(self) -> None:
        """Who asks for a player who waits, without his token, changes nothing for him."""
        ada = self.wish("ada", token=token())
        self.assert_refused(self.wish("ada", token=token("eve")), "player_id: the token is somebody else's")
        self.assertIsNone(ada.closed)
        self.assertEqual(ada.dequeue().types, ["queued", "dequeued"])

    def test_t02_what_a_player_says_of_himself(self) -> None:
        """Rating and party are the token's, whatever the message has: none where the token has none."""
        heard: list[Any] = []
        he = self.service.player("ada")
        self.patch(he.session, "_enqueue", lambda wish: heard.append(wish) or done())
        mine = {"rating": 9000, "party_id": "mine", "party_size": 5}
        for shown in (token(), token(rating=1200, party_id="p", party_size=2)):
            he.say(type="enqueue", player_id="ada", game_mode="Ranked", token=shown, **mine)
        self.assertEqual(
            [(wish.rating, wish.party_id, wish.party_size) for wish in heard], [(None, None, None), (1200, "p", 2)]
        )

    def test_t02_nobody_uses_a_players_pace_up(self) -> None:
        """What others say in his name does not count as his messages."""
        ada = self.wish("ada", token=token())
        for _ in range(100):
            self.assert_refused(self.wish("ada", token=token("eve")), "player_id: the token is somebody else's")
        self.assertEqual(ada.resume().types, ["queued", "queued"])
        for _ in range(50):
            ada.resume()
        self.assertEqual(ada.last["code"], "rate_limited")

    def test_t02_without_identity(self) -> None:
        """What asks for nothing in a player's name is answered as ever."""
        nobody = self.service.player("ada").dequeue().load()
        self.assertEqual([message["code"] for message in nobody.heard], ["not_queued", "not_in_session"])
        self.assertIsNone(nobody.closed)


async def done() -> None:
    pass


class NobodyAsksTests(WorldTestCase):
    """A service that asks for no tokens."""

    def test_tokens_mean_nothing(self) -> None:
        """Whoever shows one all the same is who he says; and nothing is kept of it."""
        player = self.world().player("ada")
        player.session.present(token("eve"))
        player.say(type="enqueue", player_id="ada", game_mode="Ranked", token="nonsense")
        self.assertEqual(player.types, ["queued"])
        self.assertNotIn("_identification", vars(player.session))


class T02DoorTests(SynchronousTestCase):
    """Whatever somebody shows at the door, by header, sub-protocol or message, through the real connection."""

    HEADERS = ("Authorization: Bearer ", "Authorization: ", "Sec-WebSocket-Protocol: matchd, bearer.")
    SHOWN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300) | st.sampled_from(
        ["", "a.b.c", "bearer.", "matchd", ",", ";", "%00", "a" * 4000, token("eve"), token(exp=NOW - 60), token()[:-1]]
    )

    def setUp(self) -> None:
        self.door = Door(authority)
        self.addCleanup(self.door.close)

    @patient
    @given(st.sampled_from(HEADERS), SHOWN)
    def test_t02_handshake(self, header: str, shown: str) -> None:
        """No handshake, or an error and a goodbye (4003) by the first message; the store hears nothing of it."""
        before, client = self.door.dump(), self.door.client()
        client.feed(request("/ws/", header + shown))
        if client.status.startswith("HTTP/1.1 101"):
            client.say(json.dumps({"type": "resume", "player_id": "ada"}).encode())
            self.door.world.settle()
            self.assert_sent_away(client)
        self.assertTrue(client.is_cut or client.closed)
        self.door.dismiss(client)
        self.assertEqual((self.door.dump(), self.door.complaints), (before, []))

    @patient
    @given(st.text(max_size=300) | SHOWN)
    def test_t02_message(self, shown: str) -> None:
        """The same for the token of a message."""
        before, client = self.door.dump(), self.door.client()
        client.feed(request("/ws/"))
        client.say(json.dumps({"type": "resume", "player_id": "ada", "token": shown}).encode())
        self.door.world.settle()
        self.assert_sent_away(client)
        self.door.dismiss(client)
        self.assertEqual((self.door.dump(), self.door.complaints), (before, []))

    def assert_sent_away(self, client: Client) -> None:
        [answer] = [json.loads(text) for text in client.texts]
        self.assertEqual((answer["code"], client.closed), ("unauthorized", (4003, "unauthorized")))


class UnknownKeyTests(Identified):
    """A token by a key that is not known yet."""

    def authority(self, clock: Clock) -> Authority:
        self.source = Renewable(read_jwks("ES256", jwks(signer("ES256", "old"))))
        return Authority(Tokens("ES256"), self.source, lambda: NOW + clock.seconds(), 30)

    def test_wait_for_it(self) -> None:
        """Its player waits until the keys have been fetched again, and what he says next with him."""
        ada = self.wish("ada", token=signer("ES256", "new").token()).dequeue()
        self.assertEqual(ada.heard, [])
        self.source.keys = read_jwks("ES256", jwks(signer("ES256", "new")))
        self.source.answer(True)
        self.service.settle()
        self.assertEqual(ada.types, ["queued", "dequeued"])

    def test_not_found(self) -> None:
        """Nobody knows it: he is refused."""
        ada = self.wish("ada", token=signer("ES256", "new").token())
        self.source.answer(False)
        self.assert_refused(ada, "token: is signed by a key that is unknown here")

    def test_gone_meanwhile(self) -> None:
        """Who does not wait for it leaves nothing behind."""
        ada = self.wish("ada", token=signer("ES256", "new").token())
        before = dump(self.service.direct)
        ada.vanish()
        self.source.keys = read_jwks("ES256", jwks(signer("ES256", "new")))
        self.source.answer(True)
        self.service.settle()
        self.assertEqual(dump(self.service.direct), before)
        self.assertEqual(list(self.service.nodes[0].node.presence), [])


class Renewable(FixedKeys):
    """Keys that are renewed when the test says so."""

    def __init__(self, keys: KeySet) -> None:
        super().__init__(keys)
        self.waiting: list[Deferred[bool]] = []

    async def renew(self) -> bool:
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    def answer(self, fresh: bool) -> None:
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            one.callback(fresh)
