"""What players call themselves and their modes stays a name, in every key and channel (T5, T6)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.model import is_name
from tests.support.hostile import HOSTILE, TRICKY
from tests.support.keyspace import dump
from tests.support.properties import patient
from tests.support.world import FIFO, Player, World
from tests.support.worlds import WorldTestCase
from tests.test_redis_docs import KEYS, PATTERNS

NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True) | st.sampled_from(TRICKY)
ANY_TEXT = st.text(max_size=80) | st.sampled_from(HOSTILE) | st.text(":*?[]{}\\\r\n\0ab", max_size=12)
NAMING = "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"


def ask(player: Player, **fields: Any) -> dict[str, Any]:
    """What is said, and the one answer to it."""
    before = len(player.frames)
    player.say(**fields)
    (answer,) = player.heard[before:]
    return dict(answer)


class EdgeTests(WorldTestCase):
    """Nothing but names gets past the edge."""

    def setUp(self) -> None:
        self.service: World = self.world()
        self.service.server()

    def assert_refused(self, text: str) -> None:
        """One answer that names the field, wherever the text stands, and nothing else happens."""
        player = self.service.player("a")
        channels, before = self.channels(), dump(self.service.direct)
        for fields, code, rest in (
            ({"type": "enqueue", "player_id": text, "game_mode": FIFO.name}, "invalid_message", f"player_id: {NAMING}"),
            ({"type": "enqueue", "player_id": "a", "game_mode": text}, "invalid_message", f"game_mode: {NAMING}"),
            ({"type": "resume", "player_id": text}, "invalid_message", f"player_id: {NAMING}"),
        ):
            self.assertEqual(ask(player, **fields), {"type": "error", "code": code, "message": rest}, repr(text))
        answer = ask(player, type="loading_complete", loading_session_id=text)
        self.assertIn(answer["code"], ("not_in_session", "not_queued", "invalid_message"), repr(text))
        self.assertEqual((dump(self.service.direct), self.channels()), (before, channels), repr(text))
        player.vanish()

    def channels(self) -> set[bytes]:
        return set(self.service.direct.ask("PUBSUB", "CHANNELS"))

    def test_hostile(self) -> None:
        """Two hundred texts that mean something to Redis, to Lua, to a shell or to a browser."""
        self.assertGreaterEqual(len(HOSTILE), 200)
        for text in HOSTILE:
            self.assertFalse(is_name(text), repr(text))
            self.assert_refused(text)

    @given(ANY_TEXT.filter(lambda text: not is_name(text)))
    @example_settings(patient, max_examples=200)
    def test_anything(self, text: str) -> None:
        """And any other text that is no name."""
        self.assert_refused(text)

    def test_made_up_modes(self) -> None:
        """A name of a mode that nobody serves makes no queue."""
        player = self.service.player("a")
        before = dump(self.service.direct)
        for number, mode in enumerate(TRICKY):
            answer = ask(player, type="enqueue", player_id=f"a{number}", game_mode=mode)
            self.assertEqual(answer["code"], "invalid_game_mode")
        self.assertEqual(dump(self.service.direct), before)


class KeyTests(WorldTestCase):
    """Names that look like something else are names all the same."""

    def setUp(self) -> None:
        self.service: World = self.world()

    def assert_known(self) -> None:
        """Every key is one that docs/redis.md describes."""
        for key in dump(self.service.direct):
            self.assertTrue(any(pattern.fullmatch(key) for pattern in PATTERNS.values()), key)

    def test_whole_way(self) -> None:
        """They wait, load and play, each once, and every key is a known one at each step."""
        players = [self.service.player(name).enqueue(FIFO.name) for name in TRICKY]
        self.assert_known()
        self.service.server()
        self.service.advance(1)
        self.assert_known()
        for player in players:
            player.load()
        self.service.advance(1)
        self.assert_known()
        matched = [player for player in players if player.types == ["queued", "start_loading", "match_found"]]
        self.assertEqual(len(matched), len(TRICKY) - len(TRICKY) % 2)
        for player in players:
            player.vanish()

    def test_channels(self) -> None:
        """What is published for one of them reaches him, and nobody else."""
        players = {name: self.service.player(name).enqueue(FIFO.name) for name in TRICKY}
        for name in TRICKY:
            self.publish(name, {"type": "news", "for": name})
        for text in HOSTILE:
            self.publish(text, {"type": "news", "for": text})
        for name, player in players.items():
            self.assertEqual([m["for"] for m in player.heard if m["type"] == "news"], [name])

    @given(st.lists(NAMES, min_size=2, max_size=6, unique=True))
    @example_settings(patient, max_examples=50)
    def test_any_channels(self, names: list[str]) -> None:
        """The same for any names, however alike."""
        players = {name: self.service.player(name).enqueue(FIFO.name) for name in names}
        for name in names:
            self.publish(name, {"type": "news", "for": name})
        for name, player in players.items():
            self.assertEqual([m["for"] for m in player.heard if m["type"] == "news"], [name])
            player.vanish()
        self.assert_known()

    def publish(self, name: str, message: dict[str, str]) -> None:
        self.service.direct.ask("PUBLISH", f"notifications:{name}".encode(), json.dumps(message))
        self.service.settle()


class CollisionTests(SynchronousTestCase):
    """No two things have one key."""

    @given(st.sampled_from(sorted(KEYS)), NAMES, st.sampled_from(sorted(KEYS)), NAMES)
    @example_settings(patient, max_examples=2000)
    def test_keys(self, one: str, name: str, other: str, other_name: str) -> None:
        """Keys that are equal are of one kind and one name."""
        key, other_key = self.key(one, name), self.key(other, other_name)
        if key == other_key:
            self.assertEqual(one, other)
            self.assertTrue(name == other_name or "{" not in one)

    def test_kinds(self) -> None:
        """A key says by its text alone what it is, since no name has a colon."""
        for kind in KEYS:
            for name in TRICKY:
                key = self.key(kind, name)
                self.assertEqual([known for known, form in PATTERNS.items() if form.fullmatch(key)], [kind], key)

    def key(self, kind: str, name: str) -> str:
        before, brace, _ = kind.partition("{")
        return before + name if brace else kind
