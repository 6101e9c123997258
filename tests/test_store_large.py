"""The largest matches and the most of them in one run: each script brings all of them to their end."""

from __future__ import annotations

from typing import Any

import hiredis

from matchd.config.modes import LARGEST_MATCH, MOST_MODES
from matchd.model import GameMode
from matchd.store.answers import Claim
from matchd.store.scripts import load_all
from matchd.store.store import Store
from tests.support import stores
from tests.support.blocking import BlockingCommands
from tests.support.stores import MATCH, StoreTestCase
from tests.support.world import outcome

HUNDRED = GameMode("Hundred", (50, 50))
LARGEST = GameMode("Largest", (100, 100))
LARGER = GameMode("Larger", (100, 99))
TOGETHER = 100
"""Questions that go together in one run."""

COPIES = """
local record = struct.pack(string.rep('s', 12), unpack(ARGV, 1, 12))
for i = 1, ARGV[13] do
  redis.call('HSET', KEYS[1] .. i, ':session', record)
  redis.call('ZADD', 'allocating', 9e15, 'copied' .. i)
  redis.call('SADD', 'allocations:there', 'copied' .. i)
end
"""
"""Makes many sessions of one record, all of which the node ``there`` allocates."""


class LargeCase(StoreTestCase):
    def setUp(self) -> None:
        self.patch(stores, "MODES", {mode.name: mode for mode in (HUNDRED, LARGEST, LARGER)})
        super().setUp()
        self.scripts = {name: script.text for name, script in load_all().items()}
        self.server(capacity=10_000)
        self.redis.ask("PEXPIRE", "dedicated_server:one", 3_600_000)  # however long the test takes by the clock
        self.here = 0

    def run_script(self, name: str, *args: str | int, node: str = "here") -> Any:
        """What a script replies; none of its questions failed."""
        reply = self.redis.ask("EVAL", self.scripts[name], 1, "", node, 0, *args)
        failed = [part for part in reply if isinstance(part, hiredis.ReplyError)] if isinstance(reply, list) else []
        self.assertEqual(failed, [], name)
        return reply

    def players(self, mode: GameMode, matches: int) -> list[str]:
        """New players, enough for so many matches, who are loading by now."""
        size, first = mode.size, self.here
        self.here += matches * size
        names = [f"p{number}" for number in range(first, self.here)]
        rules = f"60000 {' '.join(str(team) for team, n in enumerate(mode.teams) for _ in range(n))}"
        for start in range(0, len(names), TOGETHER):
            terms = f"{names[start]} {max(200 // size, 1)} {size} {rules}"
            asked = [(name, f"{name}1", mode.name, "fifo", 0, 1, terms) for name in names[start : start + TOGETHER]]
            self.run_script("enqueue", *(field for question in asked for field in question))
        self.assertEqual(set(self.state(*names)), {"loading"})
        return names

    def loaded(self, mode: GameMode, matches: int) -> list[str]:
        """The sessions of as many matches, whose players have all loaded."""
        names, sessions = self.players(mode, matches), []
        for start in range(0, len(names), TOGETHER):
            asked = [(name, f"{name}1", "", 60_000) for name in names[start : start + TOGETHER]]
            answers = self.run_script("loading_complete", *(field for question in asked for field in question))
            sessions += [answer[1].decode() for answer in answers if answer[0] == b"complete"]
        self.assertEqual(len(sessions), matches)
        return sessions

    def assert_all(self, state: str) -> None:
        """Every player that ever came is there by now."""
        self.assertEqual(set(self.state(*(f"p{number}" for number in range(self.here)))), {state})


class ManyMatchesTests(LargeCase):
    """Many large matches in one run."""

    def settled(self, mode: GameMode, matches: int) -> None:
        asked = [(session, "one", MATCH, "one:7000") for session in self.loaded(mode, matches)]
        self.ear.heard()
        answers = self.run_script("settle", *(field for question in asked for field in question))
        self.assertEqual(answers, [b"matched"] * matches)
        self.assert_all("matched")
        self.assertEqual(len(self.ear.heard()), matches * mode.size)
        self.assertEqual(self.redis.ask("ZCARD", "matched"), matches * mode.size)
        self.assertEqual(self.redis.ask("SCARD", "players:here"), 0)
        self.assertEqual(self.server_fields()[1], matches)

    def test_forty_five_of_a_hundred(self) -> None:
        """They are all settled, or none of them: whoever is told of a match is matched."""
        self.settled(HUNDRED, 45)

    def test_twenty_one_of_the_largest(self) -> None:
        """So are matches of as many players as a mode can have."""
        self.settled(LARGEST, 21)


class ManyDrawsTests(LargeCase):
    """Matches of many modes are possible at once."""

    def test_one_after_the_other(self) -> None:
        """One run draws no more than about one match of the largest size; the next draw brings the others."""
        self.redis.ask("DEL", "slots")
        questions = []
        for mode in (HUNDRED, LARGEST, LARGER):
            terms = f"{mode.name} 1 {mode.size} 60000 {'0 ' * mode.size}".strip()
            for number in range(mode.size - 1):
                self.enqueue(f"{mode.name}{number}", mode)
            questions += [f"last{mode.name}", f"last{mode.name}1", mode.name, "fifo", 0, 1, terms]
        self.server()
        answers = self.run_script("enqueue", *questions)
        self.assertLess(sum(answer[3] for answer in answers if len(answer) > 3), 3)
        drawn = [outcome(self.store.draw(mode)).matches for mode in (HUNDRED, LARGEST, LARGER)]
        self.assertEqual(self.redis.ask("ZCARD", "loading"), 3)
        self.assertGreater(sum(drawn), 0)


