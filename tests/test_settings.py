"""Settings: what matchd makes of its options and its file, and what it says of a wrong one."""

from __future__ import annotations

import operator
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.config.settings import Limits, Matchmaking, Recovery, Settings, SettingsError, load, read
from matchd.errors import StartupError
from matchd.model import DEFAULT_MODE, GameMode, Order
from matchd.store.address import parse

OPEN = "give --insecure to let anyone play under any name"
NAME = "a mode's name is 1 to 64 of A-Z a-z 0-9 . _ -"

ORIGIN = '"scheme://host" or "scheme://host:port", "null" or "*"'

WRONG = [
    # the file, and every line that it earns
    ("listen = 5", ["listen: a text of one line, got 5"]),
    ('listen = "tcp:8080\\nx"', ['listen: a text of one line, got "tcp:8080\\nx"']),
    ('listen = "8080"', ["listen: 8080 is no endpoint, as tcp:8080:interface=127.0.0.1 is one"]),
    ('listen = "none"', ["listen: none is no endpoint, as tcp:8080:interface=127.0.0.1 is one"]),
    ('listen = "tcp:70000"', ["listen: a port is 0 to 65535, got 70000"]),
    ('listen = "tcp:-1:interface=127.0.0.1"', ["listen: a port is 0 to 65535, got -1"]),
    ('listen = "tcp:8080\\\\"', ["listen: tcp:8080\\ is no endpoint, as tcp:8080:interface=127.0.0.1 is one"]),
    ('listen = "tcp:8080"', [f"listen: tcp:8080 is not on loopback, and auth.mode is none; {OPEN}"]),
    (
        'listen = "tcp6:8080:interface=\\\\:\\\\:"',
        [f"listen: tcp6:8080:interface=\\:\\: is not on loopback, and auth.mode is none; {OPEN}"],
    ),
    (
        'http = "tcp:80:interface=10.1.2.3"',
        ["http: tcp:80:interface=10.1.2.3 is not on loopback; set operator_token or operator_token_file in the file"],
    ),
    ('http = "ssl:443:privateKey=/nowhere/k:interface=127.0.0.1"', ["http: /nowhere/k: No such file or directory"]),
    ("redis = 6379", ["redis: a text of one line"]),
    ('redis = ""', ["redis: a text of one line"]),
    ('data_dir = ""', ['data_dir: a text of one line, got ""']),
    ('data_dir = "/dev/null"', ["data_dir: /dev/null is not a folder"]),
    ('config = "other.toml"', ["config: unknown key"]),
    ('dedicated = "host:1"', ['dedicated: a list, each item "host:port"; got "host:1"']),
    (
        'dedicated = ["host:1", "host", "host:0", 7]',
        [f'dedicated: "host:port", got {item}' for item in ('"host"', '"host:0"', "7")],
    ),
    ("workers = 0", ["workers: a whole number from 1 to 64, got 0"]),
    ("workers = 65", ["workers: a whole number from 1 to 64, got 65"]),
    ("workers = 1.0", ["workers: a whole number from 1 to 64, got 1.0"]),
    ("workers = true", ["workers: a whole number from 1 to 64, got true"]),
    ('workers = "2"', ['workers: a whole number from 1 to 64, got "2"']),
    (f"workers = 0x{'f' * 5000}", ["workers: a whole number from 1 to 64, got a huge number"]),
    ('log_format = "xml"', ['log_format: text or json, got "xml"']),
    ("insecure = 1", ["insecure: true or false, got 1"]),
    ("operator_token = 12345", ["operator_token: a text of visible ASCII characters without spaces"]),
    ('operator_token = "two words"', ["operator_token: a text of visible ASCII characters without spaces"]),
    ('operator_token_file = "/nowhere/t"', ["operator_token_file: /nowhere/t: No such file or directory"]),
    (
        'operator_token = "a"\noperator_token_file = "/dev/null"',
        ["operator_token_file: operator_token is set too; keep one of them"],
    ),
    (
        'operator_token_file = "/dev/null"',
        ["operator_token_file: /dev/null holds no token: a text of visible ASCII characters without spaces"],
    ),
    ('key_prefix = "a b"', ['key_prefix: a text of at most 64 visible ASCII characters without spaces, got "a b"']),
    ('origins = ["example.org"]', [f'origins: {ORIGIN}, got "example.org"']),
    ('origins = ["https://*.example.org"]', [f'origins: {ORIGIN}, got "https://*.example.org"']),
    ('origins = ["https://example.org/"]', [f'origins: {ORIGIN}, got "https://example.org/"']),
    ("limits = 5", ["limits: a table, got 5"]),
    ("[limits]\nmax_connections = 0", ["limits.max_connections: a whole number from 1 to 1000000, got 0"]),
    ("[limits]\nidle_seconds = nan", ["limits.idle_seconds: a number from 1 to 3600, got nan"]),
    ("[limits]\nidle_second = 5", ["limits.idle_second: unknown key, did you mean idle_seconds?"]),
    ("[recovery]\nnode_timeout = -1", ["recovery.node_timeout: a number from 0.5 to 300, got -1"]),
    ("[recovery]\ndrain_grace = 1979-05-27", ["recovery.drain_grace: a number from 0 to 600, got 1979-05-27"]),
    ("[matchmaking]\ntick = 0", ["matchmaking.tick: a number from 0.01 to 60, got 0"]),
    ('[matchmaking]\n"a b" = 1', ['matchmaking."a b": unknown key']),
    ("[modes]\nRanked = 1", ["modes.Ranked: a table, got 1"]),
    ("[modes.Ranked]\nteams = 0", ["modes.Ranked.teams: a list of 1 to 20 whole numbers, got 0"]),
    ("[modes.Ranked]\nteams = []", ["modes.Ranked.teams: a list of 1 to 20 whole numbers, got []"]),
    ("[modes.Ranked]\nteams = [1, true]", ["modes.Ranked.teams: a list of 1 to 20 whole numbers, got [1, true]"]),
    ("[modes.Ranked]\nteams = [1, 1.0]", ["modes.Ranked.teams: a list of 1 to 20 whole numbers, got [1, 1.0]"]),
    (
        f"[modes.Ranked]\nteams = {[1] * 21}",
        ["modes.Ranked.teams: a list of 1 to 20 whole numbers, got [1, 1, 1, 1, 1, 1, 1, 1, ...]"],
    ),
    ("[modes.Ranked]\nteams = [0, 2]", ["modes.Ranked.teams: a team has 1 to 100 players, got [0, 2]"]),
    ("[modes.Ranked]\nteams = [101]", ["modes.Ranked.teams: a team has 1 to 100 players, got [101]"]),
    ("[modes.Ranked]\nteams = [1]", ["modes.Ranked.teams: a match has 2 to 200 players, got [1]"]),
    (
        "[modes.Ranked]\nteams = [100, 100, 1]",
        ["modes.Ranked.teams: a match has 2 to 200 players, got [100, 100, 1]"],
    ),
    ("[modes.Ranked]\nloading_timeout = 0", ["modes.Ranked.loading_timeout: a number from 1 to 3600, got 0"]),
    ('[modes.Ranked]\norder = "lifo"', ['modes.Ranked.order: fifo or random, got "lifo"']),
    ("[modes.Ranked]\nteam = [1, 1]", ["modes.Ranked.team: unknown key, did you mean teams?"]),
    ('[modes."2 on 2"]\nteams = [2, 2]', [f'modes."2 on 2": {NAME}']),
    ('[modes."2.v.2"]\norder = 1', ['modes."2.v.2".order: fifo or random, got 1']),
    ('[auth]\nmoed = "none"', ["auth.moed: unknown key, did you mean mode?"]),
    ('[join]\nalgorithm = "none"', ['join.algorithm: HS256 or EdDSA or ES256 or RS256, got "none"']),
    ('[join]\nkey_file = "/nowhere"', ["join.key_file: /nowhere: No such file or directory"]),
    ('[join]\nkey_file = "/dev/null"', ["join.key_file: /dev/null holds a secret of 0 bytes; 32 are the least"]),
    ("[join]\nseconds = 0", ["join.seconds: a number from 1 to 3600, got 0"]),
    ('lisen = "tcp:1"', ["lisen: unknown key, did you mean listen?"]),
    ('"\\n" = 1', ['"\\n": unknown key']),
]

