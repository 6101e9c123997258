"""What is kept of a cell for whoever wants to know why it ended as it did."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.grid.cell import Cell
from tests.grid.playing import Result
from tests.grid.table import line


def keep(folder: Path, cell: Cell, result: Result) -> None:
    """The result, what went by on the links, what players were told, and the logs of all programs."""
    place = folder / f"{cell.point}-{cell.fault}-{cell.seed}-{cell.number}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(cell.stage.fleet.folder, place)
    (place / "result.txt").write_text(f"{line(result)}\nstruck at {cell.struck_at:.3f}\n")
    (place / "journal.txt").write_text("".join(f"{seen}\n" for seen in cell.stage.journal if not seen.is_routine))
    told = sorted(((at, p.name, said) for p in cell.players for at, said in p.told), key=lambda entry: entry[0])
    (place / "players.txt").write_text("".join(f"{at:.3f} {name}: {message}\n" for at, name, message in told))
