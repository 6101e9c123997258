"""docs/settings.md and the tables of options, against the code: every key, default and bound."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from matchd.config.settings import Settings, SettingsError, read
from matchd.config.table import Table
from matchd.dedicated.tap import Options as DedicatedOptions
from matchd.model import GameMode
from matchd.tap import Options
from tests.support.certificates import authority
from tests.support.documents import Document, bare
from tests.support.tokens import signer

SETTINGS = Document.read("docs/settings.md")
README = Document.read("README.md")
GAME_SERVERS = Document.read("docs/gameservers.md")
REDIS = Document.read("docs/redis.md")

NOT_IN_THE_FILE = {"config", "warnings"}
OTHER_NAMES = {"join.key": "join.key_file"}
NO_FIELD = dict.fromkeys(
    ("operator_token_file", "redis_password", "redis_password_file", "servers.token_file", "auth.key_file")
)
"""Keys that end in another key's field."""


def documented() -> dict[str, dict[str, str]]:
    """Every key that the document explains, by its place in the file."""
    rows: dict[str, dict[str, str]] = {}
    for heading in SETTINGS.headings:
        section = re.fullmatch(r"`\[(.+)\]`", heading)
        path = f"{section[1]}." if section else ""
        for table in SETTINGS.section(heading).tables:
            rows |= {path + bare(row["key"]): row for row in table}
    return rows


def asked_for() -> set[str]:
    """Every key that is looked for in a file with one game mode; a table is no key."""
    keys, take = set(), Table.take

    def noted(table: Table, key: str) -> object:
        keys.add(table.name(key))
        return take(table, key)

    with mock.patch.object(Table, "take", noted):
        read({"modes": {"NAME": {}}}, {})
    return {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}


def defaults() -> dict[str, Any]:
    """Every default by its place in the file, as the dataclasses have it."""
    settings = Settings()
    found = dict(_values(settings, "")) | dict(_values(GameMode("NAME"), "modes.NAME.")) | NO_FIELD
    return {key: value for key, value in found.items() if key not in NOT_IN_THE_FILE | {"modes", "modes.NAME.name"}}


def _values(holder: Any, path: str) -> Iterable[tuple[str, Any]]:
    for each in fields(holder):
        value = getattr(holder, each.name)
        if is_dataclass(value):
            yield from _values(value, f"{path}{each.name}.")
        else:
            yield OTHER_NAMES.get(path + each.name, path + each.name), value


def options(program: usage.Options) -> set[str]:
    """What stands on the command line, but for what every program of Twisted has."""
    return {f"--{name.rstrip('=')}" for name in program.longOpt} - {"--help", "--version"}


def nested(key: str, value: object) -> dict[str, Any]:
    """A file with this one key."""
    tree: Any = value
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return dict(tree)


def complaints(key: str, value: object) -> list[str]:
    """What is said of this value."""
    try:
        read(nested(key, value), {})
    except SettingsError as error:
        return list(error.problems)
    return []


class KeyTests(SynchronousTestCase):
    """Whoever looks for a key finds it, and finds it as it is."""

    def test_every_key(self) -> None:
        """No key is missing, none is made up."""
        self.assertEqual(set(documented()), asked_for())
        self.assertEqual(set(documented()), set(defaults()))

    def test_defaults(self) -> None:
        """Each default is the one that counts, written as it would stand in the file; ``none`` is nothing at all."""
        for key, default in defaults().items():
            said = documented()[key]["default"]
            if said == "none":
                self.assertIn(default, (None, "", ()), key)
            else:
                written = tomllib.loads(f"value = {bare(said)}")["value"]
                self.assertEqual(written, list(default) if isinstance(default, tuple) else default, key)

    def test_types(self) -> None:
        """A value of another type is refused."""
        wrong = {"text": 5, "number": "5", "whole number": 1.5, "true or false": 1}
        for key, row in documented().items():
            self.assertTrue(complaints(key, wrong.get(row["type"], "no list")), key)

    def test_bounds(self) -> None:
        """A number may be as small and as large as is said, and not a bit smaller or larger."""
        numbers = {key: row for key, row in documented().items() if row["type"] in ("number", "whole number")}
        self.assertGreater(len(numbers), 10)
        for key, row in numbers.items():
            kind, step = (int, 1) if row["type"] == "whole number" else (float, 0.001)
            low, high = map(kind, row["bounds"].split(" to "))
            self.assertEqual([*complaints(key, low), *complaints(key, high)], [], key)
            for outside in (low - step, high + step):
                self.assertEqual(len(complaints(key, outside)), 1, f"{key} = {outside}")

    def test_examples(self) -> None:
        """Every file that is shown can be used, once the files that it names are there."""
        pages = SETTINGS, README, GAME_SERVERS, REDIS
        root = authority()
        for text in (text for page in pages for text in page.code("toml")):
            folder = Path(self.mktemp()).absolute()
            folder.mkdir()
            for name in re.findall(r'\b\w*_file = "(.+?)"', text):
                (folder / name).write_text("secret" * 8)
            key, certificate = root.issue("game.example")
            accounts = signer("ES256").verifying
            for name, content in {
                "key.pem": key, "cert.pem": certificate, "redis-ca.pem": root.pem, "accounts.pem": accounts,
            }.items():  # fmt: skip
                (folder / name).write_text(content)
            read(tomllib.loads(text.replace("/etc/matchd", str(folder))), {}, folder / "matchd.toml")

    def test_complaints(self) -> None:
        """The complaints that are shown are those that are made."""
        with self.assertRaises(SettingsError) as caught:
            read({"worker": 2, "modes": {"Duel": {"teams": [0, 1]}}}, {})
        shown = SETTINGS.code("text")[0].splitlines()
        self.assertEqual([f"matchd: {problem}" for problem in caught.exception.problems], shown)


class OptionTests(SynchronousTestCase):
    """The tables of options are those of the command lines."""

    def test_readme(self) -> None:
        """README.md has each option of ``twistd matchd``, with its default."""
        (table,) = README.section("Options").tables
        rows = {bare(row["option"]): row["default"] for row in table}
        self.assertEqual(set(rows), options(Options()))
        for option, said in rows.items():
            default = getattr(Settings(), option.removeprefix("--").replace("-", "_"))
            if said.startswith("`"):
                self.assertEqual(bare(said), str(default), option)
            else:
                self.assertIn(default, (None, (), False, *map(int, re.findall(r"^\d+$", said))), option)

    def test_settings(self) -> None:
        """docs/settings.md names the option of each key that has one, and it is the same word."""
        named = {key: bare(row["option"]) for key, row in documented().items() if row.get("option")}
        self.assertEqual(set(named.values()) | {"--config"}, options(Options()))
        self.assertEqual(set(named.values()), {"--" + key.replace("_", "-") for key in named})

    def test_game_server(self) -> None:
        """docs/gameservers.md has each option of ``twistd dedicated``, with its default."""
        (table,) = GAME_SERVERS.section("The reference server").tables
        rows = {bare(row["option"]): row["default"] for row in table}
        program = DedicatedOptions()
        self.assertEqual(set(rows), options(program))
        for option, said in rows.items():
            self.assertEqual(bare(said) if said.startswith("`") else "", program[option.removeprefix("--")], option)
