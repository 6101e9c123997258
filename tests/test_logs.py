"""The log, as those read it who run matchd: people, and machines."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import Application, IService
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, LogPublisher
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import StartupError
from matchd.logs import LONGEST, LoggingService, Output, as_json, as_text, observer
from tests.support.children import PATIENCE, twistd

NOON = 1795435200.25  # 2026-11-23T12:00:00.250Z


def event(
    format: str = "{count} players drawn", namespace: str = "matchd.matches.matchmaker", **fields: Any
) -> LogEvent:
    """One event as matchd's loggers make them, at noon."""
    events: list[LogEvent] = []
    level = fields.pop("level", LogLevel.info)
    Logger(namespace=namespace, observer=events.append).emit(level, format, **{"count": 2} | fields)
    return events[0] | {"log_time": NOON}


def failure(text: str = "boom") -> Failure:
    """A failure with a traceback."""
    try:
        raise RuntimeError(text)
    except RuntimeError:
        return Failure()


class TextTests(SynchronousTestCase):
    """``--log-format text``: for people."""

    def test_one_short_line(self) -> None:
        """The time in UTC, the level, where in matchd it happened, and what."""
        self.assertEqual(as_text(event()), "2026-11-23T12:00:00Z info  matches.matchmaker  2 players drawn")

    def test_levels_line_up(self) -> None:
        """The namespaces of all usual levels stand below one another."""
        lines = [as_text(event(level=level)) for level in (LogLevel.info, LogLevel.warn, LogLevel.error)]
        self.assertEqual({line.index("matches.matchmaker") for line in lines}, {27})

    def test_other_peoples_namespace(self) -> None:
        """What libraries log keeps its full name."""
        self.assertIn("  txredisapi.factory  ", as_text(event(namespace="txredisapi.factory")).replace("info", ""))

    def test_nobody_can_forge_a_line(self) -> None:
        """Line ends and terminal escapes in a field come out as visible text."""
        line = as_text(event("hello {player}", player="a\n2026-11-23T12:00:00Z info x\x1b[31m\u2028\x85\x7f\ud800"))
        self.assertTrue(line.endswith(r"hello a\n2026-11-23T12:00:00Z info x\x1b[31m\u2028\x85\x7f\ud800"), line)

    def test_traceback_is_indented(self) -> None:
        """A failure has its traceback below the line, indented, so that no line of it looks like an event."""
        first, *rest = as_text(event("broken", log_failure=failure("a\nb"))).split("\n")
        self.assertTrue(first.endswith("  broken"))
        self.assertEqual(rest[0], "    Traceback (most recent call last):")
        self.assertIn("    builtins.RuntimeError: a", rest)
        self.assertTrue(all(line.startswith("    ") for line in rest))

    def test_print_and_old_logging(self) -> None:
        """What code of others logs through the old interface is a line like any other."""
        events: list[LogEvent] = []
        publisher = legacy.LogPublisher(LogPublisher(), LogPublisher(events.append))
        publisher.msg("hello", "there", system="web")
        self.assertTrue(as_text(events[0]).endswith(" info  -  hello there"))

    def test_nothing_to_say(self) -> None:
        """An event without a message is no line."""
        self.assertEqual(as_text({"log_time": NOON}), "")
        self.assertEqual(as_json({"log_time": NOON}), "")


