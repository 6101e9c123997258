"""What the proxies see: scripts asked and answered, messages to players, requests to game servers."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet import reactor

from matchd.store.scripts import load_all
from tests.grid.proxy import Link
from tests.grid.wire import value
from tests.support.gathered import one_by_one, strides

_names: dict[bytes, str] = {}
_strides: dict[str, int] = {}
_LOOKS = {"heartbeat", "tally", "inspect"}
_ROUTINE = _LOOKS | {"sweep", "adopt", "draw"}
"""Scripts that run all the time; a journal shows them only when they did something."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something went by on a link.

    ``kind``: ``asked`` and ``answered`` (a script, with its own arguments and the answer), ``told`` (a message for
    a player, on its way to the node), ``posted`` and ``made`` (a session on a game server).
    """

    at: float
    link: Link
    kind: str
    what: str
    args: tuple[str, ...] = ()
    answer: Any = None

    def __str__(self) -> str:
        answer = "" if self.answer is None else f" -> {self.answer}"
        return f"{self.at:.3f} {self.link.name}: {self.kind} {self.what} {' '.join(self.args)}{answer}"[:400]

    @property
    def player(self) -> str:
        """Whom it concerns; the scripts of players name him first."""
        return self.args[0] if self.args else ""

    @property
    def is_routine(self) -> bool:
        """Whether it happens all the time."""
        idle = self.what in _LOOKS or self.answer in ([], [0, 0, [], []], [0, 0, 0], [0, 1, 0])
        return self.kind == "asked" or (self.what in _ROUTINE and idle)


Report = Callable[[Sighting], None]


class RedisTap:
    """Looks at one connection of a node to Redis."""

    def __init__(self, link: Link, report: Report) -> None:
        self._link = link
        self._report = report
        self._asked: deque[tuple[str, tuple[str, ...]]] = deque()

    def up(self, message: bytes) -> None:
        """A command."""
        words: list[bytes] = value(message)
        what, args = _script(words)
        if words[0].upper() not in (b"SUBSCRIBE", b"UNSUBSCRIBE"):
            self._asked.append((what, args))
        for question in _questions(what, args):
            self._report(Sighting(reactor.seconds(), self._link, "asked", what, question))

    def down(self, message: bytes) -> None:
        """A reply, or something published."""
        said = value(message)
        if isinstance(said, list) and said and said[0] in (b"message", b"subscribe", b"unsubscribe", b"pong"):
            if said[0] == b"message":
                self._published(said[1].decode(), said[2])
            return
        if self._asked:
            what, args = self._asked.popleft()
            answers = said if what in _strides and isinstance(said, list) else [said]
            for question, answer in zip(_questions(what, args), answers, strict=False):
                self._report(Sighting(reactor.seconds(), self._link, "answered", what, question, _plain(answer)))

    def _published(self, channel: str, payload: bytes) -> None:
        _, is_player, player = channel.rpartition("notifications:")
        message = json.loads(payload)
        what, whom = (message["type"], player) if is_player else ("superseded", message["player_id"])
        self._report(Sighting(reactor.seconds(), self._link, "told", what, (whom,), message))


def _script(words: list[bytes]) -> tuple[str, tuple[str, ...]]:
    """The script that a command runs, and what it is asked besides the prefix, the node and the moment."""
    if words[0].upper() == b"EVALSHA":
        name = _named(words[1])
    elif words[0].upper() == b"EVAL":
        name = _named(hashlib.sha1(words[1]).hexdigest().encode())
    else:
        return "", ()
    return name, tuple(word.decode() for word in words[6:])


def _named(sha: bytes) -> str:
    """The script with this digest; read again when there is none, as a node that starts later does."""
    if sha not in _names:
        scripts = load_all()
        _names.update((script.sha, name) for name, script in scripts.items())
        _strides.update(strides(scripts))
    return _names.get(sha, "")


def _questions(what: str, args: tuple[str, ...]) -> list[tuple[str, ...]]:
    """What a script is asked, one by one; nothing where it is none."""
    if not what:
        return []
    return [tuple(question) for question in one_by_one(args, _strides[what])] if what in _strides else [args]


def _plain(said: Any) -> Any:
    if isinstance(said, bytes):
        return said.decode("utf-8", "replace")
    if isinstance(said, list):
        return [_plain(part) for part in said]
    return said if isinstance(said, int | None) else str(said)


class GameServerTap:
    """Looks at one connection of a node to a game server."""

    def __init__(self, link: Link, report: Report) -> None:
        self._link = link
        self._report = report
        self._asked: deque[tuple[str, dict[str, Any]]] = deque()

    def up(self, message: bytes) -> None:
        """A request."""
        head, _, body = message.partition(b"\r\n\r\n")
        method, path = head.decode().split(" ", 2)[:2]
        asked = json.loads(body) if method == "POST" else {"loading_session_id": path.rpartition("/")[2]}
        self._asked.append((method, asked))
        kind = "posted" if method == "POST" else "ended"
        self._report(Sighting(reactor.seconds(), self._link, kind, asked["loading_session_id"], (), asked))

    def down(self, message: bytes) -> None:
        """An answer."""
        head, _, body = message.partition(b"\r\n\r\n")
        method, asked = self._asked.popleft()
        if method == "POST" and b" 200 " in head.split(b"\r\n")[0]:
            made = {**asked, **json.loads(body)}
            self._report(Sighting(reactor.seconds(), self._link, "made", asked["loading_session_id"], (), made))
