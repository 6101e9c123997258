"""Running the machine: by one seed for a number of runs, or by one seed after the other until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import MatchmakingMachine

Machine = type[MatchmakingMachine]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried: runs, steps of each, and whether a failing run is made as short as possible."""

    runs: int = 25
    steps: int = 50
    shrink: bool = True

    def settings(self) -> settings:
        """The same for Hypothesis."""
        return settings(
            max_examples=self.runs,
            stateful_step_count=self.steps,
            phases=(Phase.generate, Phase.shrink) if self.shrink else (Phase.generate,),
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )


def run(machine: Machine, number: int, effort: Effort) -> None:
    """Run the machine with this seed; raises what the shortest failing run raised, its steps in the notes."""
    run_state_machine_as_test(seed(number)(machine), settings=effort.settings())


@dataclass(slots=True)
class Outcome:
    """What running came to; ``failure`` says by which seed and how."""

    seeds: int = 0
    runs: int = 0
    steps: int = 0
    scripts: int = 0
    seconds: float = 0.0
    failed_seed: int | None = None
    failure: str = ""

    def __str__(self) -> str:
        effort = f"{self.runs} runs, {self.steps} steps, {self.scripts} scripts"
        speed = f"{effort} by {self.seeds} seeds in {self.seconds:.0f} s"
        if self.failed_seed is None:
            return f"{speed}: every invariant held"
        return f"{self.failure}\n\n{speed}: seed {self.failed_seed} failed"


def search(machine: Machine, first: int, goes_on: Callable[[Outcome], bool], effort: Effort) -> Outcome:
    """Run by one seed after the other while ``goes_on``, or until one fails."""
    outcome, began = Outcome(), time.monotonic()
    counted = type(machine.__name__, (machine,), {"runs": 0, "steps": 0, "scripts": 0})
    while outcome.failed_seed is None and goes_on(outcome):
        try:
            run(counted, first + outcome.seeds, effort)
        except Exception as error:
            outcome.failed_seed = first + outcome.seeds
            outcome.failure = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])])
        outcome.seeds += 1
        outcome.runs, outcome.steps, outcome.scripts = counted.runs, counted.steps, counted.scripts
        outcome.seconds = time.monotonic() - began
    return outcome
