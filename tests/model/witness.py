"""Sees every script that runs, in the order in which Redis runs them, with what was before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
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
UNGUARDED = ("join", "tally", "inspect")
"""The scripts that anybody may run."""
REFUSALS = (b"already_queued", b"cooldown", b"not_queued", b"later", b"not_in_session", b"server_gone", b"lost", 0)
HEARTBEAT_TTL = 15.0
LAPSE_MS = 1900
"""How long a mode keeps its turn for slots without a node that looks at it, at the least."""
NOBODY: Mapping[str, float] = MappingProxyType({})
PATIENCE = 1.0
"""Seconds for which nobody is told what became of a session that the store has forgotten, if no node knows."""
Arguments = tuple[bytes | str | int, ...]
NODE, SAID = 4, 6
"""Where the arguments of a script have the node that asks, and what it asks."""


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
        """Since when each player waits, and each connection, by what was answered when they were accepted."""
        self._names = {script.sha: name for name, script in scripts.items()}
        self._strides = strides(scripts)
        self._ask_all = ask_all
        self._look = look
        self._history = history
        self._hosts = hosts
        self._now = now
        self._complete: set[str] = set()
        self._node = ""

    def run(self, arguments: Arguments, late: bool = False) -> Any:
        """Have Redis run a command; ``late`` if it is a question whose time is over. Errors are returned.

        What is asked of a script together is asked one by one, which is the same to the script.
        """
        name = self._names.get(arguments[1], "") if arguments[0] == "EVALSHA" else ""  # type: ignore[call-overload]
        if name not in self._strides:
            return self._run(name, arguments, late)
        questions = one_by_one(arguments[SAID:], self._strides[name])
        answers = [self._run(name, (*arguments[:SAID], *question), late) for question in questions]
        return next((answer for answer in answers if isinstance(answer, hiredis.ReplyError)), answers)

    def _run(self, name: str, arguments: Arguments, late: bool) -> Any:
        watched = name in WATCHED or name == "draw" or late or (self.repeat and name in IDEMPOTENT)
        before = self._look() if watched else Snapshot()
        self.runs += 1
        answer = self._answer(name, arguments)
        if name in self._strides and not isinstance(answer, hiredis.ReplyError):
            (answer,) = answer
        if isinstance(answer, hiredis.ReplyError) or late:
            self._was_refused(name, answer, before if watched else None)
        if not isinstance(answer, hiredis.ReplyError):
            if name == "draw":
                self._saw_draw([_text(mode) for mode in arguments[SAID::3]], before)
            if name == "reconcile":
                self._saw_reconcile([_text(argument) for argument in arguments[SAID:]], answer)
            if name in WATCHED:
                self._node = _text(arguments[NODE])
                getattr(self, f"_saw_{name}")([_text(argument) for argument in arguments[SAID:]], answer, before)
            if self.repeat and name in IDEMPOTENT:
                self._again(name, arguments)
        return answer

    def _answer(self, name: str, arguments: Arguments) -> Any:
        if not name or name in UNGUARDED:
            return self._ask_all([arguments])[0]
        joined, answer = self._ask_all([("ZSCORE", "nodes", arguments[NODE]), arguments])
        if joined is None and not isinstance(answer, hiredis.ReplyError):
            self._history.wrong(10, f"{name} was run for {_text(arguments[NODE])}, which is not among the nodes")
        return answer

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
        self._answer(name, arguments)
        self.runs += 1
        if changed := self._look().differs(once):
            self._history.wrong(9, f"{name}{arguments[SAID:]}, run a second time, changed {changed}")

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
        self.since[said[1]] = since
        if record is None:
            self.since[player] = since
        elif record["mode"] != mode:
            self._history.wrong(1, f"{player} is under way in {record['mode']} and was accepted in {mode}")
        if answer[3:] and answer[3]:
            self._saw_draw([mode], before, {player: float(since)})
        return None

    def _saw_draw(self, modes: list[str], before: Snapshot, arrived: Mapping[str, float] = NOBODY) -> None:
        after = self._look()
        if not after.sessions.keys() - before.sessions.keys():
            return
        self._fits(after)
        for mode in modes:
            if MODES[mode].order == "fifo":
                self._were_first({**before.set(f"order:{mode}"), **arrived}, after.set(f"order:{mode}"))
        self._were_in_turn(set(modes), before, after)

    def _saw_resume(self, said: list[str], answer: list[Any], before: Snapshot) -> None:
        if answer[0] in REFUSALS:
            self._changed_nothing("resume", answer, before)
        else:
            self.since[said[1]] = answer[2].decode()
            self._history.speakers[said[0]].append(said[1])

    def _saw_reconcile(self, said: list[str], answer: list[Any]) -> None:
        """A connection that never heard since when it waits can't give its player that time back."""
        for player, (word, *missed) in zip(said[::10], answer, strict=True):
            record = self._look().players.get(player, {})
            if missed[3 if word == b"accepted" else 0 :] and record.get("session"):
                self._history.told_late(player, record["session"])
        for player, connection, place, since in zip(said[::10], said[1::10], said[2::10], said[5::10], strict=True):
            record = self._look().players.get(player, {}) if place in ("queued", "loading") and since == "0" else {}
            if record.get("conn") == connection:
                self.since[connection] = self.since[player] = record["since"]

    def _saw_dequeue(self, said: list[str], answer: Any, before: Snapshot) -> None:
        if answer in REFUSALS:
            self._changed_nothing("dequeue", answer, before)
        else:
            self._owns("dequeue", said, before)

    def _saw_leave(self, said: list[str], answer: Any, before: Snapshot) -> None:
        self._history.left(said[1], before)
        record = before.players.get(said[0], {})
        if record.get("conn") != said[1]:
            self._was_not_owner("leave", said, before)
        elif record["state"] == "loading" and before.sessions[record["session"]].state == "loading":
            at_once, judged = said[2] == "0", said[5] != "" and self._history.is_well()
            self._history.walked_out(said[0], said[1], before, self._look(), at_once and judged)

    def _saw_loading_complete(self, said: list[str], answer: list[Any], before: Snapshot) -> None:
        if answer[0] in REFUSALS:
            return self._changed_nothing("loading_complete", answer, before)
        self._history.ready[before.players[said[0]].get("session", "")].add(said[0])
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
        if answer == b"gone":
            return None
        if answer in REFUSALS or f"match:{session}" in before.content:
            return self._changed_nothing("settle", answer, before)
        self._history.settled[session] = server, self._now()
        if not self._may_settle(session, server, before):
            self._history.wrong(
                4, f"{session} is settled on {server} by {self._node}, and is {before.sessions.get(session)}"
            )
        host = self._hosts.known_as(server)
        if self._now() - host.heard_of > HEARTBEAT_TTL:
            self._history.wrong(7, f"{session} is settled on {server}, of which nobody heard since {host.heard_of}")
        return None

    def _may_settle(self, session: str, server: str, before: Snapshot) -> bool:
        """Its owner may; where the store has forgotten it, whoever asked a server for it, until players are told."""
        if seeks := before.sessions.get(session):
            return (seeks.record["owner"], seeks.server) == (self._node, server)
        since = int(before.content.get(f"forgotten:{session}", 0))
        return (before.now_ms - since) / 1e3 < PATIENCE

    def _fits(self, snapshot: Snapshot) -> None:
        """As many game servers have room as sessions look for one."""
        free = sum(free for server, free in snapshot.set("slots").items() if server in snapshot.servers)
        if len(snapshot.set("unplaced")) > free:
            self._history.wrong(
                6, f"{sorted(snapshot.set('unplaced'))} look for a game server, and {free:g} slots are free"
            )

    def _were_first(self, before: dict[str, float], after: dict[str, float]) -> None:
        """Nobody was drawn before another who had waited longer."""
        drawn = before.keys() - after.keys()
        if drawn and after:
            last, first = max(drawn, key=before.__getitem__), min(after, key=after.__getitem__)
            if after[first] < before[last]:
                self._history.wrong(8, f"{last} was drawn before {first}, who waited longer")

    def _were_in_turn(self, modes: set[str], before: Snapshot, after: Snapshot) -> None:
        """No match was drawn while a player of another mode had waited longer than all of it, and could be drawn.

        That player's mode was drawn by the same script, or waited for slots and some node had looked at it lately.
        """
        for mode, looked_at in before.set("looked_at").items():
            if abs(before.now_ms - looked_at) < LAPSE_MS:
                modes = modes | {mode}
        for session in after.sessions.keys() - before.sessions.keys():
            drawn = after.sessions[session]
            since = min(float(after.players[player]["since"]) for player in drawn.roster)
            for mode in modes - {drawn.record["mode"]}:
                line = after.set(f"order:{mode}")
                if len(line) >= MODES[mode].size and min(line.values()) < since:
                    first = min(line, key=line.__getitem__)
                    self._history.wrong(8, f"{drawn.roster} were drawn before {first} of {mode}, who waited longer")


def _text(argument: bytes | str | int) -> str:
    return argument.decode() if isinstance(argument, bytes) else str(argument)
