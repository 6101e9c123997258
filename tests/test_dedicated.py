"""``twistd dedicated``: its options, and real processes seen from outside."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from matchd import exits
from matchd.dedicated.tap import Options, makeService
from tests.support.children import PATIENCE, REPOSITORY, Child, twistd
from tests.support.keys import SECRET


class OptionsTests(SynchronousTestCase):
    def refusal(self, *arguments: str) -> str:
        """What is printed for options that are wrong."""
        self.patch(sys, "__stderr__", StringIO())
        error = self.assertRaises(SystemExit, Options().parseOptions, list(arguments))
        self.assertEqual(error.code, 1)
        return sys.__stderr__.getvalue()

    def test_defaults(self) -> None:
        """Those that are documented; the id is new each time."""
        options, other = Options(), Options()
        options.parseOptions([])
        other.parseOptions([])
        self.assertRegex(options["server-id"], r"\Adedicated-[0-9a-f]{8}\Z")
        self.assertNotEqual(options.pop("server-id"), other.pop("server-id"))
        self.assertEqual(
            options,
            {
                "matchd": "http://127.0.0.1:8081",
                "listen": "tcp:0:interface=127.0.0.1",
                "address": "",
                "capacity": 4,
                "region": "",
                "session-seconds": 600.0,
                "token-file": "",
                "token": "",
                "join-key-file": "",
                "join-key": None,
                "join-algorithm": "HS256",
            },
        )

    def test_wrong_ones(self) -> None:
        """One line names the option and what is wrong with it."""
        name = "is not 1 to 64 of A-Z a-z 0-9 . _ -"
        for option, value, reason in (
            ("--matchd", "ftp://x", "'ftp://x' is not an http:// or https:// URL"),
            ("--matchd", "http://x:99999", "'http://x:99999' is not an http:// or https:// URL"),
            ("--listen", "8080", "8080 is no endpoint, as tcp:8080:interface=127.0.0.1 is one"),
            ("--address", "host", "'host' is not host:port"),
            ("--server-id", "a/b", f"'a/b' {name}"),
            ("--region", "a b", f"'a b' {name}"),
            ("--capacity", "x", "'x' is not a whole number from 1 to 10000"),
            ("--capacity", "0", "'0' is not a whole number from 1 to 10000"),
            ("--session-seconds", "nan", "'nan' is not a number from 0.1 to 1e+06"),
            ("--token-file", "/nowhere", "can't read '/nowhere': No such file or directory"),
            ("--join-key-file", "/nowhere", "can't read '/nowhere': No such file or directory"),
            ("--join-algorithm", "none", "'none' is not one of HS256, EdDSA, ES256, RS256"),
        ):
            self.assertEqual(self.refusal(option, value), f"dedicated: {option}: {reason}\n")

    def test_unknown_ones(self) -> None:
        """So are options that there are not, and words that are no options."""
        self.assertEqual(self.refusal("--nope"), "dedicated: option --nope not recognized\n")
        self.assertEqual(self.refusal("extra"), "dedicated: 'extra': not an option\n")

    def test_token_file(self) -> None:
        """One line of a file is the token; it is not a part of the command line."""
        path = Path(self.mktemp())
        path.write_text("secret\n")
        options = Options()
        options.parseOptions(["--token-file", str(path)])
        self.assertEqual(options["token"], "secret")
        for content in (b"", b"\n", b"a\nb", b"a\x00", "é".encode()):
            path.write_bytes(content)
            self.assertIn("dedicated: --token-file: ", self.refusal("--token-file", str(path)))

    def test_token_that_all_can_read(self) -> None:
        """It works, and the log warns of it."""
        path = Path(self.mktemp()).absolute()
        path.write_text("secret")
        for mode, lines in ((0o600, []), (0o644, [f"every user of this machine can read {path}: --token-file"])):
            path.chmod(mode)
            events: list[dict[str, Any]] = []
            globalLogPublisher.addObserver(events.append)
            options = Options()
            options.parseOptions(["--token-file", str(path)])
            makeService(options, MemoryReactorClock())
            globalLogPublisher.removeObserver(events.append)
            self.assertEqual([formatEvent(event) for event in events], lines)

    def test_join_key(self) -> None:
        """A key that could not verify is refused; a secret that all can read is warned of."""
        path = Path(self.mktemp()).absolute()
        path.write_text("short")
        self.assertEqual(
            self.refusal("--join-key-file", str(path)),
            f"dedicated: --join-key-file: {str(path)!r} holds a secret of 5 bytes; 32 are the least\n",
        )
        path.write_text(SECRET)
        path.chmod(0o644)
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        options = Options()
        options.parseOptions(["--join-key-file", str(path)])
        makeService(options, MemoryReactorClock())
        said = [formatEvent(event) for event in events]
        self.assertEqual(said, [f"every user of this machine can read {path}: --join-key-file"])

    def test_help(self) -> None:
        """Every option is explained."""
        text = str(Options())
        for option in ("matchd", "listen", "address", "server-id", "capacity", "region", "session-seconds"):
            self.assertRegex(text, rf"--{option}=\s+\S")


class PluginTests(SynchronousTestCase):
    def test_twistd_finds_it_once(self) -> None:
        """There is one ``dedicated``, and it is this one."""
        found = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "dedicated"]
        self.assertEqual([maker.module for maker in found], ["matchd.dedicated.tap"])
        self.patch(exits, "hold_signals", lambda: None)  # they are this process's, which goes on
        self.assertIs(found[0].options, Options)

    def test_twisted_is_not_shadowed(self) -> None:
        """An ``__init__.py`` in our part of Twisted's package would break Twisted itself when installed."""
        self.assertEqual(list((REPOSITORY / "twisted").rglob("__init__.py")), [])


