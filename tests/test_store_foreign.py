"""Keys of another application in the store, by the same names: named, never overwritten, nothing half done."""

from __future__ import annotations

from typing import Any

from matchd.census import census
from matchd.errors import StoreError
from tests.support.keyspace import copy, put_back
from tests.support.world import MODES, outcome
from tests.test_redis_docs import KEYS, TYPES, documented
from tests.test_store_refusals import ScriptTestCase

KINDS: dict[str, tuple[str, ...]] = {
    "string": ("SET", "foreign"),
    "list": ("RPUSH", "foreign"),
    "hash": ("HSET", "foreign", "1"),
    "set": ("SADD", "foreign"),
    "zset": ("ZADD", "1", "foreign"),
    "stream": ("XADD", "*", "foreign", "1"),
}
"""How another application makes a key of each kind: the command, and what follows the key."""

ABSENT = ("queue:Duos", "order:Duos", "reaping", "reserved:three", "settled:three", "player:new", "match:gone")
"""Keys that the busy store does not have, and that its questions may make."""

FIXED = (
    "nodes", "modes", "reaping", "matched", "away", "loading", "allocating", "unplaced", "servers", "slots",
    "resting", "orphans", "tally", "swept", "calm_until", "players:", "players:here", "allocations:here",
)  # fmt: skip

UNSEEN = (
    "match:", "forgotten:", "cooldown:", "dodges:", "orphan:", "fenced:", "reserved:three", "settled:three",
    "player:ghost", "player:m", "player:new",
)  # fmt: skip
"""What the census does not look at, as nobody who is under way leads to it."""


def article(key: str, kind: str) -> str:
    """What is said of a key in the way."""
    return f"the key {key} is a {kind} and not of matchd"


class ForeignCase(ScriptTestCase):
    contradictions_expected = True

    def setUp(self) -> None:
        super().setUp()
        self.older = copy(self.redis)
        self.keys = sorted({key.decode() for key, _, _ in self.older} | set(ABSENT))

    def right(self, key: str) -> str:
        """Of which kind a key has to be, as docs/redis.md says."""
        return next(kind for kind, name in TYPES.items() if name == KEYS[documented(key)][1])

    def wrong(self, key: str) -> list[str]:
        """Of which kinds it must not be."""
        return [kind for kind in KINDS if kind != self.right(key)]

    def plant(self, key: str, kind: str) -> None:
        command, *rest = KINDS[kind]
        self.redis.ask("DEL", key)
        self.redis.ask(command, key, *rest)

    def restore(self) -> None:
        put_back(self.redis, self.older)
        self.ear.heard()


class ScriptTests(ForeignCase):
    """A key by one of matchd's names is of another kind when a script comes to it."""

    def test_nothing_half_done(self) -> None:
        """Whichever key it is: a script that fails on it names it, has written nothing and told nobody."""
        for key in self.keys:
            for kind in self.wrong(key):
                self.plant(key, kind)
                for name, args in self.questions.items():
                    self._try(name, args, key, kind)
                self.restore()

    def _try(self, name: str, args: tuple[str | int, ...], key: str, kind: str) -> None:
        said, before = f"{name}, {key} a {kind}", self.redis.ask("DEBUG", "DIGEST")
        planted = self.redis.ask("DUMP", key)
        error = self.run_script(name, args)
        self.assertEqual(self.redis.ask("DUMP", key), planted, f"{said}: overwritten")
        if error:
            self.assertIn(article(key, kind), error, said)
            self.assertTrue(error.startswith("FOREIGN" if name == "join" else "WRONGTYPE"), error)
            self.assertEqual(self.redis.ask("DEBUG", "DIGEST"), before, said)
            self.assertEqual(self.ear.heard(), [], said)
        elif self.redis.ask("DEBUG", "DIGEST") != before:
            self.restore()
            self.plant(key, kind)

    def test_an_empty_text(self) -> None:
        """Even a text without a word in it is another's, and is left as it is."""
        self.redis.ask("SET", "player:new", "")
        self.assertIn("is not a record of matchd", self.run_script("enqueue", self.questions["enqueue"]))
        self.assertEqual(self.redis.ask("GET", "player:new"), b"")
        self.redis.ask("DEL", "player:new")

    def test_another_hash_by_the_name_of_a_game_server(self) -> None:
        """A hash without a capacity is none of matchd's, and no script goes half-way by it."""
        self.redis.ask("DEL", "dedicated_server:one")
        self.redis.ask("HSET", "dedicated_server:one", "address", "Main Street 1")
        before = self.dump()
        error = self.run_script("settle", self.questions["settle"])
        self.assertIn(article("dedicated_server:one", "hash"), error)
        self.assert_unchanged(before)

    def test_the_sweep_goes_on(self) -> None:
        """A player whose record is not one keeps nobody else from being put right."""
        self.redis.ask("DEL", "player:l2")
        self.redis.ask("SET", "player:l2", "foreign")
        self.redis.ask("ZADD", "away", 1, "l2")
        self.live(61)
        self.assertEqual(self.state("a1"), ["left"])


