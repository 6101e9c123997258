"""What is typed or written wrong: one line on stderr that names it, exit status 1, and never a traceback."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from twisted.internet import reactor
from twisted.internet.protocol import Factory

from tests.support.fleet import Fleet, Program, endpoint
from tests.support.fleets import FleetCase
from tests.support.older_redis import OlderRedis, SilentOlderRedis
from tests.support.valkey import free_port

AT_ONCE = 4
"""How many are tried at a time: each of them is a Python that has to start."""

ANYWHERE = ("--listen", "tcp:0:interface=127.0.0.1", "--http", "tcp:0:interface=127.0.0.1")

ALONE = [
    (["--port", "1"], "--port: unknown option"),
    (["--workrs", "2"], "--workrs: unknown option, did you mean --workers?"),
    (["stray"], "stray: not an option"),
    (["--redis"], "--redis: requires argument"),
    (["--config", "/nowhere/matchd.toml"], "--config: /nowhere/matchd.toml: No such file or directory"),
]

TOGETHER = [
    (
        ["--listen", "tcp:8080"],
        "--listen: tcp:8080 is not on loopback, and auth.mode is none; "
        "give --insecure to let anyone play under any name",
    ),
    (
        ["--http", "tcp:8081"],
        "--http: tcp:8081 is not on loopback; set operator_token or operator_token_file in the file",
    ),
    (["--redis", "redis://:hunter2@h:x"], "--redis: the port must be a number from 1 to 65535"),
    (["--data-dir", "/dev/null"], "--data-dir: /dev/null is not a folder"),
    (["--dedicated", "here"], '--dedicated: "host:port", got "here"'),
    (["--workers", "many"], '--workers: a whole number from 1 to 64, got "many"'),
    (["--log-format", "xml"], '--log-format: text or json, got "xml"'),
]

NO_FILES = [
    ("this is no TOML", "--config: {path}: Expected '=' after a key in a key/value pair (at line 1, column 6)"),
    ("x = " + "[" * 5000, "--config: {path}: nested too deeply"),
    ("modse = 1", "modse: unknown key, did you mean modes?"),
]

WRONG_FILE = """
listen = 5
redis = "redis://:hunter2@h:x"
dedicated = "a:1"
workers = true
operator_token = "hunter2 hunter2"
unheard_of = 1

[limits]
max_conections = 5
idle_seconds = nan

[recovery]
node_timeout = 0

[modes.Duel]
teams = [0, 1]
size = 2

[modes."a b"]
"""

WRONG_KEYS = [
    "operator_token: a text of visible ASCII characters without spaces",
    "listen: a text of one line, got 5",
    "redis: the port must be a number from 1 to 65535",
    'dedicated: a list, each item "host:port"; got "a:1"',
    "workers: a whole number from 1 to 64, got true",
    "limits.idle_seconds: a number from 1 to 3600, got nan",
    "limits.max_conections: unknown key, did you mean max_connections?",
    "recovery.node_timeout: a number from 0.5 to 300, got 0",
    "modes.Duel.teams: a team has 1 to 100 players, got [0, 1]",
    "modes.Duel.size: unknown key",
    'modes."a b": a mode\'s name is 1 to 64 of A-Z a-z 0-9 . _ -',
    "unheard_of: unknown key",
]

GAME_SERVER = [
    (["--port", "1"], "option --port not recognized"),
    (["--matchd", "nonsense"], "--matchd: 'nonsense' is not an http:// or https:// URL"),
    (["--capacity", "0"], "--capacity: '0' is not a whole number from 1 to 10000"),
    (["--listen", "tcp:0"], "--address: needed, because --listen does not name one IP address"),
    (["--token-file", "/nowhere"], "--token-file: can't read '/nowhere': No such file or directory"),
]


class CommandLineCase(FleetCase):
    """Starts what can't be started."""

    def setUp(self) -> None:
        self.running: Fleet = self.fleet()

    async def assert_refused(self, *attempts: tuple[list[str], str]) -> None:
        """Each command line ends with status 1 and exactly its text on stderr; a secret is nowhere."""
        for start in range(0, len(attempts), AT_ONCE):
            some = attempts[start : start + AT_ONCE]
            programs = [self.running.program(*arguments) for arguments, _ in some]
            for program, (_, line) in zip(programs, some, strict=True):
                self.assert_said(program, await program.ended(), line)

    def assert_said(self, program: Program, status: int, line: str) -> None:
        self.assertEqual((program.complaints, status), (line + "\n", 1), f"{program.arguments}\n{program.log}")
        self.assertNotIn("Traceback", program.log)
        self.assertNotIn("hunter2", program.log + program.complaints)

    def busy_port(self) -> int:
        """A port that somebody else listens on."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        port: int = listening.getsockname()[1]
        return port


class MistakeTests(CommandLineCase):
    """What is wrong as it stands is refused before anything is started."""

    async def test_options(self) -> None:
        """Options of `twistd -n matchd`, one wrong at a time."""
        await self.assert_refused(*((["matchd", *wrong], f"matchd: {line}") for wrong, line in ALONE))
        self.assertEqual({program.log for program in self.running.programs}, {""})

    async def test_options_together(self) -> None:
        """Options that are wrong together: a line for each."""
        words = [word for wrong, _ in TOGETHER for word in wrong]
        await self.assert_refused((["matchd", *words], lines(line for _, line in TOGETHER)))

    async def test_files(self) -> None:
        """Files that can't be read, or have a key that there is not."""
        attempts = []
        for number, (content, line) in enumerate(NO_FILES):
            path = self.running.file(f"{number}.toml", content)
            attempts.append((["matchd", "--config", path], f"matchd: {line.format(path=path)}"))
        await self.assert_refused(*attempts)
        self.assertEqual({program.log for program in self.running.programs}, {""})

    async def test_everything_wrong(self) -> None:
        """A file in which about everything is wrong: each key is named, on a line of its own."""
        path = self.running.file("matchd.toml", WRONG_FILE)
        await self.assert_refused((["matchd", "--config", path], lines(WRONG_KEYS)))

    async def test_game_server(self) -> None:
        """Options of `twistd -n dedicated`."""
        await self.assert_refused(*((["dedicated", *wrong], f"dedicated: {line}") for wrong, line in GAME_SERVER))


