"""The points of the flow at which faults strike: each arranges what has to happen before, and stops the world there.

``x`` is the player on the node that is struck, ``y`` his partner on the other one. Where a point has two faces (who of
them was told first, say), the seed of the cell says which one it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.grid.proxy import Link
from tests.grid.sightings import Sighting

if TYPE_CHECKING:
    from tests.grid.cell import Cell

Matches = Callable[[Sighting], bool]
Arrange = Callable[["Cell"], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the flow; ``arrange`` returns when it is reached, with the world held."""

    code: str
    title: str
    arrange: Arrange


POINTS: dict[str, Point] = {}


def _point(code: str, title: str) -> Callable[[Arrange], None]:
    def add(arrange: Arrange) -> None:
        POINTS[code] = Point(code, title, arrange)

    return add


def _script(cell: Cell, kind: str, what: str, of: str = "", answer: str = "") -> Matches:
    """A script asked or answered on the link of the node that is struck; ``of`` a player, or with such an answer."""
    link = cell.stage.redis_links["a"]

    def matches(seen: Sighting) -> bool:
        if seen.link is not link or seen.kind != kind or seen.what != what or (of and seen.player != of):
            return False
        return not answer or (isinstance(seen.answer, list) and seen.answer[0] == answer) or seen.answer == answer

    return matches


@_point("P0", "open, not enqueued")
async def _open(cell: Cell) -> None:
    for player in (cell.x, cell.y):
        player.may_ask = cell.is_struck
        player.play()
    await cell.until(lambda: cell.x.connected and cell.y.connected)


@_point("P1", "enqueue read")
async def _enqueue_read(cell: Cell) -> None:
    await cell.queue(cell.y)
    await cell.stop_at(_script(cell, "asked", "enqueue", cell.x.name), cell.x.play)


@_point("P2", "enqueue stored, reply unsent")
async def _enqueue_stored(cell: Cell) -> None:
    await cell.queue(cell.y)
    await cell.stop_at(_is_news_of(cell, "enqueue", "queued"), cell.x.play)


def _is_news_of(cell: Cell, script: str, message: str) -> Matches:
    answered = _script(cell, "answered", script, cell.x.name)
    return lambda seen: answered(seen) or (seen.kind, seen.what, seen.player) == ("told", message, cell.x.name)


@_point("P3", "queued")
async def _queued(cell: Cell) -> None:
    cell.y.may_ask = cell.is_struck
    cell.y.play()
    await cell.queue(cell.x)


@_point("P4", "match drawn, start_loading unsent")
async def _drawn(cell: Cell) -> None:
    def drawn(seen: Sighting) -> bool:
        answered = seen.kind == "answered" and seen.what == "draw" and isinstance(seen.answer, list)
        return (answered and seen.answer[0] > 0) or (seen.kind == "told" and seen.what == "start_loading")

    _load_when_struck(cell)
    await cell.queue(cell.y)
    await cell.stop_at(drawn, cell.x.play)


@_point("P5", "start_loading sent to some")
async def _some_load(cell: Cell) -> None:
    _load_when_struck(cell)
    await cell.queue(cell.y)
    await _stop_between(cell, "start_loading", cell.x.play)


@_point("P6", "first loading_complete stored")
async def _first_ready(cell: Cell) -> None:
    second, first = cell.faces
    second.may_load = cell.is_struck
    await cell.queue(cell.y)
    await cell.stop_at(
        lambda seen: (seen.kind, seen.what, seen.player) == ("answered", "loading_complete", first.name), cell.x.play
    )


@_point("P7", "all ready stored")
async def _all_ready(cell: Cell) -> None:
    await _x_completes(cell, _script(cell, "answered", "loading_complete", cell.x.name, "complete"))


@_point("P8", "server reserved")
async def _reserved(cell: Cell) -> None:
    """The same step as P7, where a slot is free."""
    await _x_completes(cell, _script(cell, "answered", "loading_complete", cell.x.name, "complete"))


@_point("P9", "POST sent")
async def _posted(cell: Cell) -> None:
    """The game server has read it, or it is still on its way."""
    kind = "made" if cell.seed % 2 == 0 else "posted"
    await _x_completes(cell, lambda seen: seen.kind == kind and cell.x.name in seen.answer["players"])
    cell.place = next(seen.link for seen in reversed(cell.stage.journal) if seen.kind == kind)


@_point("P10", "POST answered")
async def _answered(cell: Cell) -> None:
    await _x_completes(cell, _script(cell, "asked", "settle"))


@_point("P11", "settle stored")
async def _settled(cell: Cell) -> None:
    answered = _script(cell, "answered", "settle")
    await _x_completes(cell, lambda seen: answered(seen) or (seen.kind == "told" and seen.what == "match_found"))


@_point("P12", "match_found sent to some")
async def _some_matched(cell: Cell) -> None:
    _x_loads_last(cell)
    await cell.queue(cell.y)
    await _stop_between(cell, "match_found", cell.x.play)


@_point("P13", "cancel/requeue stored")
async def _cancelled(cell: Cell) -> None:
    """One of the two leaves while both load; the other is about to be told."""
    leaver, innocent = cell.faces
    _load_when_struck(cell)
    await cell.queue(cell.y)
    cell.x.play()
    await cell.until(lambda: cell.x.was_told("start_loading") and cell.y.was_told("start_loading"))
    cell.target = innocent

    def requeued(seen: Sighting) -> bool:
        left = seen.kind == "answered" and seen.what == "leave" and seen.player == leaver.name
        return left or (seen.kind, seen.what, seen.player) == ("told", "requeued", innocent.name)

    await cell.stop_at(requeued, leaver.leave)


def _load_when_struck(cell: Cell) -> None:
    for player in (cell.x, cell.y):
        player.may_load = cell.is_struck


def _x_loads_last(cell: Cell) -> None:
    """So that his node completes the roster, and looks for a game server."""
    y = cell.y.name
    cell.x.may_load = lambda: any(
        (seen.kind, seen.what, seen.player) == ("answered", "loading_complete", y) for seen in cell.stage.journal
    )


async def _x_completes(cell: Cell, matches: Matches) -> None:
    _x_loads_last(cell)
    await cell.queue(cell.y)
    await cell.stop_at(matches, cell.x.play)


async def _stop_between(cell: Cell, message: str, go: Callable[[], object]) -> None:
    """One of the two hears ``message``; to the other it is on its way."""
    first, second = cell.faces
    late: list[Link] = []

    def between(seen: Sighting) -> None:
        if (seen.kind, seen.what) == ("told", message) and seen.player == second.name:
            late.append(seen.link)
            seen.link.hold()

    cell.stage.on_sight = between
    go()
    await cell.until(lambda: late and first.was_told(message))
    cell.stage.freeze()
