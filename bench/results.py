"""What came of each scenario, kept in a file from one run of the benches to the next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.scenario import Outcome, Scenario

FOLDER = Path(__file__).parent / "measured"
FILE = FOLDER / "results.json"


@dataclass(slots=True)
class Result:
    """What came of a scenario: its rounds, why it was given up, if it was, and on what it was measured, and when."""

    scenario: Scenario
    circumstances: dict[str, str]
    rounds: list[Outcome] = field(default_factory=list)
    failed: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """The median of each figure over the rounds, in the scenario's order."""
        return {name: median(values) for name, values in self._told().items()}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The least and the most of each figure."""
        return {name: (min(values), max(values)) for name, values in self._told().items()}

    @property
    def wrong(self) -> list[str]:
        """Everything that was wrong in any round."""
        return [*([self.failed] if self.failed else []), *(what for each in self.rounds for what in each.wrong)]

    @property
    def notes(self) -> list[str]:
        """What the rounds remarked, each remark once."""
        return list(dict.fromkeys(note for each in self.rounds for note in each.notes))

    def _told(self) -> dict[str, list[float]]:
        names = [figure.name for figure in self.scenario.figures]
        told = {name: [each.figures[name] for each in self.rounds if name in each.figures] for name in names}
        return {name: values for name, values in told.items() if values}


def read(scenarios: Iterable[Scenario], file: Path = FILE) -> dict[str, Result]:
    """What is known of these scenarios from earlier runs, by name."""
    if not file.exists():
        return {}
    kept: dict[str, Any] = json.loads(file.read_text())
    return {each.name: _restored(each, kept[each.name]) for each in scenarios if each.name in kept}


def write(results: Mapping[str, Result], file: Path = FILE) -> None:
    """Keep them."""
    kept = {
        name: {
            "circumstances": result.circumstances,
            "failed": result.failed,
            "rounds": [asdict(each) for each in result.rounds],
        }
        for name, result in results.items()
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept, indent=1) + "\n")


def _restored(scenario: Scenario, kept: dict[str, Any]) -> Result:
    rounds = [Outcome(**each) for each in kept["rounds"]]
    return Result(scenario, kept["circumstances"], rounds, kept["failed"])
