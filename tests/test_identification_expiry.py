"""Tokens that run out: their players are asked for new ones, and to say the old ones again is of no use (T4, T8)."""

from __future__ import annotations

from twisted.internet.task import Clock

from matchd.auth.authority import Authority
from tests.support.identified import Identified, token
from tests.support.keyspace import dump
from tests.support.tokens import NOW, authority

ASKED = {
    "type": "error",
    "code": "token_expired",
    "message": "token: has expired; send a new one with enqueue or resume",
}


class T04ExpiryTests(Identified):
    """A token that runs out while its player waits."""

    def test_t04_in_time(self) -> None:
        """He is asked for another one as it does; with that he waits on, as long as it is good, in his place."""
        ada = self.wish("ada", token=token(exp=NOW + 60))
        self.service.advance(59)
        self.assertEqual(ada.types, ["queued"])
        self.service.advance(1)
        self.assertEqual(ada.last, ASKED)
        self.service.advance(29)
        ada.say(type="resume", player_id="ada", token=token(exp=NOW + 120))
        self.assertEqual(ada.last["type"], "queued")
        self.service.advance(30)
        self.assertEqual(ada.types, ["queued", "error", "queued"])
        self.service.advance(1)
        self.assertEqual(ada.last, ASKED)
        ada.say(type="enqueue", player_id="ada", game_mode="Ranked", token=token(exp=NOW + 900))
        self.service.advance(60)
        self.assertEqual((ada.closed, ada.types[-1]), (None, "queued"))

    def test_t04_too_late(self) -> None:
        """Else he is sent away after the grace, and his place is given up."""
        ada = self.wish("ada", token=token(exp=NOW + 60))
        self.service.advance(89.5)
        self.assertIsNone(ada.closed)
        self.service.advance(0.5)
        self.assert_refused(ada, "token: has expired, and no new one came")
        self.assertEqual(self.service.direct.ask("SCARD", "queue:Ranked"), 0)

    def test_t04_asked_once(self) -> None:
        """He is told once; what he says meanwhile in his own name still counts."""
        ada = self.wish("ada", token=token(exp=NOW + 60))
        self.service.advance(80)
        self.assertEqual(ada.types, ["queued", "error"])
        self.assertEqual(ada.dequeue().last["type"], "dequeued")

    def test_t04_no_new_wish(self) -> None:
        """He may end what is under way, and asks for nothing more, until he has brought a new one."""
        ada = self.wish("ada", token=token(exp=NOW + 60))
        self.service.advance(80)
        ada.dequeue()
        before = dump(self.service.direct)
        self.assertEqual([ada.enqueue("Ranked").last, ada.resume().last], [ASKED, ASKED])
        self.assertEqual((dump(self.service.direct), ada.closed), (before, None))
        self.assertEqual(
            ada.say(type="enqueue", player_id="ada", game_mode="Ranked", token=token()).last["type"], "queued"
        )

    def test_t04_the_same_again(self) -> None:
        """The one that has run out is no new one."""
        ada = self.wish("ada", token=token(exp=NOW + 60))
        self.service.advance(61)
        ada.say(type="resume", player_id="ada", token=token(exp=NOW + 60))
        self.assert_refused(ada, "token: has expired")

    def test_t04_loading(self) -> None:
        """Also while a match loads; who brings a new one is not disturbed."""
        ada, bob = self.wish("ada", token=token(exp=NOW + 5)), self.wish("bob", token=token("bob"))
        self.service.advance(6)
        self.assertEqual(ada.last, ASKED)
        ada.say(type="resume", player_id="ada", token=token())
        ada.load()
        bob.load()
        self.assertEqual([ada.last["type"], bob.last["type"]], ["match_found"] * 2)

    def test_t04_for_ever(self) -> None:
        """A token that is good for ever costs one timer, and one that is gone none."""
        clock = self.service.nodes[0].clock
        usual = len(clock.getDelayedCalls())
        ada = self.wish("ada", token=token(exp=2**53))
        ada.say(type="resume", player_id="ada", token=token(exp=2**53))
        self.assertEqual(len(clock.getDelayedCalls()), usual + 1)
        self.assertLess(max(call.getTime() for call in clock.getDelayedCalls()), clock.seconds() + 61)
        ada.vanish()
        self.assertEqual(len(clock.getDelayedCalls()), usual)


class ClockStepTests(Identified):
    """The time of day is set while a player waits; timers do not go by it."""

    def setUp(self) -> None:
        self.wrong = 0.0
        super().setUp()

    def authority(self, clock: Clock) -> Authority:
        believing = authority(clock)
        right = believing.now
        believing.now = lambda: right() + self.wrong
        return believing

    def test_set_forward(self) -> None:
        """A token that has run out by the new time is noticed within a minute."""
        ada = self.wish("ada", token=token(exp=NOW + 3000))
        self.service.advance(5)
        self.wrong = 3600.0
        self.service.advance(60)
        self.assertEqual(ada.last, ASKED)

    def test_set_back(self) -> None:
        """Nobody is asked for a new token while the old one is good by the new time."""
        ada = self.wish("ada", token=token(exp=NOW + 100))
        self.wrong = -50.0
        self.service.advance(149)
        self.assertEqual(ada.types, ["queued"])
        self.service.advance(1)
        self.assertEqual(ada.last, ASKED)


class T08ReplayTests(Identified):
    """Whoever has listened says again what a player said."""

    def test_t08_every_frame(self) -> None:
        """Every frame of a finished match, on new connections, once the token has run out: nothing changes."""
        said = {
            name: [
                {"type": "enqueue", "player_id": name, "game_mode": "Ranked", "token": token(name, exp=NOW + 60)},
                {"type": "loading_complete"},
                {"type": "resume", "player_id": name, "token": token(name, exp=NOW + 60)},
                {"type": "dequeue"},
            ]
            for name in ("ada", "bob")
        }
        players = [self.service.player(name) for name in said]
        for step in range(4):
            for player in players:
                message = said[player.player_id][step]
                if message["type"] == "loading_complete":
                    message["loading_session_id"] = player.last["loading_session_id"]
                player.say(**message)
        self.assertEqual([player.types[2] for player in players], ["match_found"] * 2)
        for player in players:
            player.vanish()
        self.service.advance(125)
        before = dump(self.service.direct)
        for name, messages in said.items():
            for message in messages:
                heard = self.service.player("thief").say(**message).heard
                self.assertEqual([answer["type"] for answer in heard], ["error"], (name, message["type"]))
        self.assertEqual(dump(self.service.direct), before)
