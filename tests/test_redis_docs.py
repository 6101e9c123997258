"""docs/redis.md says what is there: every key, channel, script and command, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import hiredis

import matchd
from matchd.store.scripts import PRELUDES, load_all
from tests.support.blocking import BlockingConnection
from tests.support.keyspace import changes, copy, put_back
from tests.support.questions import busy
from tests.support.stores import StoreTestCase

PAGE = (Path(matchd.__file__).parents[1] / "docs" / "redis.md").read_text()
SCRIPTS = Path(matchd.__file__).parent / "store" / "scripts"
LUA = {path.stem: path.read_text() for path in SCRIPTS.glob("*.lua")}
OPTIONS = {"LIMIT", "WITHSCORES", "NX", "XX", "PX", "EX", "KEEPTTL", "WRONGTYPE"}
PYTHON = "\n".join(path.read_text() for path in Path(matchd.__file__).parent.rglob("*.py"))
TYPES = {"set": "set", "zset": "sorted set", "hash": "hash", "string": "string"}


def section(title: str) -> str:
    """The text under a heading, up to the next of the same or a higher level."""
    level, _ = title.split(" ", 1)
    start = PAGE.index(f"\n{title}\n")
    following = re.compile(rf"\n#{{1,{len(level)}}} ").search(PAGE, start + len(title))
    return PAGE[start : following.start() if following else None]


def rows(title: str) -> list[list[str]]:
    """The rows of the tables in a section, without their headings."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def name(cell: str) -> str:
    return cell.strip().strip("`")


KEYS = {name(row[0]): row for row in rows("## Keys")}
TOLD = {name(row[0]): row for row in rows("## Scripts")}
PATTERNS = {key: re.compile(re.sub(r"\{\w+\}", "[A-Za-z0-9._-]*", key)) for key in KEYS}


def documented(key: str) -> str:
    """The documented key that this one is an instance of; itself if there is none."""
    return next((known for known, pattern in PATTERNS.items() if pattern.fullmatch(key)), key)


def written(row: list[str]) -> set[str]:
    """The keys that a script writes, as its row says."""
    return set(re.findall(r"`([^`]+)`", row[3]))


def named_in_head(script: str) -> list[str] | None:
    """The keys that the head of a script says it writes; None where it says so in other words."""
    (keys,) = re.findall(r"^-- Keys: ((?:.*\n--  )*.*)$", LUA[script], re.MULTILINE)
    parts = [part.strip() for part in re.sub(r"\n-- +", " ", keys).split(";")]
    named = [name for part in parts for name in re.findall(r"^(?:writes|deletes) (.*)", part)]
    if any("what" in words for words in named):
        return None
    return sorted(key.partition("{")[0] for words in named for key in words.rstrip(" ").split(", "))


class WordsTests(StoreTestCase):
    """The page and the text of the scripts."""

    def test_every_script(self) -> None:
        """Each script has its row, and each row its script."""
        self.assertEqual(set(TOLD), set(load_all()))
        self.assertEqual(set(LUA), set(TOLD) | set(PRELUDES))

    def test_every_key_that_scripts_name(self) -> None:
        """Whatever name a script makes a key from is that of a documented key or channel, and the other way round."""
        text = "\n".join(LUA.values())
        named = set(re.findall(r"(?:P \.\. |\b[sz](?:add|rem)\()'([a-z_]+:?)'", text)) - {"none"}
        lists = re.findall(r"(?:ensure_sets\(|SETS = |list, sets = \{\}, )\{([^}]*)\}", text)
        named.update(re.findall(r"'([a-z_]+:?)'", " ".join(lists)))
        named.update(re.findall(r"\b(?:overdue|moment|take_some)\('([a-z_]+:?)'", text))
        named.update(re.findall(r"\b(?:ask|counted|listed)\('[A-Z]+', '([a-z_]+:?)'", text))
        channels = [name(row[0]) for row in rows("## Channels")]
        self.assertEqual({key.partition("{")[0] for key in (*KEYS, *channels)}, named)

    def test_heads(self) -> None:
        """The head of a script, where it names every key that the script writes, names the same ones as its row."""
        for script, row in TOLD.items():
            if (head := named_in_head(script)) is not None:
                self.assertEqual(head, sorted(key.partition("{")[0] for key in written(row)), script)

    def test_each_key_once(self) -> None:
        """No row names a key that it writes twice."""
        for script, row in TOLD.items():
            self.assertEqual(len(row[3].split(", ")), len(set(row[3].split(", "))), script)

    def test_flags(self) -> None:
        """The flags are those that the page gives, with their reasons."""
        flags = {script: LUA[script].splitlines()[0].partition("flags=")[2] for script in TOLD}
        for flag, count in (("", 2), ("no-writes", 3)):
            having = sorted(script for script, its in flags.items() if its == flag)
            self.assertEqual(len(having), count)
            sentence = " and ".join([", ".join(f"`{script}`" for script in having[:-1]), f"`{having[-1]}`"])
            self.assertIn(f"- {sentence} have ", section("## Scripts"))
        self.assertEqual(set(flags.values()), {"", "no-writes", "allow-oom"})

    def test_who_writes(self) -> None:
        """The tables of keys and of scripts say the same about who writes what."""
        for key, row in KEYS.items():
            self.assertEqual(row[4].split(", "), sorted(script for script in TOLD if key in written(TOLD[script])), key)