WRONG_OPTIONS: list[tuple[dict[str, object], list[str]]] = [
    ({"workers": "many"}, ['--workers: a whole number from 1 to 64, got "many"']),
    ({"workers": "-1"}, ['--workers: a whole number from 1 to 64, got "-1"']),
    ({"log-format": "xml"}, ['--log-format: text or json, got "xml"']),
    ({"dedicated": ["host"]}, ['--dedicated: "host:port", got "host"']),
    ({"listen": "tcp:1"}, [f"--listen: tcp:1 is not on loopback, and auth.mode is none; {OPEN}"]),
    ({"data-dir": "/dev/null"}, ["--data-dir: /dev/null is not a folder"]),
    ({"config": "/nowhere/m.toml"}, ["--config: /nowhere/m.toml: No such file or directory"]),
    ({"config": "a\nb"}, ['--config: a text of one line, got "a\\nb"']),
    ({"config": "/"}, ["--config: /: Is a directory"]),
    (
        {"workers": "0", "listen": "x", "dedicated": ["y"]},
        [
            "--listen: x is no endpoint, as tcp:8080:interface=127.0.0.1 is one",
            '--dedicated: "host:port", got "y"',
            "--workers: a whole number from 1 to 64, got 0",
        ],
    ),
]


class Files(SynchronousTestCase):
    """Loads settings from files that it writes."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "matchd.toml"

    def load(self, text: str | bytes, **options: object) -> Settings:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load({"config": str(self.path), **options})

    def problems(self, text: str | bytes, **options: object) -> list[str]:
        return list(self.assertRaises(SettingsError, self.load, text, **options).problems)


class MistakeTests(Files):
    """A wrong setting is one line that names its key or option, and what would be right."""

    def test_every_wrong_key(self) -> None:
        """Each wrong file gets exactly its lines."""
        for text, lines in WRONG:
            self.assertEqual(self.problems(text), lines, text)

    def test_every_wrong_option(self) -> None:
        """Each wrong option gets exactly its lines, by the option's name."""
        for options, lines in WRONG_OPTIONS:
            error = self.assertRaises(SettingsError, load, options)
            self.assertEqual(list(error.problems), lines)
            self.assertEqual(str(error), "; ".join(lines))

    def test_all_mistakes_at_once(self) -> None:
        """Whoever makes many mistakes learns of all of them in one go, from the file and the command line."""
        text = 'workers = 0\n[limits]\nburst = 0\n[modes.A]\nteams = 1\norder = 2\n[modes.B]\nteams = "x"'
        self.assertEqual(
            self.problems(text, listen="x"),
            [
                "--listen: x is no endpoint, as tcp:8080:interface=127.0.0.1 is one",
                "workers: a whole number from 1 to 64, got 0",
                "limits.burst: a whole number from 1 to 100000, got 0",
                "modes.A.teams: a list of 1 to 20 whole numbers, got 1",
                "modes.A.order: fifo or random, got 2",
                'modes.B.teams: a list of 1 to 20 whole numbers, got "x"',
            ],
        )

    def test_broken_file(self) -> None:
        """What is no TOML is named with its file and line, what is no text or too large with its file."""
        for content, reason in (
            (b"a = 1\nb = = 2", "Invalid value (at line 2, column 5)"),
            (b"a = 1\na = 2", "Cannot overwrite a value (at line 2, the last)"),
            (b"\n\n[a\n\n", "Expected ']' at the end of a table declaration (at line 3, column 3)"),
            (b"\na = \n\n[", "Invalid value (at line 2, column 5)"),
            (b"\n[a", "Expected ']' at the end of a table declaration (at line 2, the last)"),
            (b"a = '\xff'", "'utf-8' codec can't decode byte 0xff in position 5: invalid start byte"),
            (b"#" * (1 << 21), "larger than 1 MiB"),
            (b"a = " + b"[" * 50_000, "nested too deeply"),
        ):
            self.assertEqual(self.problems(content), [f"--config: {self.path}: {reason}"])
        self.assertEqual(len(self.problems(b"a = " + b"9" * 5000)), 1)

    def test_wrong_redis(self) -> None:
        """A wrong address of the store is told by the name that it was given under, and without its password."""
        url = "redis://user:hunter2@store:x"
        [by_key] = self.problems(f'redis = "{url}"')
        [by_option] = self.problems("", redis=url)
        self.assertTrue(by_key.startswith("redis: the port"), by_key)
        self.assertEqual(by_option, "--" + by_key)

    def test_is_a_startup_error(self) -> None:
        """Whoever starts matchd catches one kind of error."""
        self.assertIsInstance(self.assertRaises(StartupError, load, {"workers": "0"}), SettingsError)


