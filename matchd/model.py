"""The words of the domain as frozen values: game modes, rosters, game servers, reservations.

Nothing here does anything; every other module speaks in these terms. Ids are always strings, times
are integers whose unit is part of the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

NAME = r"^[A-Za-z0-9._-]{1,64}\Z"
_NAME = re.compile(NAME)


def is_name(text: str) -> bool:
    """Whether ``text`` may be a player id, a mode's name or a server's id: 1 to 64 of ``A-Z a-z 0-9 . _ -``."""
    return _NAME.match(text) is not None


class Order(StrEnum):
    """How a mode's queue is drawn."""

    FIFO = "fifo"
    RANDOM = "random"


class Place(StrEnum):
    """Where a player is, as his node believes; ``ASKING`` until the store has answered, ``REMEMBERED`` when he
    was matched and has gone on to play.

    That a game server is sought for all who load is said by their session alone; players are not told of it.
    """

    NONE = "none"
    ASKING = "asking"
    QUEUED = "queued"
    LOADING = "loading"
    MATCHED = "matched"
    REMEMBERED = "remembered"


class Reason(StrEnum):
    """Why a loading session was cancelled, as players are told in ``requeued``."""

    PLAYER_LEFT = "player_left"
    LOADING_TIMEOUT = "loading_timeout"
    ALLOCATION_FAILED = "allocation_failed"


@dataclass(frozen=True, slots=True)
class GameMode:
    """A game mode: its team sizes, its loading timeout (seconds) and the order its queue is drawn in."""

    name: str
    teams: tuple[int, ...] = (1, 1)
    loading_timeout: float = 60.0
    order: Order = Order.FIFO

    @property
    def size(self) -> int:
        """The players of one match."""
        return sum(self.teams)

    def split(self, players: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """The players, in roster order, dealt into teams of the mode's sizes."""
        teams, start = [], 0
        for size in self.teams:
            teams.append(players[start : start + size])
            start += size
        return tuple(teams)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """How long who fails to load again and again may not enqueue. Times in seconds; ``first`` 0 turns it off.

    ``after`` failures within ``window`` bring the ``first`` cooldown; each further one brings twice the last, up to
    the ``longest``. A failure is forgotten once the window is over.
    """

    after: int = 2
    first: float = 60.0
    longest: float = 1800.0
    window: float = 3600.0

    def waits(self) -> tuple[float, ...]:
        """The cooldown after the first, second... failure within the window, the last for all further ones."""
        if not self.first:
            return ()
        waits, wait = [0.0] * (self.after - 1), self.first
        while wait < self.longest:
            waits.append(wait)
            wait *= 2
        return (*waits, self.longest)


DEFAULT_COOLDOWN = Cooldown()
DEFAULT_MODE = GameMode("Normal_1v1", order=Order.RANDOM)


@dataclass(frozen=True, slots=True)
class GameServer:
    """A dedicated game server as it registers.

    ``sessions`` is the number it says run now, ``made`` how many it has ever made for matchd (``None``: it does not
    say). A ``fixed`` one comes from the settings, sends no heartbeats and counts as always free.
    """

    server_id: str
    address: str
    capacity: int = 1
    region: str = ""
    sessions: int | None = None
    fixed: bool = False
    made: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """One slot of a game server, held for one loading session until it is settled or released.

    ``again`` says that it was held before: the server may have been asked already, and have made the session.
    """

    loading_session_id: str
    server_id: str
    address: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Roster:
    """Who plays in a loading session that is complete, in the order they were drawn.

    ``slot`` is what was reserved for it when it became complete, which nobody has asked the game server for yet.
    """

    loading_session_id: str
    mode: str
    players: tuple[str, ...]
    slot: Reservation | None = None


@dataclass(frozen=True, slots=True)
class GameSession:
    """What a game server answers when it has made a session: where the players go."""

    session_id: str
    server_address: str
