"""Whether everything is in order: what players were told, what the nodes say of the store, what game servers run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.internet.defer import TimeoutError
from twisted.internet.error import ConnectError

from tests.grid.proxy import Link
from tests.grid.sightings import Sighting
from tests.grid.stage import GAME_SECONDS
from tests.support.fleet import GameServer, Node
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.grid.cell import Cell


HEARTBEAT = 6.0
"""Seconds after which a game server is late."""


class Order:
    """Looks at a cell, again and again until nothing is wrong any more."""

    def __init__(self, cell: Cell) -> None:
        self.contradictions: dict[str, float] = {}
        """What any node ever named as one, and when first."""
        self._cell = cell

    def sessions_made(self) -> Iterator[tuple[str, Link]]:
        """The loading sessions that a game server was asked for, and where."""
        for seen in self._cell.stage.journal:
            if seen.kind == "posted":
                yield seen.what, seen.link

    async def problems(self) -> list[str]:
        """What is wrong now."""
        try:
            return [*self._told(), *await self._counted(), *await self._running()]
        except (ConnectError, TimeoutError, AssertionError) as error:
            return [f"can't look: {error}"]

    async def quiet(self) -> None:
        """Wait until nobody is under way, no game runs, and every game server's heartbeat comes again."""
        await eventually(self._unrest, lambda unrest: not unrest)

    async def _unrest(self) -> list[str]:
        stage = self._cell.stage
        running = [await server.running() for server in stage.servers.values()]
        silent = [name for name, row in (await stage.b.servers()).items() if row["heartbeat_age_s"] > HEARTBEAT]
        return [*await self._counted(), *(f"{n} sessions run" for n in running if n), *silent]

    # what players were told

    def _told(self) -> Iterator[str]:
        games = self._made()
        for player in self._cell.players:
            if len(player.games) > 1:
                yield f"{player.name} was told two matches for one wish: {player.games}"
            for game in player.games:
                if game not in games or player.name not in games[game].answer["players"]:
                    yield f"{player.name} was sent to {game}, which is not his"
        for game, made in games.items():
            yield from self._told_apart(game, made)

    def _told_apart(self, game: str, made: Sighting) -> Iterator[str]:
        """All who play a game were sent there, but for those who left."""
        members = [player for player in self._cell.players if player.name in made.answer["players"]]
        absent = [player.name for player in members if game not in player.games and not player.out]
        if absent and any(game in player.games for player in members):
            yield f"{game} was told to others, but not to {' '.join(absent)}"

    def _made(self) -> dict[str, Sighting]:
        """The games, by the ids that the servers gave them."""
        made: dict[str, Sighting] = {}
        for seen in self._cell.stage.journal:
            if seen.kind == "made":
                made.setdefault(seen.answer["session_id"], seen)
        return made

    # what the nodes say

    async def _counted(self) -> list[str]:
        problems = []
        for node in self._living():
            counted = await node.get("/v1/invariants")
            problems += counted["contradictions"]
            for text in counted["contradictions"]:
                self.contradictions.setdefault(text, reactor.seconds())
            problems += _under_way(counted)
        return problems

    def _living(self) -> Iterator[Node]:
        stage = self._cell.stage
        yield stage.b
        if self._cell.fault not in ("F1", "F3"):
            yield stage.a

    # what game servers run

    async def _running(self) -> list[str]:
        stage = self._cell.stage
        listed = {name: row["sessions"] for name, row in (await stage.b.servers()).items()}
        problems = []
        for name, server in stage.servers.items():
            running, wanted = await server.running(), self._wanted(server)
            if running not in wanted:
                problems.append(f"{name} runs {running} sessions, and players were told of {wanted[-1]}")
            if listed.get(name) != running:
                problems.append(f"{name} runs {running} sessions, and is listed with {listed.get(name)}")
        return problems

    def _wanted(self, server: GameServer) -> range:
        """How many sessions may run there: all that players were told of, but for those whose time is over."""
        told = {game for player in self._cell.players for game in player.games}
        made = (seen for game, seen in self._made().items() if game in told and seen.link.target == server.port)
        ages = [reactor.seconds() - seen.at for seen in made]
        certain, possible = (sum(age < GAME_SECONDS + slack for age in ages) for slack in (-1, 3))
        return range(certain, possible + 1)

    def forgotten(self) -> Iterator[str]:
        """Games that nobody was told of and nobody ended: they end when their time is over."""
        told = {game for player in self._cell.players for game in player.games}
        ended = {seen.what for seen in self._cell.stage.journal if seen.kind == "ended"}
        for game, made in self._made().items():
            if game not in told and made.what not in ended:
                yield f"{game} was told to nobody, and ran until its time was over"


def _under_way(counted: dict[str, Any]) -> list[str]:
    places = {**counted["players"]["queued"], **counted["sessions"]}
    places |= {place: counted["players"][place] for place in ("away", "loading", "allocating")}
    return [f"{n} are in {place}" for place, n in places.items() if n]
