"""``python -m tests.model.planted``: is the checker any good? Bugs are planted in the product, for it to find."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from tests.model.bugs import BUGS, Planted
from tests.model.laboratory import scripts
from tests.model.machine import MatchmakingMachine
from tests.model.runner import Effort, Outcome, search

PATIENCE = 1000
"""Runs after which a bug counts as not caught: the same ones everywhere, however busy a machine is."""


@contextmanager
def planted(bug: Planted) -> Iterator[type[MatchmakingMachine]]:
    """The machine that drives a product with this bug."""
    changes = () if bug.change is None else (bug.change,)
    scripts(changes)  # raises where it does not fit
    machine = type("PlantedMachine", (MatchmakingMachine,), {"changes": changes})
    if not bug.method:
        yield machine
        return
    with patch(bug.method, bug.instead):
        yield machine


def hunt(bug: Planted, first: int) -> Outcome:
    """Run until the bug is caught, or patience is at its end."""
    with planted(bug) as machine:
        return search(machine, first, lambda sofar: sofar.runs < PATIENCE, Effort(runs=20, shrink=False))


def main() -> int:
    """Hunt them all; the status is 1 if one got away."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.planted", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--only", default="", help="only bugs with this in their name")
    parser.add_argument("--few", action="store_true", help="every sixth bug, for a quick look")
    given = parser.parse_args()
    bugs = [bug for bug in BUGS if given.only in bug.name][:: 6 if given.few else 1]
    caught = 0
    for bug in bugs:
        outcome = hunt(bug, given.seed)
        caught += outcome.failed_seed is not None
        how = outcome.failure.partition("\n")[0][:110] if outcome.failed_seed is not None else "NOT CAUGHT"
        print(f"{bug.name:<58} {outcome.runs:>4} runs {outcome.seconds:>5.1f} s  {how}", flush=True)
    print(f"caught {caught} of {len(bugs)}")
    return 0 if caught == len(bugs) else 1


if __name__ == "__main__":
    sys.exit(main())
