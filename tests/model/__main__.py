"""``python -m tests.model --seconds 240``: the model test for as long as you like, by ever new seeds."""

from __future__ import annotations

import argparse
import sys
import time

from tests.model.machine import MatchmakingMachine
from tests.model.runner import Effort, Outcome, search


def main() -> int:
    """Run; the status is 1 if an invariant was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.model", description="Drive a service at random, and check it."
    )
    parser.add_argument("--seconds", type=float, default=60, help="no further seed is begun after that (60)")
    parser.add_argument("--seed", type=int, default=None, help="the first seed (by the time of day)")
    parser.add_argument("--seeds", type=int, default=None, help="how many seeds at most (as many as fit)")
    parser.add_argument("--runs", type=int, default=25, help="runs by each seed (25)")
    parser.add_argument("--steps", type=int, default=50, help="steps of each run, at most (50)")
    arguments = parser.parse_args()
    first = int(time.time()) % 1_000_000 * 1000 if arguments.seed is None else arguments.seed
    end = time.monotonic() + arguments.seconds
    print(f"seeds from {first} on", flush=True)
    effort = Effort(arguments.runs, arguments.steps)

    def goes_on(sofar: Outcome) -> bool:
        return time.monotonic() < end and (arguments.seeds is None or sofar.seeds < arguments.seeds)

    outcome = search(MatchmakingMachine, first, goes_on, effort)
    print(outcome)
    return 0 if outcome.failed_seed is None else 1


if __name__ == "__main__":
    sys.exit(main())