class JsonTests(SynchronousTestCase):
    """``--log-format json``: for machines."""

    def read(self, **fields: Any) -> dict[str, Any]:
        line = as_json(event(**fields))
        self.assertTrue(line.isascii() and line.isprintable(), line)
        record = json.loads(line)
        assert isinstance(record, dict)
        return record

    def test_one_object(self) -> None:
        """Time, level, namespace and message, and the event's own fields."""
        self.assertEqual(
            self.read(mode="Ranked", level=LogLevel.warn),
            {
                "time": "2026-11-23T12:00:00.250Z",
                "level": "warn",
                "namespace": "matchd.matches.matchmaker",
                "message": "2 players drawn",
                "count": 2,
                "mode": "Ranked",
            },
        )

    def test_the_order_of_fields(self) -> None:
        """Whoever reads the lines as they are finds the fixed fields first."""
        self.assertEqual(list(self.read(mode="x"))[:4], ["time", "level", "namespace", "message"])

    def test_only_what_json_can_hold(self) -> None:
        """Numbers, texts, and lists and tables of them come along; objects, NaN and huge numbers stay out."""
        fields = {
            "players": ("a", "b"), "slots": {"eu": 1, 2: [3]}, "ready": True, "server": None,
            "rate": 0.5, "nan": float("nan"), "far": float("inf"), "huge": 10**5000, "thing": object(), "raw": b"x",
        }  # fmt: skip
        record = self.read(format="x", **fields)
        kept = {name: value for name, value in record.items() if name in fields}
        self.assertEqual(kept, {"players": ["a", "b"], "slots": {"eu": 1}, "ready": True, "server": None, "rate": 0.5})

    def test_fields_are_bounded(self) -> None:
        """No text is longer than 1,024 characters, however long what was logged is."""
        record = self.read(format="{long}", long="x" * 5000, names=["y" * 5000] * 100, k={"z" * 5000: 1})
        self.assertEqual(len(record["long"]), LONGEST)
        self.assertEqual(len(record["message"]), LONGEST)
        self.assertTrue(record["message"].endswith("x..."))
        self.assertEqual([len(name) for name in record["names"]], [LONGEST] * 20)
        self.assertEqual([len(key) for key in record["k"]], [LONGEST])

    def test_failure_is_one_field(self) -> None:
        """A failure is one bounded text; of a long traceback its end, which says what went wrong, is kept."""
        short, long = self.read(log_failure=failure()), self.read(log_failure=failure("x" * 900))
        self.assertTrue(short["failure"].startswith("Traceback"))
        self.assertTrue(short["failure"].endswith("builtins.RuntimeError: boom"))
        self.assertEqual(len(long["failure"]), LONGEST)
        self.assertTrue(long["failure"].endswith("xxx"))

    def test_control_characters(self) -> None:
        """They are escaped, and come back as they were."""
        text = "a\n\x1b\x7f\x85\u2028"
        self.assertEqual(self.read(format="{text}", text=text)["text"], text)

    def test_own_fields_do_not_hide_ours(self) -> None:
        """A field that is called as one of the fixed ones does not take its place."""
        record = self.read(level=LogLevel.error, time="never", namespace="matchd.x", message="m")
        self.assertEqual((record["level"], record["time"][:4], record["message"]), ("error", "2026", "2 players drawn"))

    def test_old_logging(self) -> None:
        """The old interface's bookkeeping is left out."""
        events: list[LogEvent] = []
        legacy.LogPublisher(LogPublisher(), LogPublisher(events.append)).msg("hello", player="a")
        record = json.loads(as_json(events[0]))
        self.assertEqual(set(record), {"time", "level", "namespace", "message", "player"})
        self.assertEqual((record["message"], record["namespace"]), ("hello", "-"))


class OutputTests(SynchronousTestCase):
    """Where the lines go."""

    def test_one_line_each_from_info_up(self) -> None:
        """Debug events stay out; each other is one line."""
        stream = io.StringIO()
        write = Output(stream, as_text)
        for level in (LogLevel.debug, LogLevel.info, LogLevel.critical):
            write(event(level=level))
        self.assertEqual([line.split()[1] for line in stream.getvalue().splitlines()], ["info", "critical"])

    def test_stream_that_takes_nothing(self) -> None:
        """A closed, a full and a broken stream lose the event, and nothing happens to the node."""

        class Broken(io.StringIO):
            error: Exception

            def write(self, text: str, /) -> int:
                raise self.error

        for error in (BlockingIOError(), BrokenPipeError(), OSError(28, "No space left"), ValueError("closed file")):
            stream = Broken()
            stream.error = error
            Output(stream, as_text)(event())
        closed = io.StringIO()
        closed.close()
        Output(closed, as_text)(event())

    def test_stream_with_a_small_alphabet(self) -> None:
        """On an ASCII terminal other characters are written as escapes, and the event is not lost."""
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, "ascii")
        Output(stream, as_text)(event("gr\u00fc\u00df dich"))
        self.assertTrue(raw.getvalue().endswith(b"gr\\xfc\\xdf dich\n"), raw.getvalue())


