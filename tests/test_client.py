"""``python -m client``, against a matchd that says what the test wants."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from client.__main__ import parse, play
from tests.support.fake_matchd import WithMatchd
from tests.support.tokens import signer


class PlayTests(WithMatchd):
    """``python -m client``, up to the reactor."""

    def begin(self, *options: str) -> None:
        self.printed: list[str] = []
        self.complaints: list[str] = []
        arguments = parse(["--loading", "1", "--timeout", "10", *options])
        self.playing = Deferred.fromCoroutine(
            play(self.network.reactor, arguments, self.printed.append, self.complaints.append)
        )
        self.network.settle()

    def everyone(self, type: str, **fields: object) -> None:
        for player in self.players:
            player.say(type, **fields)
        self.network.settle()

    def end(self) -> bool:
        """Whether all were matched, once the client has ended; it has left nothing behind."""
        matched = self.successResultOf(self.playing)
        self.assertEqual((self.network.open, self.network.reactor.getDelayedCalls()), (0, []))
        return bool(matched)

    def test_the_whole_way(self) -> None:
        """Every step of every player is printed, and the last line sums up."""
        self.begin()
        self.everyone("queued")
        self.everyone("start_loading", loading_session_id="s1")
        self.network.advance(0.75)
        self.assertEqual([len(player.heard) for player in self.players], [1, 1])
        self.network.advance(0.25)
        self.assertEqual(self.players[1].heard[1], {"type": "loading_complete", "loading_session_id": "s1"})
        self.everyone("match_found", session_id="g1", server_address="10.0.0.4:7777")
        self.assertTrue(self.end())
        self.assertEqual(
            self.printed,
            [
                "player-1: queued",
                "player-2: queued",
                "player-1: start_loading s1",
                "player-2: start_loading s1",
                "player-1: loading_complete",
                "player-2: loading_complete",
                "player-1: Match found! session g1 at 10.0.0.4:7777",
                "player-2: Match found! session g1 at 10.0.0.4:7777",
                "2 of 2 players matched in 1.0 s",
            ],
        )
        self.assertEqual([player.remoteCloseCode for player in self.players], [1000, 1000])

    def test_who_plays_what(self) -> None:
        """Players have ids of their own, new in every run, and all want the same mode."""
        self.begin("--mode", "Ranked", "--players", "12")
        wishes = [player.heard[0] for player in self.players]
        self.assertEqual({(wish["type"], wish["game_mode"]) for wish in wishes}, {("enqueue", "Ranked")})
        self.assertEqual(len({wish["player_id"] for wish in wishes}), 12)
        self.assertRegex(wishes[11]["player_id"], r"\Aplayer-12-[0-9a-f]{8}\Z")
        self.everyone("queued")
        self.assertEqual([self.printed[0], self.printed[11]], ["player-1:  queued", "player-12: queued"])
        self.everyone("match_found", session_id="g", server_address="h:1")
        self.assertTrue(self.end())

    def test_tokens(self) -> None:
        """A player with a token shows it, and goes by its name."""
        tokens = [signer().token(name) for name in ("ada", "bob")]
        self.begin("--token", tokens[0], "--token", tokens[1])
        wishes = [player.heard[0] for player in self.players]
        self.assertEqual(
            [(wish["player_id"], wish["token"]) for wish in wishes], [("ada", tokens[0]), ("bob", tokens[1])]
        )
        self.everyone("match_found", session_id="g", server_address="h:1")
        self.assertTrue(self.end())

    def test_a_match_falls_through(self) -> None:
        """Whoever is requeued waits on, and does not claim to have loaded for the old match."""
        self.begin("--players", "1")
        self.everyone("start_loading", loading_session_id="s1")
        self.network.advance(0.5)
        self.everyone("requeued", reason="player_left")
        self.network.advance(1)
        self.assertEqual(len(self.players[0].heard), 1)
        self.everyone("start_loading", loading_session_id="s2")
        self.network.advance(1)
        self.assertEqual(self.players[0].heard[1], {"type": "loading_complete", "loading_session_id": "s2"})
        self.everyone("match_found", session_id="g1", server_address="h:1")
        self.assertTrue(self.end())
        self.assertIn("player-1: requeued (player_left), waiting on", self.printed)

    def test_the_store_is_away(self) -> None:
        """matchd asks to be asked again, and is."""
        self.begin("--players", "1")
        self.everyone("error", code="unavailable", message="ask again")
        self.network.advance(1)
        self.assertEqual([heard["type"] for heard in self.players[0].heard], ["enqueue", "enqueue"])
        self.everyone("match_found", session_id="g1", server_address="h:1")
        self.assertTrue(self.end())
        self.assertEqual(self.printed[0], "player-1: unavailable, asking again in 1 s")

    def test_an_error(self) -> None:
        """It is printed, and the player is not matched."""
        self.begin("--players", "2")
        self.players[0].say("error", code="invalid_game_mode", message="no such mode")
        self.players[1].say("match_found", session_id="g1", server_address="h:1")
        self.network.settle()
        self.assertFalse(self.end())
        self.assertEqual(self.printed[0], "player-1: error invalid_game_mode: no such mode")
        self.assertEqual(self.printed[-1], "1 of 2 players matched in 0.0 s")

    def test_closed(self) -> None:
        """A closed connection is a failure that names the code."""
        self.begin("--players", "1")
        self.everyone("start_loading", loading_session_id="s1")
        self.players[0].sendClose(4000, "draining")
        self.network.settle()
        self.assertFalse(self.end())
        self.assertEqual(self.printed[1], "player-1: connection closed with code 4000: draining")

    def test_no_match_in_time(self) -> None:
        """The wait ends on time, whatever comes meanwhile."""
        self.begin("--players", "1")
        for _ in range(3):
            self.network.advance(3)
            self.everyone("queued")
        self.network.advance(1)
        self.assertFalse(self.end())
        self.assertEqual(self.printed[-2:], ["player-1: no match within 10 s", "0 of 1 players matched in 10.0 s"])

    def test_a_message_nobody_knows(self) -> None:
        """It is printed by its type, and that is all."""
        self.begin("--players", "1")
        self.everyone("season_over", winner="b")
        self.assertEqual(self.printed, ["player-1: season_over"])
        self.everyone("match_found", session_id="g1", server_address="h:1", team=1)
        self.assertTrue(self.end())

    def test_out_of_reach(self) -> None:
        """One line says what is wrong, and what to do."""
        self.begin("--url", "ws://127.0.0.1:9/ws/")
        self.network.refuse()
        self.network.advance(1)
        self.assertFalse(self.end())
        hint = "Is matchd running? Start it with: twistd -n matchd"
        self.assertEqual(self.complaints, [f"can't reach ws://127.0.0.1:9/ws/: connection refused. {hint}"])
        self.assertEqual(self.printed, [])


class OptionsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """Those that are documented."""
        options = parse([])
        self.assertEqual(
            vars(options),
            {
                "url": "ws://127.0.0.1:8080/ws/", "players": 2, "mode": "Normal_1v1", "loading": 2.0, "timeout": 60.0,
                "tokens": [],
            },
        )  # fmt: skip

    def test_wrong_ones(self) -> None:
        """One line names the option and what is wrong with it."""
        for option, value, reason in (
            ("--url", "http://x", "'http://x' is not a ws:// or wss:// URL"),
            ("--players", "0", "'0' is not a whole number from 1 to 1000"),
            ("--players", "1.5", "'1.5' is not a whole number from 1 to 1000"),
            ("--loading", "-1", "'-1' is not a number of seconds"),
            ("--timeout", "nan", "'nan' is not a number of seconds"),
            ("--token", "a.b.c", "not a JSON Web Token with a sub"),
            ("--token", signer().token(sub=None), "not a JSON Web Token with a sub"),
            ("--token-file", "/nowhere", "/nowhere: No such file or directory"),
            ("--token-file", "/dev/null", "/dev/null: no token in it"),
        ):
            self.assertEqual(self.complaint(option, value), f"argument {option}: {reason}")

    def complaint(self, *options: str) -> str:
        """What is said of these options."""
        self.patch(sys, "stderr", StringIO())
        with self.assertRaises(SystemExit):
            parse(options)
        said: str = sys.stderr.getvalue()
        return said.removeprefix("python -m client: ").removesuffix("\n")

    def test_tokens(self) -> None:
        """There are as many players as tokens, from the command line or from a file."""
        one, two = signer().token("ada"), signer().token("bob")
        path = Path(self.mktemp())
        path.write_text(f"{one}\n{two}\n")
        for options in (["--token", one, "--token", two], ["--token-file", str(path)]):
            parsed = parse(options)
            self.assertEqual((parsed.players, parsed.tokens), (2, [one, two]))
        said = self.complaint("--players", "3", "--token", one)
        self.assertEqual(said, "argument --players: 3 players have 1 tokens")
