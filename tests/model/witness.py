"""Sees every script that runs, in the order in which Redis runs them, with what was before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hiredis

from matchd.store.scripts import Script
from tests.model.history import History
from tests.model.hosts import Hosts
from tests.model.snapshot import Snapshot
from tests.support.gathered import one_by_one, strides
from tests.support.world import MODES

WATCHED = frozenset({"enqueue", "resume", "dequeue", "loading_complete", "leave", "settle"})
"""The scripts for which what was before and after is always compared."""
IDEMPOTENT = WATCHED - {"enqueue", "resume"} | {
    "reserve", "release", "abandon", "adopt", "reconcile", "orphan_ended", "deregister_server", "part",
}  # fmt: skip
REFUSALS = (b"already_queued", b"cooldown", b"not_queued", b"not_in_session", b"server_gone", b"lost", 0)
HEARTBEAT_TTL = 15.0
Arguments = tuple[bytes | str | int, ...]


class Witness:
    """Runs scripts by ``ask_all``, and holds against each what no script may do."""

    def __init__(
        self,
        scripts: dict[str, Script],
        ask_all: Callable[[Sequence[Arguments]], list[Any]],
        look: Callable[[], Snapshot],
        history: History,
        hosts: Hosts,
        now: Callable[[], float],
    ) -> None:
        self.runs = 0
        self.repeat = False
        """Whether the next script that may be run twice is."""
        self.since: dict[str, str] = {}
        """Since when each player waits, by what was answered when he was accepted."""
        self._names = {script.sha: name for name, script in scripts.items()}
        self._strides = strides(scripts)
        self._ask_all = ask_all
        self._look = look
        self._history = history
        self._hosts = hosts
        self._now = now
        self._complete: set[str] = set()

    def run(self, arguments: Arguments, late: bool = False) -> Any:
        """Have Redis run a command; ``late`` if it is a question whose time is over. Errors are returned.

        What is asked of a script together is asked one by one, which is the same to the script.
        """
        name = self._names.get(arguments[1], "") if arguments[0] == "EVALSHA" else ""  # type: ignore[call-overload]
        if name not in self._strides:
            return self._run(name, arguments, late)
        questions = one_by_one(arguments[6:], self._strides[name])
        answers = [self._run(name, (*arguments[:6], *question), late) for question in questions]
        return next((answer for answer in answers if isinstance(answer, hiredis.ReplyError)), answers)

    def _run(self, name: str, arguments: Arguments, late: bool) -> Any:
        watched = name in WATCHED or late or (self.repeat and name in IDEMPOTENT)
        before = self._look() if watched else Snapshot()
        self.runs += 1
        if name == "draw" and MODES[_text(arguments[6])].order == "fifo":
            return self._draw(arguments)
        answer = self._answer(arguments)
        if name in self._strides and not isinstance(answer, hiredis.ReplyError):
            (answer,) = answer
        if isinstance(answer, hiredis.ReplyError) or late:
            self._was_refused(name, answer, before if watched else None)
        if not isinstance(answer, hiredis.ReplyError):
            if name in WATCHED:
                getattr(self, f"_saw_{name}")([_text(argument) for argument in arguments[6:]], answer, before)
            if self.repeat and name in IDEMPOTENT:
                self._again(name, arguments)
        return answer

    def _answer(self, arguments: Arguments) -> Any:
        return self._ask_all([arguments])[0]

    # what no script may do

    def _was_refused(self, name: str, answer: Any, before: Snapshot | None) -> None:
        if isinstance(answer, hiredis.ReplyError) and not str(answer).startswith(("FENCED", "LATE", "NOSCRIPT")):
            self._history.wrong(9, f"{name} failed: {answer}")
        if before is not None:
            self._changed_nothing(name, answer, before)

    def _changed_nothing(self, name: str, answer: Any, before: Snapshot) -> None:
        if changed := self._look().differs(before):
            self._history.wrong(9, f"{name} answered {answer!r}, and changed {changed}")

    def _again(self, name: str, arguments: Arguments) -> None:
        self.repeat = False
        once = self._look()
        self._answer(arguments)
        self.runs += 1
        if changed := self._look().differs(once):
            self._history.wrong(9, f"{name}{arguments[6:]}, run a second time, changed {changed}")

    # what a player asks for

    def _saw_enqueue(self, said: list[str], answer: list[Any], before: Snapshot) -> None:
        if answer[0] == b"cooldown" and f"cooldown:{said[0]}" not in before.content:
            self._history.wrong(13, f"{said[0]} was told to wait, and has not to")
        if answer[0] in REFUSALS:
            return self._changed_nothing("enqueue", answer, before)
        player, mode, since = said[0], said[2], answer[2].decode()
        if f"cooldown:{player}" in before.content and player not in before.under_way:
            self._history.wrong(13, f"{player} was accepted, and has to wait")
        self._history.speakers[player].append(said[1])
        record = before.under_way.get(player)
        if record is None:
            self.since[player] = since
        elif record["mode"] != mode:
            self._history.wrong(1, f"{player} is under way in {record['mode']} and was accepted in {mode}")
        return None

    def _saw_resume(self, said: list[str], answer: list[Any], before: Snapshot) -> None:
        if answer[0] in REFUSALS:
            self._changed_nothing("resume", answer, before)
        else:
            self._history.speakers[said[0]].append(said[1])

    def _saw_dequeue(self, said: list[str], answer: Any, before: Snapshot) -> None:
        if answer in REFUSALS:
            self._changed_nothing("dequeue", answer, before)
        else:
            self._owns("dequeue", said, before)

    def _saw_leave(self, said: list[str], answer: Any, before: Snapshot) -> None:
        if before.players.get(said[0], {}).get("conn") != said[1]:
            self._was_not_owner("leave", said, before)

    def _saw_loading_complete(self, said: list[str], answer: list[Any], before: Snapshot) -> None:
        if answer[0] in REFUSALS:
            return self._changed_nothing("loading_complete", answer, before)
        if answer[0] == b"complete":
            session = answer[1].decode()
            if session in self._complete:
                self._history.wrong(4, f"{session} was complete twice")
            self._complete.add(session)
        return self._owns("loading_complete", said, before)

    def _owns(self, name: str, said: list[str], before: Snapshot) -> None:
        if before.players.get(said[0], {}).get("conn") != said[1]:
            self._history.wrong(10, f"{name} for {said[0]} was taken from {said[1]}, which does not speak for him")

    def _was_not_owner(self, name: str, said: list[str], before: Snapshot) -> None:
        if changed := self._look().differs(before):
            self._history.wrong(10, f"{name} by {said[1]}, which does not speak for {said[0]}, changed {changed}")

    # what nodes ask for

    def _saw_settle(self, said: list[str], answer: bytes, before: Snapshot) -> None:
        session, server = said[0], said[1]
        if answer in REFUSALS or session in self._history.settled:
            return self._changed_nothing("settle", answer, before)
        self._history.settled[session] = server
        host = next(host for host in self._hosts if host.server_id == server)
        if self._now() - host.heard_of > HEARTBEAT_TTL:
            self._history.wrong(7, f"{session} is settled on {server}, of which nobody heard since {host.heard_of}")
        return None

    def _draw(self, arguments: Arguments) -> Any:
        """Draw from a line, and see who was in it before and after."""
        look = ("SMEMBERS", f"queue:{_text(arguments[6])}")
        waiting, answer, staying = self._ask_all([look, arguments, look])
        if isinstance(answer, hiredis.ReplyError):
            self._was_refused("draw", answer, None)
        elif answer[0] and staying:
            since = {_text(player): int(self.since[_text(player)]) for player in waiting}
            stay = [_text(player) for player in staying]
            last = max(since.keys() - set(stay), key=since.__getitem__)
            for player in stay:
                if since[player] < since[last]:
                    self._history.wrong(8, f"{last} was drawn before {player}, who waited longer")
        return answer


def _text(argument: bytes | str | int) -> str:
    return argument.decode() if isinstance(argument, bytes) else str(argument)
