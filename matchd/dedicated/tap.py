"""``twistd dedicated``: the reference game server's options, and how it is put together."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.application.service import MultiService
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python import usage

from matchd import exits
from matchd.background import Background
from matchd.clock import go_by
from matchd.config.endpoints import is_local
from matchd.config.files import is_public, read_file, reason
from matchd.dedicated.registration import Heartbeat, Registration
from matchd.dedicated.service import GameServerService
from matchd.dedicated.sessions import Sessions
from matchd.errors import StartupError
from matchd.jointoken import JoinTokenCheck
from matchd.keys import ALGORITHMS, verifying_key
from matchd.matches.addresses import is_address
from matchd.model import is_name

log = Logger()

PROGRAM = "dedicated"


def _is_web_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and text.isascii()
    except ValueError:
        return False


A_NAME = "1 to 64 of A-Z a-z 0-9 . _ -"
FORMS = {
    "matchd": (_is_web_url, "an http:// or https:// URL"),
    "address": (is_address, "host:port"),
    "server-id": (is_name, A_NAME),
    "region": (is_name, A_NAME),
}


class Options(usage.Options):
    """The options of ``twistd dedicated``, checked: what is read from them has the right type."""

    synopsis = "[options]"
    longdesc = "The reference game server: registers with matchd and answers POST /session/create."

    optParameters = [
        ["matchd", None, "http://127.0.0.1:8081", "URL of matchd's operators' port"],
        ["listen", None, "tcp:0:interface=127.0.0.1", "where to listen: a Twisted endpoint description"],
        ["address", None, "", "host:port that players are sent to [default: what is listened on]"],
        ["server-id", None, "", "this server's name [default: a random one]"],
        ["capacity", None, "4", "sessions that may run at a time"],
        ["region", None, "", "where this server stands"],
        ["session-seconds", None, "600", "how long a session lasts"],
        ["token-file", None, "", "a file that holds the token with which to register"],
        ["join-key-file", None, "", "a file with the key that verifies players' join tokens"],
        ["join-algorithm", None, "HS256", f"of that key: {', '.join(ALGORITHMS)}"],
    ]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read and check all options; a wrong one ends the process with one line on stderr."""
        try:
            super().parseOptions(options)
        except (usage.UsageError, StartupError) as error:
            exits.complain(str(error), PROGRAM)
            raise SystemExit(1) from None

    def parseArgs(self, *args: str) -> None:
        """Refuse what is no option. Raises StartupError."""
        if args:
            raise StartupError(f"{args[0]!r}: not an option")

    def postOptions(self) -> None:
        """Check the values and give them their types. Raises StartupError."""
        for name, (fits, form) in FORMS.items():
            if self[name] and not fits(self[name]):
                raise StartupError(f"--{name}: {self[name]!r} is not {form}")
        self["capacity"] = int(self._number("capacity", least=1, most=10_000, whole=True))
        self["session-seconds"] = self._number("session-seconds", least=0.1, most=1e6)
        self["server-id"] = self["server-id"] or f"dedicated-{secrets.token_hex(4)}"
        self["token"] = _token(self["token-file"])
        self["join-key"] = _join_key(self["join-key-file"], self["join-algorithm"])
        _check_endpoint(self["listen"])
        if self.parent and self.parent["nodaemon"] and self.parent["pidfile"] == "twistd.pid":
            # In the foreground nobody needs one, and it would keep a second twistd from running in this folder.
            self.parent["pidfile"] = ""

    def _number(self, name: str, least: float, most: float, whole: bool = False) -> float:
        kind = "a whole number" if whole else "a number"
        try:
            number = int(self[name]) if whole else float(self[name])
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise StartupError(f"--{name}: {self[name]!r} is not {kind} from {least:g} to {most:g}")
        return number


def _token(path: str) -> str:
    if not path:
        return ""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise StartupError(f"--token-file: can't read {path!r}: {reason}") from None
    if not token or not token.isprintable():
        raise StartupError(f"--token-file: {path!r} does not hold one line with a token")
    return token


def _join_key(path: str, algorithm: str) -> Any:
    if algorithm not in ALGORITHMS:
        raise StartupError(f"--join-algorithm: {algorithm!r} is not one of {', '.join(ALGORITHMS)}")
    if not path:
        return None
    try:
        return verifying_key(algorithm, read_file(Path(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"--join-key-file: can't read {path!r}: {reason(error)}") from None
    except ValueError as error:
        raise StartupError(f"--join-key-file: {path!r} {error}") from None


def _check_endpoint(description: str) -> None:
    try:
        is_local(description)
    except ValueError as error:
        raise StartupError(f"--listen: {error}") from None


class Dedicated(MultiService):
    """The game server and its registration, as one process."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor

    def startService(self) -> None:
        """Start, or end the process with one line on stderr."""
        exits.on_terminate(self._reactor, lambda: exits.stop(self._reactor), lambda: None)
        try:
            super().startService()
        except StartupError as error:
            exits.fail(self._reactor, str(error), PROGRAM)
        except (CannotListenError, OSError) as error:
            exits.fail(self._reactor, f"--listen: {error}", PROGRAM)


def _join_check(options: Options) -> JoinTokenCheck | None:
    if options["join-key"] is None:
        return None
    return JoinTokenCheck(options["join-key"], options["join-algorithm"], time.time)


def makeService(options: Options, reactor: Any = None) -> Dedicated:
    """The service that ``options`` ask for, not yet started."""
    if reactor is None:
        from twisted.internet import reactor

        go_by(reactor)
    for option in ("token-file", *(["join-key-file"] if options["join-algorithm"] == "HS256" else [])):
        if options[option] and is_public(Path(options[option])):
            log.warn("every user of this machine can read {path}: --{option}", path=options[option], option=option)
    endpoint = serverFromString(reactor, options["listen"])
    background = Background(reactor)
    sessions = Sessions(options["capacity"], options["session-seconds"])
    registration = Registration(
        reactor,
        background,
        options["matchd"],
        options["server-id"],
        lambda: Heartbeat(server.address, sessions.capacity, options["region"], sessions.count, sessions.made),
        token=options["token"],
    )
    server = GameServerService(
        reactor, background, endpoint, sessions,
        advertised=options["address"], on_change=registration.changed, check=_join_check(options),
    )  # fmt: skip
    dedicated = Dedicated(reactor)
    for part in (server, registration):
        part.setServiceParent(dedicated)
    return dedicated