class CircumstanceTests(CommandLineCase):
    """What only shows when it is tried: everything that was started by then is stopped again."""

    async def test_port_in_use(self) -> None:
        """A port that somebody else has: the option is named, and why."""
        busy = endpoint(self.busy_port())
        await self.assert_refused(
            (["matchd", "--listen", busy, "--http", "none"], in_use("listen", busy)),
            (["matchd", *ANYWHERE[:2], "--http", busy], in_use("http", busy)),
            (
                ["matchd", "--listen", "unix:/nowhere/socket", "--http", "none"],
                "matchd: --listen: can't listen on unix:/nowhere/socket: No such file or directory",
            ),
        )
        server = self.running.program("dedicated", "--listen", busy)
        self.assertEqual(await server.ended(), 1)
        self.assertRegex(server.complaints, r"\Adedicated: --listen: [^\n]*Address already in use\.?\n\Z")

    async def test_store_out_of_reach(self) -> None:
        """A Redis that is not there, that is no Redis, or that does not let us in."""
        store = self.running.valkey(password="right")
        nobody, silent = f"redis://127.0.0.1:{free_port()}", f"redis://127.0.0.1:{self.busy_port()}"
        wrong, none = f"redis://:hunter2@127.0.0.1:{store.port}", f"redis://127.0.0.1:{store.port}"
        await self.assert_refused(
            (["matchd", *ANYWHERE, "--redis", nobody], f"matchd: redis: {nobody}/0: connection refused"),
            (["matchd", *ANYWHERE, "--redis", silent], f"matchd: redis: {silent}/0: no answer within 2 s"),
            (
                ["matchd", *ANYWHERE, "--redis", wrong],
                f"matchd: redis: {none}/0: WRONGPASS invalid username-password pair or user is disabled.",
            ),
            (["matchd", *ANYWHERE, "--redis", none], f"matchd: redis: {none}/0: NOAUTH Authentication required."),
        )

    async def test_store_too_old(self) -> None:
        """A Redis before 7.0: which versions would do, and which one this is, as far as it says."""
        attempts = []
        for server, version in ((OlderRedis, "6.2.14"), (SilentOlderRedis, "an older one")):
            port = reactor.listenTCP(0, Factory.forProtocol(server), interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            url = f"redis://127.0.0.1:{port.getHost().port}/0"
            needed = f"matchd needs Redis 7.0 or later, or Valkey 7.2 or later; this is {version}"
            attempts.append((["matchd", *ANYWHERE, "--redis", url], f"matchd: redis: {url}: {needed}"))
        await self.assert_refused(*attempts)

    async def test_store_of_another_application(self) -> None:
        """A Redis in which another application has a key by one of the names."""
        for command in (("SADD", "slots", "x"), ("ZADD", "queue:Normal_1v1", "1", "x"), ("RPUSH", "swept", "x")):
            store = self.running.valkey()
            store.ask(*command)
            address = f"redis://127.0.0.1:{store.port}"
            kind = store.ask("TYPE", command[1]).decode()
            why = f"FOREIGN the key {command[1]} is a {kind} and not of matchd: set a key_prefix"
            said = f"matchd: redis: {address}/0: {why}"
            await self.assert_refused((["matchd", *ANYWHERE, "--redis", address], said))

    async def test_data_in_use(self) -> None:
        """A folder whose data another matchd has open, or that can't be made."""
        folder = str(self.running.folder / "data")
        first = await self.running.node("--data-dir", folder).ready()
        below = self.running.file("file", "") + "/below"
        await self.assert_refused(
            (["matchd", *ANYWHERE, "--data-dir", folder], f"matchd: data_dir: {folder}: in use by another matchd"),
            (["matchd", *ANYWHERE, "--data-dir", below], f"matchd: data_dir: {below}: Not a directory"),
        )
        await first.ready()


def lines(complaints: Iterable[str]) -> str:
    """What matchd says about several things."""
    return "\n".join(f"matchd: {complaint}" for complaint in complaints)


def in_use(option: str, description: str) -> str:
    """What is said when a port is taken."""
    return f"matchd: --{option}: can't listen on {description}: Address already in use"
