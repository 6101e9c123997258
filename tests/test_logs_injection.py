"""Whatever a stranger puts into a field, the log has one line for one event, and shows it as it is (T25)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, Logger, LogLevel, LogPublisher
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from matchd.logs import LONGEST, Output, as_json, as_text
from tests.support.properties import patient

FORGED = "2026-11-23T12:00:00Z info  node  all is well"
HOSTILE = (
    *(
        f"a{end}{FORGED}"
        for end in ("\n", "\r", "\r\n", "\n\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
    ),
    *("\x1b[2J", "\x1b[1A\x1b[2K", "\x1b]0;title\x07", "\x9b31m", "\x08" * 80, "\x7f", "\x00", "\x1b"),
    *("\u202egnp.exe", "\u2066x\u2069", "\u200b", "\ufeff", "\u061c", "\ud800", "\udfff"),
    *("{message}", "{log_failure}", "{0}", "{", "}", "%s%n", "%(x)s", "a" * 100_000, "\n" * 10_000, '","level":"info'),
)
WHERE = ("player", "Origin", "User-Agent", "reason", "address", "event", "log_text")
Render = Callable[[LogEvent], str]


def written(render: Render, *events: LogEvent) -> str:
    """What stands in the log."""
    stream = io.StringIO()
    for event in events:
        Output(stream, render)(event)
    return stream.getvalue()


def event(text: str, **fields: Any) -> LogEvent:
    """One event as matchd's loggers make them."""
    events: list[LogEvent] = []
    Logger("matchd.test", observer=events.append).emit(LogLevel.warn, text, **fields)
    return events[0]


def raised(text: str) -> Failure:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        return Failure()


class InjectionTests(SynchronousTestCase):
    def assert_one_line(self, log: str) -> None:
        """It ends with a line's end, has no other, and nothing in it commands a terminal."""
        self.assertTrue(log.endswith("\n"))
        self.assertEqual(len(log.splitlines()), 1, log)
        self.assertTrue(log[:-1].isprintable(), log)
        self.assertLessEqual(len(log), 8 * LONGEST)

    def test_fields(self) -> None:
        """A field of an event, in text and as JSON."""
        for hostile in HOSTILE:
            for name in WHERE:
                said = event("{field} said so", field=hostile, **{name: hostile})
                self.assert_one_line(written(as_text, said))
                line = written(as_json, said)
                self.assert_one_line(line)
                self.assertEqual(json.loads(line)["field"][:20], hostile[:20])

    def test_nested(self) -> None:
        """A field that is a list or a table, in its keys too."""
        for hostile in HOSTILE:
            said = event("{field}", field=[hostile, {hostile: hostile}], table={hostile: hostile})
            for render in (as_text, as_json):
                self.assert_one_line(written(render, said))

    def test_what_others_log(self) -> None:
        """What libraries log in the old way, twistd's own lines and what is printed among it."""
        for hostile in HOSTILE:
            events: list[LogEvent] = []
            publisher = legacy.LogPublisher(publishPublisher=LogPublisher(events.append))
            publisher.msg(hostile, system=hostile)
            publisher.msg("Starting", hostile, isError=1)
            for said in events:
                for render in (as_text, as_json):
                    self.assert_one_line(written(render, said))

    def test_tracebacks(self) -> None:
        """An error whose text is hostile: one line of JSON; in text one line, and indented ones below it."""
        for hostile in HOSTILE:
            said = event("{what} failed", what=hostile, log_failure=raised(hostile))
            self.assert_one_line(written(as_json, said))
            first, *rest = written(as_text, said).splitlines()
            self.assert_one_line(first + "\n")
            self.assertTrue(all(line.startswith("    ") and line.isprintable() for line in rest))

    def test_formats_are_not_fields(self) -> None:
        """What looks like a format in a field stays what it is."""
        self.assertIn("{message} said so", written(as_text, event("{field} said so", field="{message}", message="no")))

    @patient
    @given(st.text(), st.text())
    def test_anything(self, name: str, value: str) -> None:
        """Any text at all, as a field and as its name."""
        said = event("{field} said so", field=value, **{f"x{name}": value})
        for render in (as_text, as_json):
            self.assert_one_line(written(render, said))
