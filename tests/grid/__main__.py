"""``python -m tests.grid``: play the fault grid, or some of it, and write ``docs/grid.md`` when it was all of it."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.grid.run import cells, play
from tests.grid.table import line, page, summary

PAGE = Path(__file__).parents[2] / "docs" / "grid.md"
SLICES = 35
"""How many parts the grid has when only today's is played."""


def slice_of(text: str) -> tuple[int, int]:
    """``2/7``: every seventh cell from the second on; empty: today's."""
    if not text:
        return date.today().timetuple().tm_yday % SLICES, SLICES
    part, _, parts = text.partition("/")
    return int(part), int(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.grid", description=__doc__)
    words = {"type": lambda text: text.split(","), "default": []}
    parser.add_argument("--points", **words, help="P0,P4: only these points of the flow")  # type: ignore[arg-type]
    parser.add_argument("--faults", **words, help="F1,F8: only these faults")  # type: ignore[arg-type]
    parser.add_argument("--slice", nargs="?", const="", help="i/n: every n-th cell; without a value, today's four")
    parser.add_argument("--jobs", type=int, default=1, choices=(1, 2), help="cells at a time")
    parser.add_argument("--seed", type=int, default=0, help="even and odd seeds show the two faces of a point")
    parser.add_argument("--keep", type=Path, help="a folder for what was seen and logged in each cell")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _main(given: argparse.Namespace) -> None:
    wanted = cells(given.points, given.faults)
    if given.slice is not None:
        part, parts = slice_of(given.slice)
        wanted = wanted[part::parts]
    results = await play(wanted, given.seed, lambda result: _say(line(result)), given.keep, given.jobs)
    _say(summary(results))
    if len(results) == len(cells()):
        PAGE.write_text(page(results))
    if any(result.verdict != "ok" for result in results):
        raise SystemExit(1)


if __name__ == "__main__":
    options = _options()
    react(lambda reactor: Deferred.fromCoroutine(_main(options)))
