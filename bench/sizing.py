"""How many processes, and how much of a store, a game of some size needs, by what was measured. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

BUSY = 0.5
"""How much of a core a process should use at the daily peak: the other half is for a rush, and for quick answers."""
PER_PROCESS = 18_000
"""Connections of one process: the default of ``limits.max_connections``."""
MICRO = 1e-6


@dataclass(frozen=True, slots=True)
class Game:
    """A game at its daily peak: players who play or wait; how long a match lasts, and how long one connects for it."""

    players: int
    match_seconds: float = 1200.0
    connected_seconds: float = 60.0

    @property
    def per_second(self) -> float:
        """Players who are matched a second: each comes once in a match and a wait."""
        return self.players / (self.match_seconds + self.connected_seconds)

    @property
    def connections(self) -> float:
        """Players who are connected to matchd at any moment."""
        return self.per_second * self.connected_seconds


@dataclass(frozen=True, slots=True)
class Costs:
    """What a player costs: CPU of server and store for one match, memory while he is connected and queued."""

    server_us: float
    redis_us: float
    server_kib: float
    redis_kib: float


@dataclass(frozen=True, slots=True)
class Needs:
    """What a game needs: cores that are busy, processes, memory of all of them, the store's core and memory."""

    cores: float
    processes: int
    server_mib: float
    redis_core: float
    redis_mib: float


def needs(game: Game, costs: Costs) -> Needs:
    """The larger of what work and connections ask for, and one process more, for when one dies or is replaced."""
    cores = game.per_second * costs.server_us * MICRO
    return Needs(
        cores=cores,
        processes=max(ceil(cores / BUSY), ceil(game.connections / PER_PROCESS)) + 1,
        server_mib=game.connections * costs.server_kib / 1024,
        redis_core=game.per_second * costs.redis_us * MICRO,
        redis_mib=game.connections * costs.redis_kib / 1024,
    )
