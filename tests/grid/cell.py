"""One cell of the grid: players on two nodes, a point of the flow, and a fault that strikes there."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet import reactor

from tests.grid.players import Guest
from tests.grid.proxy import Link
from tests.grid.sightings import Sighting
from tests.grid.stage import Stage
from tests.support.waiting import until

TO_THE_POINT = 20.0
"""Seconds until the point has to be reached."""


@dataclass
class Cell:
    """A cell while it is played. ``target`` is the client that is struck by faults of clients, ``place`` the link by
    those of links; ``x`` plays on the node that is struck by the others, ``y`` is his partner on the other one.
    """

    stage: Stage
    point: str
    fault: str
    seed: int
    number: int = 0
    players: list[Guest] = field(default_factory=list)
    struck_at: float = 0.0

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed} {self.point} {self.fault}")
        self.place: Link = self.stage.redis_links["a"]
        self.x, self.y = self.enter("x", "a"), self.enter("y", "b")
        self.target = self.x

    @property
    def faces(self) -> tuple[Guest, Guest]:
        """The two players, the one first who is first by this seed; with an even one that is not who is struck."""
        return (self.y, self.x) if self.seed % 2 == 0 else (self.x, self.y)

    def is_struck(self) -> bool:
        """Whether the fault has struck."""
        return self.struck_at > 0

    def struck(self) -> None:
        """The fault strikes now."""
        self.struck_at = reactor.seconds()

    def enter(self, role: str, home: str) -> Guest:
        """One more player, not yet connected."""
        name = f"{self.point}-{self.fault}-{self.number}-{role}"
        self.players.append(self.stage.guest(name, home, self.dice))
        return self.players[-1]

    # what points ask for

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for it, bounded."""
        await until(condition, TO_THE_POINT)

    async def queue(self, player: Guest) -> None:
        """Have him wait in the queue."""
        player.play()
        await self.until(lambda: player.was_told("queued"))

    async def stop_at(self, matches: Callable[[Sighting], bool], go: Callable[[], object]) -> None:
        """Have something go, and hold the world at the first sighting that matches."""
        seen: list[Sighting] = []

        def look(sighting: Sighting) -> None:
            if not seen and matches(sighting):
                seen.append(sighting)
                self.stage.freeze()

        self.stage.on_sight = look
        go()
        await self.until(lambda: seen)
