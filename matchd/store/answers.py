"""What the store answers, as values, and how they are read from the replies of the scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from matchd.model import Reason, Reservation, Roster
from matchd.store.records import PLAYER, read_record


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one draw brought: matches, players who still wait, and how long the drawn ones had waited (ms).

    ``others_first`` says that not all were drawn because another mode comes first.
    """

    matches: int
    waiting: int
    short_of_servers: bool
    waits_ms: tuple[int, ...]
    others_first: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A player is under way: the number of the answer on its way to him, since when he waits (us), what was drawn."""

    seq: int
    since: str
    mode: str
    order: str
    drawn: Drawn | None = None


@dataclass(frozen=True, slots=True)
class AlreadyQueued:
    """The player is under way in another mode; ``here`` if by the connection that asked."""

    mode: str
    order: str
    here: bool


@dataclass(frozen=True, slots=True)
class CoolingDown:
    """The player has failed to load too often, and has to wait so long (ms) before he may enqueue."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A loading session that fell through."""

    mode: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Swept:
    """One portion of the sweep: is there more, what was taken over, cancelled, or is to be ended elsewhere.

    ``nodes`` is how many nodes there are, and sweep.
    """

    more: bool = False
    adopted: int = 0
    cancelled: tuple[Cancelled, ...] = ()
    orphans: tuple[str, ...] = ()
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """What a node believes of one of its players, for the store to compare. ``place`` may be ``asking`` or ``none``."""

    player_id: str
    connection_id: str
    place: str
    mode: str = ""
    order: str = ""
    since: str = "0"
    session: str = ""
    seq: int = 0
    match: str = ""
    team: int | None = 0

    def fields(self) -> tuple[str | int, ...]:
        """The claim as the arguments of the script."""
        return (
            self.player_id, self.connection_id, self.place, self.mode, self.order,
            self.since, self.session, self.seq, self.match,
            "" if self.team is None else self.team,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """What comparing brought for one claim: was another connection newer, which messages were missed.

    ``level`` says that there are no later messages than he was sent, ``undecided`` that other nodes may know better,
    and to compare again in a second. To one who missed the answer to his question ``since``, ``mode`` and ``order`` are
    told too.
    """

    superseded: bool = False
    missed: tuple[bytes, ...] = ()
    level: bool = False
    undecided: bool = False
    since: str = ""
    mode: str = ""
    order: str = ""


def read_drawn(matches: int, waiting: int, limit: int, *waits_ms: int) -> Drawn:
    """What one draw brought."""
    return Drawn(matches, waiting, limit == 1, waits_ms, limit == 2)


def read_roster(reply: Sequence[bytes]) -> Roster:
    """A session that is complete."""
    session, mode, *players = (field.decode() for field in reply)
    return Roster(session, mode, tuple(players))


def read_completed(session: bytes, mode: bytes, server_id: bytes, address: bytes, *players: bytes) -> Roster:
    """A session that has just become complete, with its slot."""
    roster = read_roster((session, mode, *players))
    if not server_id:
        return roster
    return replace(roster, slot=Reservation(roster.loading_session_id, server_id.decode(), address.decode()))


def read_finding(what: bytes, *found: bytes) -> Finding:
    """What comparing brought for one claim."""
    if what != b"accepted":
        return Finding(what == b"superseded", found, what == b"level", what == b"later")
    since, mode, order, *missed = found
    return Finding(False, tuple(missed), not missed, False, since.decode(), mode.decode(), order.decode())


def read_connection(record: bytes | None) -> str:
    """Which connection a player's record names, if any."""
    return read_record(PLAYER, record or b"").get("conn", "")


def read_cancelled(reply: Iterable[bytes]) -> tuple[Cancelled, ...]:
    """The sessions that a script has cancelled."""
    return tuple(Cancelled(mode, Reason(reason)) for mode, reason in (line.decode().split() for line in reply))


def read_swept(more: int, adopted: int, cancelled: Iterable[bytes], orphans: Iterable[bytes], nodes: int) -> Swept:
    """Read the reply of one run of the sweep."""
    ended = tuple(orphan.decode() for orphan in orphans)
    return Swept(bool(more), adopted, read_cancelled(cancelled), ended, nodes)
