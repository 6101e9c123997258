"""What the command lines of matchd's programs have in common: short words for mistakes, no file that nobody needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from twisted.python import usage

from matchd.config.settings import SettingsError
from matchd.errors import StartupError
from matchd.exits import complain


@contextmanager
def plain_errors(options: usage.Options, program: str = "matchd") -> Iterator[None]:
    """Turns each mistake in how ``program`` was started into one line on stderr, and then exit status 1."""
    try:
        yield
        return
    except usage.UsageError as error:
        problems: tuple[str, ...] = (_plain_usage(str(error), options),)
    except SettingsError as error:
        problems = error.problems
    except StartupError as error:
        problems = (str(error),)
    for problem in problems:
        complain(problem, program)
    raise SystemExit(1)


def _plain_usage(complaint: str, options: usage.Options) -> str:
    """getopt's complaint with the option first, and for an unknown one what it resembles."""
    match = re.fullmatch(r"option (\S+) (.+)", complaint)
    if match is None:
        return complaint
    option, what = match.groups()
    if what != "not recognized":
        return f"{option}: {what}"
    alike = get_close_matches(option, ["--" + name.rstrip("=") for name in options.longOpt], 1)
    return f"{option}: unknown option" + (f", did you mean {alike[0]}?" if alike else "")


def spare_pidfile(options: usage.Options) -> None:
    """Have twistd write no ``twistd.pid`` in the foreground: it would keep a second program out of the folder."""
    twistd = options.parent
    if twistd is not None and twistd["nodaemon"] and twistd["pidfile"] == "twistd.pid":
        twistd["pidfile"] = ""