class ValueTests(Files):
    """What right settings come to."""

    def test_nothing_given(self) -> None:
        """Without any option everything has its default, and a practice game server is called for."""
        settings = load({"listen": None, "config": None, "dedicated": [], "insecure": 0})
        self.assertEqual(settings, Settings())
        self.assertEqual(settings.listen, "tcp:8080:interface=127.0.0.1")
        self.assertEqual(settings.http, "tcp:8081:interface=127.0.0.1")
        self.assertEqual(dict(settings.modes), {"Normal_1v1": DEFAULT_MODE})
        self.assertEqual(settings.limits, Limits(18_000, 20, 40, 30, 5, 40))
        self.assertEqual(settings.recovery, Recovery(4, 0, 15))
        self.assertEqual(settings.matchmaking, Matchmaking(0.5, 5, 3))
        self.assertEqual((settings.auth.mode, settings.workers, settings.log_format), ("none", 1, "text"))
        self.assertTrue(settings.nothing_configured)

    def test_something_configured(self) -> None:
        """Whoever names a store, a file or a game server gets no practice server."""
        for options in ({"redis": "redis://h"}, {"dedicated": ["h:1"]}):
            self.assertFalse(load(options).nothing_configured)
        self.assertFalse(self.load("").nothing_configured)
        self.assertTrue(load({"workers": "2", "log-format": "json"}).nothing_configured)

    def test_every_key(self) -> None:
        """A file can say everything."""
        settings = self.load(
            """
            listen = "tcp:0"
            http = "tcp:0"
            redis = "redis://:hunter2@store:6380/3"
            data_dir = "data"
            dedicated = ["a:1", "[::1]:2", "a:1"]
            workers = 4
            log_format = "json"
            insecure = true
            operator_token = "s3cret"
            key_prefix = "{matchd}:"
            origins = ["https://example.org", "HTTP://[::1]:8443", "null", "*"]
            [limits]
            max_connections = 10
            messages_per_second = 5
            [recovery]
            reconnect_grace = 2.5
            [matchmaking]
            allocation_attempts = 1
            [modes.Ranked]
            [modes."Duo.2v2"]
            teams = [2, 2]
            loading_timeout = 90
            order = "random"
            [auth]
            mode = "none"
            """
        )
        self.assertEqual(
            settings,
            Settings(
                listen="tcp:0",
                http="tcp:0",
                redis=parse("redis://:hunter2@store:6380/3"),
                data_dir=self.folder / "data",
                config=self.path,
                dedicated=("a:1", "[::1]:2"),
                workers=4,
                log_format="json",
                insecure=True,
                operator_token="s3cret",
                key_prefix="{matchd}:",
                origins=("https://example.org", "HTTP://[::1]:8443", "null", "*"),
                limits=Limits(max_connections=10, messages_per_second=5.0),
                recovery=Recovery(reconnect_grace=2.5),
                matchmaking=Matchmaking(allocation_attempts=1),
                modes={
                    "Ranked": GameMode("Ranked", (1, 1), 60.0, Order.FIFO),
                    "Duo.2v2": GameMode("Duo.2v2", (2, 2), 90.0, Order.RANDOM),
                },
            ),
        )
        self.assertIs(type(settings.modes["Ranked"].order), Order)

    def test_order_of_precedence(self) -> None:
        """The command line wins over the file, the file over the default."""
        settings = self.load('workers = 4\nlog_format = "json"\ndedicated = ["a:1"]', workers="2", dedicated=["b:2"])
        self.assertEqual((settings.workers, settings.log_format, settings.dedicated), (2, "json", ("b:2",)))

    def test_wrong_key_that_an_option_replaces(self) -> None:
        """What the command line replaces in the file need not be right."""
        self.assertEqual(self.load("workers = 0", workers="3").workers, 3)

    def test_bounds_are_allowed(self) -> None:
        """The smallest and the largest of each bound are right."""
        for teams in ([2], [1, 1], [100, 100], [10] * 20):
            mode = self.load(f"[modes.x]\nteams = {teams}\nloading_timeout = 3600").modes["x"]
            self.assertEqual((mode.teams, mode.size, mode.loading_timeout), (tuple(teams), sum(teams), 3600.0))
        self.assertEqual(load({"workers": "64"}).workers, 64)
        self.assertEqual(list(self.load(f"[modes.{'x' * 64}]").modes), ["x" * 64])

    def test_default_mode_is_gone_once_modes_are_configured(self) -> None:
        """Only the modes of the file are played, and an empty table is none."""
        self.assertEqual(list(self.load("[modes.B]\n[modes.A]").modes), ["B", "A"])
        self.assertEqual(list(self.load("[modes]").modes), ["Normal_1v1"])
        self.assertEqual(self.load("[modes.Normal_1v1]").modes["Normal_1v1"].order, Order.FIFO)

    def test_http_none(self) -> None:
        """The operators' port can be turned off."""
        self.assertIsNone(load({"http": "none"}).http)

    def test_relative_paths(self) -> None:
        """A path in the file is relative to the file's folder, one on the command line to the current one."""
        self.assertEqual(self.load('data_dir = "d"').data_dir, self.folder / "d")
        self.assertEqual(self.load('data_dir = "/d"').data_dir, Path("/d"))
        self.assertEqual(self.load('data_dir = "d"', **{"data-dir": "e"}).data_dir, Path.cwd() / "e")

    def test_frozen(self) -> None:
        """Nothing changes settings once they are read."""
        self.assertRaises(AttributeError, setattr, Settings(), "workers", 2)
        self.assertRaises(TypeError, operator.setitem, Settings().modes, "x", DEFAULT_MODE)