class ChoiceTests(SynchronousTestCase):
    """twistd's own options keep their meaning."""

    def observer(self, log_format: str, **twistd: object) -> Any:
        return observer(log_format, twistd, MemoryReactorClock())

    def test_file(self) -> None:
        """``--logfile`` is written in the format asked for, and turned over at SIGUSR1 as twistd's own is."""
        for number in (signal.SIGUSR1, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.signal(number, signal.SIG_DFL))
        path = Path(self.mktemp())
        self.observer("json", logfile=str(path))(event())
        self.assertEqual(json.loads(path.read_text())["message"], "2 players drawn")
        self.assertTrue(callable(signal.getsignal(signal.SIGUSR1)))

    def test_file_that_cannot_be_written(self) -> None:
        """A folder that is not there is one clear line."""
        path = str(Path(self.mktemp()) / "x.log")
        error = self.assertRaises(StartupError, self.observer, "text", logfile=path)
        self.assertEqual(str(error), f"--logfile: {path}: No such file or directory")

    def test_daemon_without_stdout(self) -> None:
        """A daemon that is told to log to stdout would log to nowhere, and says so."""
        error = self.assertRaises(StartupError, self.observer, "text", logfile="-")
        self.assertEqual(str(error), "--logfile: a daemon has no stdout; name a file, or give -n")

    def test_syslog_wins(self) -> None:
        """``--syslog`` is left to twistd, which has its own format for it."""
        self.assertIsNone(self.observer("json", syslog=True, nodaemon=True))
        application = Application("matchd")
        LoggingService(None).setServiceParent(application)
        self.assertIsNone(application.getComponent(ILogObserver, None))

    def test_application_gets_the_observer(self) -> None:
        """twistd finds the observer where it looks for one."""
        application, chosen = Application("matchd"), self.observer("json", nodaemon=True)
        service = LoggingService(chosen)
        service.setServiceParent(application)
        self.assertIs(application.getComponent(ILogObserver), chosen)
        self.assertIn(service, list(IService(application)))


NODE = """
import sys
from twisted.application.service import Application
from twisted.internet import reactor
from matchd import exits, logs

class Node(logs.LoggingService):
    def startService(self):
        super().startService()
        exits.on_terminate(reactor, lambda: exits.stop(reactor), lambda: None)
        reactor.callWhenRunning(self.ready)

    def ready(self):
        print("hello\\nfrom print")
        print("running", file=sys.__stderr__, flush=True)

application = Application("node")
Node(logs.observer("json", {"nodaemon": True}, reactor)).setServiceParent(application)
"""


class NodeTests(SynchronousTestCase):
    """A real process."""

    def start(self, **streams: int) -> Any:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "node.tac").write_text(NODE)
        child = twistd(folder, "-noy", "node.tac", **streams)
        self.addCleanup(child.kill)
        child.wait_to_print("running")
        child.signal(signal.SIGTERM)
        return child

    def test_every_line_is_json(self) -> None:
        """What matchd says and what libraries print is JSON line by line; Twisted's own chatter is left out."""
        child = self.start()
        self.assertEqual(child.ended(), 0)
        records: list[Mapping[str, Any]] = [json.loads(line) for line in child.stdout.splitlines()]
        messages = [record["message"] for record in records]
        self.assertEqual(messages[-2:], ["hello", "from print"])

    def test_file_that_was_moved(self) -> None:
        """SIGHUP opens ``--logfile`` anew, as logrotate needs it, and says so there."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "node.tac").write_text(NODE.replace('"nodaemon": True', '"logfile": "node.log"'))
        child = twistd(folder, "-noy", "node.tac")
        self.addCleanup(child.kill)
        child.wait_to_print("running")
        (folder / "node.log").rename(folder / "moved.log")
        child.signal(signal.SIGHUP)
        self.wait(lambda: (folder / "node.log").exists() and "SIGHUP: " in (folder / "node.log").read_text())
        child.signal(signal.SIGTERM)
        self.assertEqual(child.ended(), 0)
        self.assertIn("hello", (folder / "moved.log").read_text())

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertTrue(time.monotonic() < deadline, "not in time")
            time.sleep(0.01)

    def test_reader_of_stdout_is_gone(self) -> None:
        """Where nobody reads the log any more the node goes on, and its end is no failure."""
        reader, writer = os.pipe()
        os.close(reader)
        child = self.start(stdout=writer)
        os.close(writer)
        self.assertEqual((child.ended(), child.stderr), (0, "running\n"))
