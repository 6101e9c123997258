"""What matchd says of a wrong setting: a line for each, that names it and says what would be right."""

from __future__ import annotations

from matchd.config.settings import SettingsError, load
from matchd.errors import StartupError
from tests.support.settings import OPEN, FileCase

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
    ("\n".join(f"[modes.Mode{number}]" for number in range(1001)), ["modes: at most 1000 modes, got 1001"]),
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


class MistakeTests(FileCase):
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
