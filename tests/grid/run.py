"""Playing cells one after the other, on stages that are used again for as long as they are in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from tests.grid.cell import Cell
from tests.grid.evidence import keep
from tests.grid.faults import FAULTS
from tests.grid.playing import Playing, Result
from tests.grid.points import POINTS
from tests.grid.stage import Stage

Coordinates = tuple[str, str]


def cells(points: Sequence[str] = (), faults: Sequence[str] = ()) -> list[Coordinates]:
    """All cells with these points and faults, or with any."""
    return [(point, fault) for point in points or POINTS for fault in faults or FAULTS]


async def play(
    wanted: Sequence[Coordinates], seed: int, say: Callable[[Result], object], kept: Path | None = None, jobs: int = 1
) -> list[Result]:
    """Play the cells; each result is said at once. ``kept`` is where their evidence goes."""
    numbered = zip(count(1), wanted, strict=False)
    shares = [Deferred.fromCoroutine(_share(numbered, seed, say, kept)) for _ in range(jobs)]
    return [result for results in await gatherResults(shares, consumeErrors=True) for result in results]


async def _share(
    numbered: Iterator[tuple[int, Coordinates]], seed: int, say: Callable[[Result], object], kept: Path | None
) -> list[Result]:
    results: list[Result] = []
    stage: Stage | None = None
    try:
        for number, (point, fault) in numbered:
            stage = stage or await _set_up()
            playing = Playing(Cell(stage, point, fault, seed, number))
            result = await _whole(playing, kept)
            results.append(result)
            say(result)
            if result.verdict != "ok":
                stage.close()
                stage = None
    finally:
        if stage is not None:
            stage.close()
    return results


async def _set_up() -> Stage:
    stage = Stage()
    try:
        await stage.ready()
    except BaseException:
        stage.close()
        raise
    return stage


async def _whole(playing: Playing, kept: Path | None) -> Result:
    """A cell with its end; a stage on which anything went wrong is not used again."""
    result = await playing.play()
    if kept is not None:
        keep(kept, playing.cell, result)
    for player in playing.cell.players:
        player.close()
    if result.verdict == "ok":
        try:
            await playing.clear()
        except AssertionError as error:
            return replace(result, verdict="contradiction", findings=(f"afterwards: {error}",))
    return result