class LargestMatchTests(LargeCase):
    """A match of as many players as a mode can have."""

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(LARGEST.size, LARGEST_MATCH)

    def test_drawn_by_itself(self) -> None:
        """Players who wait for a game server are drawn when there is one."""
        outcome(self.store.deregister_server("one"))
        for number in range(200):
            outcome(self.store.enqueue(f"p{number}", f"p{number}1", LARGEST, 0, draws=True))
        self.server()
        self.assertEqual(outcome(self.store.draw(LARGEST)).matches, 1)
        self.here = 200
        self.assert_all("loading")

    def test_somebody_leaves(self) -> None:
        """The others go back to the queue."""
        self.players(LARGEST, 1)
        self.assertEqual(len(self.leave("p7")), 1)
        self.assertEqual(self.redis.ask("SCARD", "queue:Largest"), 199)
        self.assertEqual(self.redis.ask("ZCARD", "order:Largest"), 199)

    def test_no_game_server_takes_it(self) -> None:
        """Everybody goes back to the queue."""
        [session] = self.loaded(LARGEST, 1)
        self.assertEqual(len(outcome(self.store.abandon(session))), 1)
        self.assert_all("queued")

    def test_adopted(self) -> None:
        """Whoever has to go on with it gets its whole roster."""
        self.loaded(LARGEST, 3)
        self.assertEqual([len(roster.players) for roster in outcome(self.store.adopt())], [200] * 3)

    def test_nobody_loads(self) -> None:
        """They are all put out, a match a portion, and the sweep says that there is more as long as there is."""
        self.players(LARGEST, 3)
        self.pass_time(61)
        outcome(self.store.heartbeat())
        self.redis.ask("SET", "swept", outcome(self.store.time()))
        swept = [self.sweep() for _ in range(4)]
        self.assertEqual([len(portion.cancelled) for portion in swept], [1, 1, 1, 0])
        self.assertEqual([portion.more for portion in swept], [True, True, True, False])
        self.assert_all("left")

    def test_compared(self) -> None:
        """Players who were told of matches that the store has forgotten bring all of each to its end."""
        sessions = self.loaded(LARGEST, 3)
        claims = []
        for session in sessions:
            player = self.redis.ask("HKEYS", f"loading:{session}")[1].decode()
            match = f'{MATCH},"loading_session_id":"{session}"'
            claims.append(self.claim(player, place="matched", session=session, seq=3, match=match))
        self.compare(*claims)
        self.assert_all("matched")

    def test_forgotten(self) -> None:
        """A store that comes back empty is given all of them back."""
        self.players(LARGEST, 1)
        claims = [self.claim(f"p{number}", place="queued", session="") for number in range(200)]
        self.redis.ask("FLUSHALL")
        outcome(self.store.prepare(self.store._commands))
        for start in range(0, 200, 100):
            self.compare(*claims[start : start + 100])
        self.assert_all("queued")

    def test_more_than_one_call_can_take(self) -> None:
        """A page of players is compared as a whole, however many matches that ends."""
        sessions = self.loaded(LARGEST, 25)
        claims = [
            Claim(f"other{i}", f"other{i}1", "remembered", LARGEST.name, "fifo", "1", session, 3, MATCH)
            for i, session in enumerate(sessions)
        ]
        self.compare(*claims)
        self.assert_all("matched")


class DeadNodeTests(LargeCase):
    """A node dies that had much to do."""

    contradictions_expected = True  # the sessions are copies of one, and so have the same players

    def test_thousands_of_allocations(self) -> None:
        """Another takes all of them over, a portion at a time."""
        there = self.node("there")
        for player in ("a", "b"):
            self.enqueue(player, HUNDRED, store=there)
        self.redis.ask("DEL", "players:there")
        self.redis.ask("EVAL", COPIES, 1, "loading:copied", *self._session_of("a", "b"), 4_500)
        self.redis.ask("ZREM", "nodes", "there")
        self.redis.ask("SADD", "reaping", "there")
        portions = [self.sweep() for _ in range(50)]
        self.assertEqual({portion.adopted for portion in portions}, {100, 0})
        self.assertEqual(sum(portion.adopted for portion in portions), 4_500)
        self.assertEqual(self.redis.ask("SCARD", "allocations:here"), 4_500)
        self.assertEqual(self.redis.ask("EXISTS", "allocations:there", "reaping"), 0)
        self.assertEqual(len(outcome(self.store.adopt())), 4_500)

    def _session_of(self, *players: str) -> tuple[str, ...]:
        """The record of a session that these players have loaded, field by field."""
        return ("allocating", "Hundred", "2", " ".join(players), "0 1", "1", "1", "2", "there", "", "", "")


class ManyModesTests(StoreTestCase):
    """A node that serves many modes."""

    def test_the_most(self) -> None:
        """As many as the settings allow, and more: it joins, and its heartbeat says that it serves them all."""
        for many in (MOST_MODES, 10_000):
            commands = BlockingCommands(self.path)
            self.addCleanup(commands.close)
            modes = [GameMode(f"Mode{number}") for number in range(many)]
            store = Store(commands, self.clock, modes, node="many")
            outcome(store.prepare(commands))
            outcome(store.heartbeat())
            self.assertGreaterEqual(self.redis.ask("ZCARD", "modes"), many)