class SecretTests(Files):
    """Tokens and passwords stay where they are."""

    def test_not_in_repr(self) -> None:
        """Settings that end up in a log or a traceback tell no secret."""
        settings = self.load('operator_token = "s3cret"\nredis = "redis://user:hunter2@store"')
        for shown in (repr(settings), str(settings)):
            self.assertNotIn("s3cret", shown)
            self.assertNotIn("hunter2", shown)

    def test_not_in_complaints(self) -> None:
        """A wrong secret is not printed either."""
        lines = self.problems('operator_token = "s3cret s3cret"\nredis = ["redis://user:hunter2@store"]')
        lines += self.problems('operator_token = "s\\u0000cret"\nredis = "redis://user:hunter2@store:x\\n"')
        self.assertEqual([line.split(":")[0] for line in lines], ["operator_token", "redis"] * 2)
        self.assertNotIn("cret", str(lines))
        self.assertNotIn("hunter2", str(lines))

    def test_token_file(self) -> None:
        """The token can lie in a file of its own, beside the settings."""
        (self.folder / "token").write_text("s3cret\n")
        self.assertEqual(self.load('operator_token_file = "token"').operator_token, "s3cret")


class ExposureTests(Files):
    """Nobody opens matchd to other machines by accident."""

    LOCAL = (
        "tcp:0:interface=127.0.0.1",
        "tcp:interface=127.1.2.3:port=0",
        "tcp:0:interface=localhost",
        "tcp6:0:interface=\\:\\:1",
        "unix:/tmp/matchd.sock",
    )
    REMOTE = ("tcp:0", "tcp:0:interface=0.0.0.0", "tcp:0:interface=192.0.2.1", "tcp6:0", "tcp:0:interface=example.org")

    def test_local(self) -> None:
        """Loopback and unix sockets need nothing more."""
        for description in self.LOCAL:
            settings = load({"listen": description, "http": description})
            self.assertEqual((settings.listen, settings.http), (description, description))

    def test_players_from_elsewhere(self) -> None:
        """Without authentication other machines' players are let in only by ``--insecure``."""
        for description in self.REMOTE:
            error = self.assertRaises(SettingsError, load, {"listen": description})
            self.assertEqual(
                error.problems, (f"--listen: {description} is not on loopback, and auth.mode is none; {OPEN}",)
            )
            self.assertEqual(load({"listen": description, "insecure": 1}).listen, description)

    def test_operators_from_elsewhere(self) -> None:
        """The operators' port is opened to other machines only with a token, insecure or not."""
        for description in self.REMOTE:
            error = self.assertRaises(SettingsError, load, {"http": description, "insecure": 1})
            reason = "is not on loopback; set operator_token or operator_token_file in the file"
            self.assertEqual(error.problems, (f"--http: {description} {reason}",))
            self.assertEqual(self.load('operator_token = "s3cret"', http=description).http, description)

    def test_a_wrong_token_is_told_once(self) -> None:
        """Who meant to set a token is told what is wrong with it, not to set one."""
        self.assertEqual(len(self.problems("operator_token = 5", http="tcp:0")), 1)


