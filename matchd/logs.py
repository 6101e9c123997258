"""The log: one event a line, as text for people or as JSON for machines, written to where twistd was told to.

Of twistd's options ``--logger`` and ``--syslog`` win over the format; ``--logfile`` is written in it.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from twisted.application.service import IServiceCollection, MultiService
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

from matchd.errors import StartupError
from matchd.exits import printable

log = Logger()

LONGEST = 1024
"""The most characters of a message, and of a field in JSON."""

MOST_ITEMS = 20
_LEGACY = {"isError", "system", "why", "format"}


class Stream(Protocol):
    """What a log is written to."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


CHATTY = ("twisted.scripts", "twisted.internet.base", "twisted.application")
PORT_NEWS = re.compile(r" starting on \S+$|^\(.* Port \S+ Closed\)$")


@implementer(ILogObserver)
class Output:
    """Writes each event from level info up; what a closed or full stream does not take is lost, and no more."""

    def __init__(self, stream: Stream, render: Callable[[LogEvent], str]) -> None:
        self._stream = stream
        self._render = render
        self._encoding = getattr(stream, "encoding", None) or "utf-8"

    def __call__(self, event: LogEvent) -> None:
        if _level(event) < LogLevel.info or _is_chatter(event):
            return
        if line := self._render(event):
            writable = line.encode(self._encoding, "backslashreplace").decode(self._encoding)
            try:
                self._stream.write(writable + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                pass  # the log is where this would have been told


class LoggingService(MultiService):
    """The topmost service: hands twistd's application the observer that its log is to go to, if there is one."""

    def __init__(self, observer: ILogObserver | None) -> None:
        super().__init__()
        self._observer = observer

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Join ``parent``; twistd starts its log only after this."""
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)


def observer(log_format: str, twistd: Mapping[str, Any], reactor: IReactorFromThreads) -> ILogObserver | None:
    """The observer that writes ``log_format`` to where twistd's options say; None leaves it to twistd, as syslog.

    Raises StartupError.
    """
    if twistd.get("syslog"):
        return None
    return Output(_stream(twistd, reactor), as_json if log_format == "json" else as_text)


def _stream(twistd: Mapping[str, Any], reactor: IReactorFromThreads) -> Stream:
    path, foreground = twistd.get("logfile"), twistd.get("nodaemon")
    if path == "-" and not foreground:
        raise StartupError("--logfile: a daemon has no stdout; name a file, or give -n")
    if path == "-" or (foreground and not path):
        return sys.stdout
    try:
        file: LogFile = LogFile.fromFullPath(path or "twistd.log")
    except OSError as error:
        raise StartupError(f"--logfile: {path}: {error.strerror}") from None
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(file.rotate))
    if not signal.getsignal(signal.SIGHUP):
        signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(_reopen, file))
    return file


def _reopen(file: LogFile) -> None:
    """Go on in a new file where another program has moved the old one."""
    file.reopen()
    log.info("SIGHUP: the log file was opened anew; settings are read at the start only")


def _is_chatter(event: LogEvent) -> bool:
    """What Twisted says of each start, port and attempt to connect; matchd says it in words of its own."""
    namespace = str(event.get("log_namespace", ""))
    if _level(event) != LogLevel.info:
        return False
    return namespace.startswith(CHATTY) or (namespace == "log_legacy" and bool(PORT_NEWS.search(formatEvent(event))))


def as_text(event: LogEvent) -> str:
    """``2026-11-23T10:00:00Z info  matchmaker  message``; below it, indented, the traceback of a failure."""
    message, failure = formatEvent(event), event.get("log_failure")
    if not message and failure is None:
        return ""
    namespace = _namespace(event).removeprefix("matchd.")
    lines = [f"{_time(event, 'seconds')} {_level(event).name:<5} {namespace}  {_capped(message)}"]
    if isinstance(failure, Failure):
        lines += ["    " + line for line in failure.getTraceback().splitlines()]
    return "\n".join(map(printable, lines))


def as_json(event: LogEvent) -> str:
    """One JSON object: time, level, namespace, message, failure if there is one, and the event's own fields."""
    message, failure = formatEvent(event), event.get("log_failure")
    if not message and failure is None:
        return ""
    record: dict[str, object] = {
        "time": _time(event, "milliseconds"),
        "level": _level(event).name,
        "namespace": _namespace(event),
        "message": _capped(message),
    }
    if isinstance(failure, Failure):
        # The end of a traceback tells more than its beginning.
        record["failure"] = failure.getTraceback().strip()[-LONGEST:]
    return json.dumps(record | {name: value for name, value in _own_fields(event).items() if name not in record})


def _own_fields(event: LogEvent) -> dict[str, object]:
    """What the one who logged the event named, as far as JSON can hold it."""
    own = {name: _plain(value) for name, value in event.items() if not name.startswith("log_")}
    others = _LEGACY if "isError" in event else set()
    return {_capped(name): value for name, value in own.items() if value is not ... and name not in others}


def _plain(value: object, nested: bool = False) -> object:
    """``value`` as JSON can hold it; an ellipsis where it can't."""
    if isinstance(value, str):
        return _capped(value)
    if isinstance(value, int | float | None):
        return value if value is None or abs(value) < 2**63 else ...
    if nested:
        return ...
    if isinstance(value, list | tuple):
        return [plain for item in value[:MOST_ITEMS] if (plain := _plain(item, True)) is not ...]
    if isinstance(value, dict):
        items = list(value.items())[:MOST_ITEMS]
        return {_capped(str(key)): plain for key, item in items if (plain := _plain(item, True)) is not ...}
    return ...


def _capped(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _namespace(event: LogEvent) -> str:
    name = event.get("log_namespace")
    return "-" if name in (None, "log_legacy") else str(name)


def _level(event: LogEvent) -> Any:
    return event.get("log_level") or LogLevel.info


def _time(event: LogEvent, precision: str) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"