class BusyStoreTests(StoreTestCase):
    """The page and what really is in the store, and happens to it."""

    def setUp(self) -> None:
        super().setUp()
        self.questions = busy(self)
        self.scripts = load_all()
        self.older = copy(self.redis)

    def test_every_key(self) -> None:
        """Whatever is in the store after each script is documented, with its type; nothing else is documented."""
        met: dict[str, set[str]] = {}
        for script, args in self.questions.items():
            put_back(self.redis, self.older)
            self.redis.ask("EVAL", self.scripts[script].text, 1, "", "here", 0, *args)
            for key in self.dump():
                met.setdefault(documented(key), set()).add(TYPES[self.redis.ask("TYPE", key).decode()])
        self.assertEqual(met, {key: {row[1]} for key, row in KEYS.items()})

    def test_what_scripts_write(self) -> None:
        """A script writes no key that its row does not name."""
        for script, args in self.questions.items():
            put_back(self.redis, self.older)
            before = self.dump()
            self.redis.ask("EVAL", self.scripts[script].text, 1, "", "here", 0, *args)
            changed = {documented(key) for key in changes(before, self.dump())}
            self.assertEqual(changed - written(TOLD[script]), set(), script)

    def test_access(self) -> None:
        """The user of the example may run every script under its prefix, and touch nothing else."""
        user, *rules = re.search(r"^user (matchd on .*)$", PAGE, re.M)[1].split()
        self.redis.ask("ACL", "SETUSER", user, "reset", *rules)
        self.addCleanup(self.redis.ask, "ACL", "DELUSER", user)
        restricted = BlockingConnection(self.path)
        self.addCleanup(restricted.close)
        restricted.ask("AUTH", user, "password")
        older = [(b"matchd:" + key, ttl, content) for key, ttl, content in self.older]
        for script, args in self.questions.items():
            put_back(self.redis, older)
            restricted.ask("EVAL", self.scripts[script].text, 1, "matchd:", "here", 0, *args)
        for command in (("GET", "other"), ("PUBLISH", "other", ""), ("FLUSHALL",), ("KEYS", "*")):
            self.assertIn("NOPERM", str(self.assertRaises(hiredis.ReplyError, restricted.ask, *command)))

    def test_access_to_commands(self) -> None:
        """The example allows the commands that matchd uses, and no other."""
        allowed = set(re.findall(r" \+(\S+)", re.search(r"^user matchd on .*$", PAGE, re.M)[0]))
        in_scripts = set(re.findall(r"'([A-Z]{3,})'", "\n".join(LUA.values()))) - OPTIONS
        asked = re.findall(r'(?:execute|read|_send)\("([A-Z]+)"(?:, "(LOAD)")?', PYTHON)
        by_python = {"|".join(filter(None, words)) for words in asked} - {"SENTINEL"}
        self.assertEqual(allowed, {command.lower() for command in in_scripts | by_python})