SECTIONS = ["limits", "recovery", "matchmaking", "modes", "auth"]
KEYS = [
    *("listen", "http", "redis", "data_dir", "config", "dedicated", "workers", "log_format", "insecure"),
    *("operator_token", "operator_token_file", "key_prefix", "origins"),
]
INNER = [
    *("teams", "loading_timeout", "order", "mode", "burst", "tick", "node_timeout", "A", "a b"),
    *("key", "jwks_file", "jwks_url"),
]
scalars = (
    st.none().map(lambda _: "tcp:0:interface=127.0.0.1")
    | st.sampled_from(["redis://h", "host:1", "json", "fifo", "none", "unix:", "ssl:0", "*", "sentinel://a,b/c"])
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
)
flat = scalars | st.lists(scalars, max_size=3)
keys = st.sampled_from(INNER) | st.text(max_size=8)
tables = st.dictionaries(keys, flat | st.dictionaries(keys, flat, max_size=3) | st.lists(flat, max_size=2), max_size=3)
trees = st.dictionaries(st.sampled_from(KEYS + SECTIONS) | st.text(max_size=8), flat | tables, max_size=5)


class AnythingTests(SynchronousTestCase):
    """Whatever stands in a file or on the command line."""

    def outcome(self, load: Any, *args: Any) -> None:
        """Settings, or lines that say what is wrong; never another error, never more than one line each."""
        try:
            self.assertIsInstance(load(*args), Settings)
        except SettingsError as error:
            self.assertTrue(error.problems)
            for line in error.problems:
                self.assertIn(": ", line)
                self.assertEqual(len(line.splitlines()), 1, line)

    @example_settings(deadline=None, max_examples=200, database=None)
    @given(trees)
    def test_any_tree(self, tree: dict[str, object]) -> None:
        """Any TOML is either right or told what is wrong."""
        self.outcome(read, tree, {})

    @example_settings(deadline=None, max_examples=100, database=None)
    @given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=20) | st.lists(st.text(max_size=20), max_size=3)))
    def test_any_options(self, options: dict[str, object]) -> None:
        """So are any options."""
        self.outcome(load, {**options, "config": None})

    @example_settings(deadline=None, max_examples=100, database=None)
    @given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_any_file(self, content: bytes) -> None:
        """So is any file."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self.outcome(load, {"config": file.name})