class StartTests(ForeignCase):
    """A key is in the way when a node connects."""

    def refusal(self) -> str:
        return str(self.assertRaises(StoreError, outcome, self.store.prepare(self.store._commands)))

    def test_every_key_whose_name_is_known(self) -> None:
        """Whichever it is, and of whatever kind: it is named with its kind, with what to do, and nothing is written."""
        modes = [f"{stem}:{mode}" for stem in ("queue", "order") for mode in MODES]
        for key in (*FIXED, *modes):
            for kind in self.wrong(key):
                self.plant(key, kind)
                before = self.dump_digest()
                self.assertEqual(self.refusal(), f"FOREIGN {article(key, kind)}: set a key_prefix")
                self.assertEqual(self.dump_digest(), before)
                self.restore()
        self.assertFalse(outcome(self.store.prepare(self.store._commands)))

    def test_texts_that_are_no_moments(self) -> None:
        """A text where matchd keeps a moment is another's."""
        for key in ("swept", "calm_until"):
            self.redis.ask("SET", key, "foreign")
            self.assertEqual(self.refusal(), f"FOREIGN {article(key, 'string')}: set a key_prefix")
            self.assertEqual(self.redis.ask("GET", key), b"foreign")
            self.restore()

    def dump_digest(self) -> Any:
        return self.redis.ask("DEBUG", "DIGEST")


class CensusTests(ForeignCase):
    """An operator asks for the invariants."""

    def test_every_key(self) -> None:
        """Whichever key is in the way: the census answers, and names it among the contradictions."""
        for key in self.keys:
            for kind in self.wrong(key):
                self.plant(key, kind)
                contradictions = outcome(census(self.store))["contradictions"]
                if not key.startswith(UNSEEN):
                    self.assertIn(article(key, kind), contradictions)
                self.restore()

    def test_said_once(self) -> None:
        """A key that many players lead to is named once."""
        self.plant("queue:Ranked", "list")
        contradictions = outcome(census(self.store))["contradictions"]
        self.assertEqual(len(contradictions), len(set(contradictions)))


class KindTests(ForeignCase):
    """What the scripts believe of a key by its name."""

    def test_as_documented(self) -> None:
        """The kind of each key is the documented one."""
        text = self.scripts["inspect"].text.decode()
        head, _, rest = text.partition("\n")
        kinds = "local told = {} for i = 3, #ARGV do told[i - 2] = kind_of(ARGV[i]) end do return told end\n"
        begin = rest.index("\nlocal problems, places")
        names = [key.replace("{", "").replace("}", "") for key in KEYS]
        told = self.redis.ask("EVAL", f"{head}\n{rest[:begin]}\n{kinds}", 1, "", "here", 0, *names)
        self.assertEqual([kind.decode() for kind in told], [self.right(key) for key in names])
