"""The results as a page: a row for each point, a column for each fault, in each cell how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product

from tests.grid.faults import FAULTS
from tests.grid.playing import Result
from tests.grid.points import POINTS

HEAD = """# The fault grid

Fourteen points of a player's way, ten faults, 140 cells. In each cell two nodes, a Valkey and two game servers run as
real processes, with a proxy on every link between them and before every player. The proxies see by the scripts and
requests that go by when a point is reached, hold the world there, strike, and let it go on. The product has no part in
this but its own code.

Players behave as in life: whoever is cut off comes back within a second on the other node, asks where he stands, and
asks for a place again if he has none; a client that is gone without a FIN is gone for good. A cell is green when every
player who wants a match got one, nobody was told of two, all members of a match were sent to the same game, the
invariants hold on every node, and the game servers run exactly the games that players were told of, and are listed so.

A cell shows the seconds from the strike until every player had his match / until all the rest was in order too. The
faults that last (F2: 6 s, F6: 5 s, F8: 10 s) are judged only when they are over, and a game server's slots are in order
with its next heartbeat, of which there is one every 5 s. A game lasts 15 s here: one that nobody was told of and nobody
ended has to be over by itself within the cell's bound of 30 s after the fault, and gets a star.

`python -m tests.grid` plays it again and writes this page; `--points P4 --faults F1,F8 --keep FOLDER` plays some cells
and keeps their logs.
"""


def page(results: Iterable[Result]) -> str:
    """All of it as Markdown."""
    known = {(result.point, result.fault): result for result in results}
    by_cell = {cell: known[cell] for cell in product(POINTS, FAULTS) if cell in known}
    lines = [HEAD, "| | " + " | ".join(FAULTS) + " |", "| --- |" + " ---: |" * len(FAULTS)]
    for code, point in POINTS.items():
        cells = (_cell(by_cell.get((code, fault))) for fault in FAULTS)
        lines.append(f"| **{code}** {point.title} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- **{code}**: {fault.title}" for code, fault in FAULTS.items())]
    return "\n".join([*lines, "", f"{summary(list(by_cell.values()))}.", *_remarks(by_cell), ""])


def summary(results: list[Result]) -> str:
    """All of it in a line."""
    count = Counter(result.verdict for result in results)
    green, lost, doubled = (count.pop(verdict, 0) for verdict in ("ok", "lost", "doubled"))
    others = "".join(f", {verdict} {n}" for verdict, n in count.items())
    return f"{len(results)} cells: {green} green, lost {lost}, doubled {doubled}{others}"


def line(result: Result) -> str:
    """One cell in a line, and one for each finding."""
    times = f"matched {result.matched:4.1f} s, normal {result.normal:4.1f} s, last: {result.last}"
    head = f"{result.point:4}{result.fault:4} {result.verdict:14} {times}"
    notes = (f"for a while: {note}" for note in result.notes)
    return "\n".join([head, *(f"         {text}" for text in (*result.findings, *notes))])


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    times = f"{result.matched:.1f} / {result.normal:.1f}{'*' if result.notes else ''}"
    return times if result.verdict == "ok" else f"**{result.verdict}**"


def _remarks(by_cell: Mapping[tuple[str, str], Result]) -> list[str]:
    """What is wrong in cells that are not green, and what was amiss for a while in those with a star."""
    remarks = [(result, (*result.findings, *result.notes)) for result in by_cell.values()]
    lines = [f"- {result.point} {result.fault}: {'; '.join(texts)}" for result, texts in remarks if texts]
    return ["", *lines] if lines else []
