"""``python -m tests.fuzz``: bad inputs by a seed, through real connections and sessions into a real store.

``--guided 600`` has atheris make them for ten minutes, where it is installed: ``pip install atheris``.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec

from tests.fuzz.guided import guided
from tests.fuzz.seeded import Campaign
from tests.inputs.trial import Broken
from tests.inputs.written import WRITTEN


def main() -> int:
    """Bring them; the status is 1 if anything but one reply or one close came of any."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many (100000)")
    parser.add_argument("--seed", type=int, default=1, help="others by another seed (1)")
    parser.add_argument("--guided", type=int, metavar="SECONDS", help="have atheris make them, for so long")
    given = parser.parse_args()
    if given.guided is None:
        return seeded(given.inputs, given.seed)
    if find_spec("atheris") is None:
        print("nothing done: atheris is not installed")
        return 0
    return guided(given.guided)


def seeded(inputs: int, seed: int) -> int:
    """The status of so many inputs by a seed."""
    campaign, began = Campaign(seed), time.process_time()
    try:
        campaign.run(inputs)
    except Broken as broken:
        print(f"seed {seed}: {broken}")
        return 1
    for what, often in sorted(campaign.came_of.items()):
        print(f"{often:7} {what}")
    seconds = time.process_time() - began
    written = sum(map(len, WRITTEN.values()))
    print(f"{written} written inputs in {len(WRITTEN)} categories: tests.test_bad_inputs")
    print(f"{campaign.came_of.total()} generated inputs by the seed {seed}, {seconds:.0f} s of CPU: all well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
