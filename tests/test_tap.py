"""``twistd matchd``: what its command line takes, and what it says when it can't start."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

from twisted.application.service import Application, IService, Service
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from matchd import __version__
from matchd.config.settings import Settings
from matchd.errors import StartupError
from matchd.tap import Options, makeService
from tests.support.children import twistd

OPTIONS = ["config", "data-dir", "dedicated", "http", "insecure", "listen", "log-format", "redis", "workers"]

WRONG = [
    (["--workers", "many"], '--workers: a whole number from 1 to 64, got "many"'),
    (["--workers"], "--workers: requires argument"),
    (["--workrs", "3"], "--workrs: unknown option, did you mean --workers?"),
    (["--quiet"], "--quiet: unknown option"),
    (["-z"], "-z: unknown option"),
    (["--insecure=yes"], "--insecure: must not have an argument"),
    (["--l", "x"], "--l: not a unique prefix"),
    (["stray"], "stray: not an option"),
    (["--listen", ""], '--listen: a text of one line, got ""'),
    (["--dedicated", "host"], '--dedicated: "host:port", got "host"'),
    (["--config", "/nowhere/m.toml"], "--config: /nowhere/m.toml: No such file or directory"),
]


class Shell(SynchronousTestCase):
    """Parses command lines, and sees what would be printed."""

    def setUp(self) -> None:
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)
        self.stdout = io.StringIO()
        self.patch(sys, "stdout", self.stdout)

    def parse(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(list(arguments))
        return options


class OptionTests(Shell):
    """Right command lines."""

    def test_nothing(self) -> None:
        """Without options everything has its default."""
        self.assertEqual(self.parse().settings, Settings())

    def test_options_and_file(self) -> None:
        """Options win over the file that one of them names."""
        path = Path(self.mktemp()).absolute()
        path.write_text('workers = 3\nlog_format = "json"\ninsecure = true')
        settings = self.parse("--config", str(path), "--workers=2", "--listen", "tcp:0").settings
        self.assertEqual((settings.workers, settings.log_format, settings.listen), (2, "json", "tcp:0"))

    def test_repeated_dedicated(self) -> None:
        """``--dedicated`` can be given for each of several game servers."""
        self.assertEqual(self.parse("--dedicated", "a:1", "--dedicated", "b:2").settings.dedicated, ("a:1", "b:2"))
        self.assertEqual(self.parse().settings.dedicated, ())

    def test_help(self) -> None:
        """``--help`` has a line for each option, with its default, and fits a terminal."""
        self.assertEqual(self.assertRaises(SystemExit, self.parse, "--help").code, 0)
        lines = self.stdout.getvalue()
        for option in OPTIONS:
            self.assertIn(f"--{option}", lines)
        text = " ".join(lines.split())
        self.assertEqual(text.count("[default: "), len(OPTIONS) - 1)
        self.assertIn(f"[default: {Settings().listen}]", text)
        self.assertIn(f"[default: {Settings().http}]", text)
        self.assertLessEqual(max(map(len, lines.splitlines())), 80)

    def test_every_option_is_a_setting(self) -> None:
        """What the help lists is what the settings know."""
        known = {name.replace("_", "-") for name in Settings.__dataclass_fields__}
        self.assertEqual(set(OPTIONS) - known, set())

    def test_several_in_one_folder(self) -> None:
        """In the foreground no pidfile keeps a second program out of the folder; a daemon, or who names one, has it."""
        for nodaemon, pidfile, kept in ((1, "twistd.pid", ""), (0, "twistd.pid", "twistd.pid"), (1, "a.pid", "a.pid")):
            options = Options()
            options.parent = usage.Options()
            options.parent.update(nodaemon=nodaemon, pidfile=pidfile)
            options.parseOptions([])
            self.assertEqual(options.parent["pidfile"], kept)

    def test_version(self) -> None:
        """``--version`` is matchd's."""
        self.assertEqual(self.assertRaises(SystemExit, self.parse, "--version").code, 0)
        self.assertEqual(self.stdout.getvalue(), f"matchd {__version__}\n")


class MistakeTests(Shell):
    """Wrong command lines end with status 1 and a line that names the option."""

    def test_wrong_options(self) -> None:
        """Exactly one line each, and no help text around it."""
        for arguments, line in WRONG:
            self.stderr.truncate(0)
            self.stderr.seek(0)
            self.assertEqual(self.assertRaises(SystemExit, self.parse, *arguments).code, 1)
            self.assertEqual(self.stderr.getvalue(), f"matchd: {line}\n")
        self.assertEqual(self.stdout.getvalue(), "")

    def test_several_mistakes(self) -> None:
        """Each has its line."""
        self.assertRaises(SystemExit, self.parse, "--workers", "0", "--log-format", "xml")
        self.assertEqual(
            self.stderr.getvalue(),
            'matchd: --workers: a whole number from 1 to 64, got 0\nmatchd: --log-format: text or json, got "xml"\n',
        )

    def test_from_outside(self) -> None:
        """A real twistd with wrong settings: the lines, status 1, and nothing left behind."""
        folder = Path(self.mktemp())
        child = twistd(folder, "-n", "matchd", "--workers", "0", "--redis", "redis://:hunter2@h:x")
        self.addCleanup(child.kill)
        self.assertEqual(child.ended(), 1)
        redis, workers = child.stderr.splitlines()
        self.assertTrue(redis.startswith("matchd: --redis: "), redis)
        self.assertNotIn("hunter2", redis)
        self.assertEqual(workers, "matchd: --workers: a whole number from 1 to 64, got 0")
        self.assertEqual(child.stdout, "")
        self.assertEqual({path.name for path in folder.iterdir()}, {"child.stdout", "child.stderr"})


class ServiceTests(Shell):
    """From options to the service that twistd runs."""

    def make(self, options: Options, build: object) -> IService:
        stub = ModuleType("matchd.service")
        stub.build = build  # type: ignore[attr-defined]
        with mock.patch.dict(sys.modules, {"matchd.service": stub}):
            return makeService(options)

    def test_service(self) -> None:
        """The service is built from the settings, and logs in their format."""
        built: list[Settings] = []
        node = Service()

        def build(settings: Settings, reactor: object) -> Service:
            built.append(settings)
            return node

        options = self.parse("--log-format", "json")
        service = self.make(options, build)
        application = Application("matchd")
        service.setServiceParent(application)
        self.assertEqual(built, [options.settings])
        service.startService()
        self.assertTrue(node.running)
        service.stopService()
        self.assertFalse(node.running)
        application.getComponent(ILogObserver)({"log_format": "hello", "log_time": 0.0})
        self.assertIn('"message": "hello"', self.stdout.getvalue())

    def test_cannot_be_built(self) -> None:
        """What only shows when the service is built is one line, too."""

        def build(settings: Settings, reactor: object) -> Service:
            raise StartupError("--data-dir: /data: another node uses it")

        error = self.assertRaises(SystemExit, self.make, self.parse(), build)
        self.assertEqual(error.code, 1)
        self.assertEqual(self.stderr.getvalue(), "matchd: --data-dir: /data: another node uses it\n")
