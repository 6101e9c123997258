"""What has to be true of the store in every moment between two scripts. The numbers are those of docs/model.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf

from tests.model.hosts import Hosts
from tests.model.snapshot import LoadingSession, Snapshot
from tests.support.world import MODES

Finding = tuple[int, str]


def of_the_store(snapshot: Snapshot, hosts: Hosts) -> Iterator[Finding]:
    """Whatever breaks an invariant."""
    for check in _CHECKS:
        yield from check(snapshot)
    yield from slots_are_enough(snapshot, hosts)


def players_are_in_one_place(snapshot: Snapshot) -> Iterator[Finding]:
    """1: a record, and exactly the sets that go with its state."""
    for name, record in snapshot.players.items():
        mode, under_way = record["mode"], name in snapshot.under_way
        waits = record["state"] == "queued" and record["away"] == ""
        for what, found, expected in (
            ("in the queues", _sets_with(snapshot, "queue:", name), [mode] if waits else []),
            ("in the lines", _sets_with(snapshot, "order:", name), [mode] if waits else []),
            ("among the players of", _sets_with(snapshot, "players:", name), [record["node"]] if under_way else []),
            ("away", name in snapshot.set("away"), under_way and record["away"] != ""),
            ("mortal", f"player:{name}" in snapshot.mortal, not under_way),
        ):
            if found != expected:
                yield 1, f"{name} is {record['state']} and is {what} {found}, not {expected}"
        if under_way and record["state"] != "queued":
            yield from _is_seated(snapshot, name, record)


def _sets_with(snapshot: Snapshot, prefix: str, member: str) -> list[str]:
    return sorted(name for name, members in snapshot.under(prefix) if member in members)


def _is_seated(snapshot: Snapshot, name: str, record: dict[str, str]) -> Iterator[Finding]:
    session = snapshot.sessions.get(record["session"])
    if session is None or name not in session.members:
        yield 1, f"{name} is {record['state']} in {record['session']}, which is {session}"


def nobody_is_made_up(snapshot: Snapshot) -> Iterator[Finding]:
    """1: whoever stands in a set has a record that says so."""
    for prefix in ("queue:", "order:", "players:"):
        for key, members in snapshot.under(prefix):
            for name in members:
                if name not in snapshot.under_way:
                    yield (
                        1,
                        f"{name} is in {prefix}{key} and {'not under way' if name in snapshot.players else 'unknown'}",
                    )


def lines_keep_their_order(snapshot: Snapshot) -> Iterator[Finding]:
    """8: a place in line is by the moment since when one waits."""
    for mode, line in snapshot.under("order:"):
        for name, score in line.items():
            if name in snapshot.players and float(snapshot.players[name]["since"]) != score:
                since = snapshot.players[name]["since"]
                yield 8, f"{name} stands in the line of {mode} at {score}, and waits since {since}"


def modes_are_known_as_undrawn(snapshot: Snapshot) -> Iterator[Finding]:
    """8: a mode with enough players for a match is known, at the latest by since when its first one waits."""
    for mode, line in snapshot.under("order:"):
        if len(line) >= MODES[mode].size and snapshot.set("undrawn").get(mode, inf) > min(line.values()):
            yield 8, f"{mode} can be drawn since {min(line.values())}, and is known as {snapshot.set('undrawn')}"


def nobody_vanishes(snapshot: Snapshot) -> Iterator[Finding]:
    """2: everybody who was accepted is under way, or was counted out."""
    tally = {what: int(n) for what, n in snapshot.set("tally").items()}
    ended = sum(tally.get(what, 0) for what in ("left", "timed_out", "matched"))
    if tally.get("accepted", 0) != ended + len(snapshot.under_way):
        yield (
            2,
            f"of {tally.get('accepted')} who were accepted {ended} ended and {len(snapshot.under_way)} are under way",
        )


def sessions_are_whole(snapshot: Snapshot) -> Iterator[Finding]:
    """3 and 4: the mode's number of distinct members, who all know it; a deadline or an owner; a slot or a search."""
    for session in snapshot.sessions.values():
        name, roster, mode = session.session_id, session.roster, MODES[session.record["mode"]]
        if len(roster) != mode.size or set(roster) != session.members.keys():
            yield 3, f"{name} of {mode.name} has the roster {roster} and the members {session.members}"
        if session.record["teams"].split() != [str(team) for team, size in enumerate(mode.teams) for _ in range(size)]:
            yield 3, f"{name} of {mode.name} has the teams {session.record['teams']}"
        for member in roster:
            record = snapshot.players.get(member, {})
            if (record.get("session"), record.get("state"), record.get("mode")) != (name, "loading", mode.name):
                yield 1, f"{name} is {session.state} and has {member}, who is {record}"
        yield from _is_indexed(snapshot, session)