class FakeMatchd(ThreadingHTTPServer):
    """An operators' port that agrees to everything, and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, object]]] = []
        self.news = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Agree)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def wait_for(self, number: int) -> None:
        """Return once it was told so many things; fails when that takes too long."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.told) >= number, PATIENCE), self.told

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Agree(BaseHTTPRequestHandler):
    server: FakeMatchd

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.server.news:
            self.server.told.append((self.command, self.path, json.loads(body or "{}")))
            self.server.news.notify_all()
        self.send_response(204)
        self.end_headers()

    do_DELETE = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class ProcessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())

    def start(self, *options: str, folder: str = "") -> Child:
        child = twistd(self.folder / folder, "-n", "dedicated", *options)
        self.addCleanup(child.kill)
        return child

    def fake_matchd(self) -> FakeMatchd:
        matchd = FakeMatchd()
        self.addCleanup(matchd.close)
        return matchd

    def test_its_life(self) -> None:
        """It registers, makes sessions, says so, and at SIGTERM it deregisters and ends with status 0."""
        matchd = self.fake_matchd()
        child = self.start("--matchd", matchd.url, "--server-id", "one", "--region", "eu", "--capacity", "2")
        child.wait_to_print(f"registered with {matchd.url} as one")
        address = re.search(r"game server at (\S+), 2 slots", child.stdout)[1]
        wanted = {"players": ["a", "b"], "game_mode": "Normal_1v1", "loading_session_id": "s1"}
        with urllib.request.urlopen(f"http://{address}/session/create", json.dumps(wanted).encode()) as answer:
            self.assertEqual(json.load(answer)["server_address"], address)
        child.signal(signal.SIGTERM)
        self.assertEqual(child.ended(), 0)
        heartbeat = {"address": address, "capacity": 2, "region": "eu", "sessions": 0, "sessions_made": 0}
        self.assertEqual(
            matchd.told,
            [
                ("PUT", "/v1/servers/one", heartbeat),
                ("PUT", "/v1/servers/one", heartbeat | {"sessions": 1, "sessions_made": 1}),
                ("DELETE", "/v1/servers/one", {}),
            ],
        )
        self.assertEqual(child.stderr, "")
        self.assertNotIn("Traceback", child.stdout)
        self.assertNotIn("Starting factory", child.stdout)

    def test_without_a_matchd(self) -> None:
        """It waits for matchd, and can be stopped all the same."""
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            child = self.start("--matchd", url)
            child.wait_to_print(f"not registered with {url}: connection refused; trying again every 1 s")
            child.signal(signal.SIGTERM)
            self.assertEqual(child.ended(), 0)
        self.assertEqual(child.stderr, "")
        self.assertIn("was not told goodbye", child.stdout)

    def test_two_in_one_folder(self) -> None:
        """In the foreground they do not fight over a pid file."""
        matchd = self.fake_matchd()
        children = [self.start("--matchd", matchd.url, "--server-id", name) for name in ("one", "two")]
        matchd.wait_for(2)
        self.assertEqual({path for _, path, _ in matchd.told}, {"/v1/servers/one", "/v1/servers/two"})
        self.assertFalse((self.folder / "twistd.pid").exists())
        for child in children:
            child.signal(signal.SIGTERM)
            self.assertEqual(child.ended(), 0)

    def test_the_port_is_in_use(self) -> None:
        """One line on stderr names the option; the exit status is 1."""
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            child = self.start("--listen", f"tcp:{port}:interface=127.0.0.1")
            self.assertEqual(child.ended(), 1)
        self.assertEqual(
            child.stderr,
            f"dedicated: --listen: Couldn't listen on 127.0.0.1:{port}: [Errno 98] Address already in use.\n",
        )
        self.assertNotIn("Traceback", child.stdout)
        self.assertNotIn("registered", child.stdout)

    def test_no_address_to_tell(self) -> None:
        """A server on all interfaces must be told what to advertise."""
        child = self.start("--listen", "tcp:0")
        self.assertEqual(child.ended(), 1)
        self.assertEqual(child.stderr, "dedicated: --address: needed, because --listen does not name one IP address\n")

    def test_a_wrong_option(self) -> None:
        """One line on stderr; the exit status is 1, without a traceback and without the help."""
        child = self.start("--capacity", "many")
        self.assertEqual(child.ended(), 1)
        self.assertEqual(child.stderr, "dedicated: --capacity: 'many' is not a whole number from 1 to 10000\n")
        self.assertEqual(child.stdout, "")