def _is_indexed(snapshot: Snapshot, session: LoadingSession) -> Iterator[Finding]:
    name, allocating = session.session_id, session.state == "allocating"
    ready = sum(said == "ready" for said in session.members.values())
    owned = _sets_with(snapshot, "allocations:", name)
    if int(session.record["ready"]) != ready or allocating != (ready == len(session.members)):
        yield 4, f"{name} is {session.state}, counts {session.record['ready']} ready, and has {session.members}"
    if [name in snapshot.set("loading"), name in snapshot.set("allocating")] != [not allocating, allocating]:
        yield 4, f"{name} is {session.state} and has not exactly the deadline for that"
    if owned != ([session.record["owner"]] if allocating else []):
        yield 4, f"{name} is {session.state}, its owner is {session.record['owner']}, and {owned} allocate it"
    if (name in snapshot.set("unplaced")) != (session.server == ""):
        yield 6, f"{name} has the game server {session.server!r}, and counts as looking for one or not"


def indexes_lead_somewhere(snapshot: Snapshot) -> Iterator[Finding]:
    """4: no deadline, search or allocation of a session that is over."""
    listed = [(key, snapshot.set(key)) for key in ("loading", "allocating", "unplaced")]
    listed += [(f"allocations:{node}", members) for node, members in snapshot.under("allocations:")]
    for key, members in listed:
        for session in members:
            if session not in snapshot.sessions:
                yield 4, f"{session} is in {key}, and over"


def slots_have_sessions(snapshot: Snapshot) -> Iterator[Finding]:
    """6: a reserved slot has a session that knows it, and the other way round."""
    for server, slots in snapshot.under("reserved:"):
        for name in slots:
            if name not in snapshot.sessions or snapshot.sessions[name].server != server:
                yield 6, f"{server} keeps a slot for {name}, which has none there"
    for session in snapshot.sessions.values():
        held = snapshot.set(f"reserved:{session.server}")
        if session.server in snapshot.servers and session.session_id not in held:
            yield 6, f"{session.session_id} has a slot on {session.server}, which knows nothing of it"


def slots_are_enough(snapshot: Snapshot, hosts: Hosts) -> Iterator[Finding]:
    """6: what runs on a game server and what is promised there is not more than fits, and is all counted."""
    for host in hosts:
        record = snapshot.servers.get(host.server_id)
        if record is None or host.second_id:  # each id has as many slots as the host
            continue
        taken = host.sessions.keys() | set(snapshot.set(f"reserved:{host.server_id}"))
        if len(taken) > host.capacity:
            yield 6, f"{host.server_id} has {host.capacity} slots for {sorted(taken)}"
        if int(record["sessions"]) < len(host.sessions):
            yield 6, f"{host.server_id} runs {sorted(host.sessions)}, and counts as having {record['sessions']}"


_CHECKS: tuple[Callable[[Snapshot], Iterator[Finding]], ...] = (
    players_are_in_one_place,
    nobody_is_made_up,
    lines_keep_their_order,
    modes_are_known_as_undrawn,
    nobody_vanishes,
    sessions_are_whole,
    indexes_lead_somewhere,
    slots_have_sessions,
)
