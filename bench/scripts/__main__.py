"""``python -m bench.scripts``: what a player costs Redis in matchd's scripts, and at the least; README.md says how."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files

from bench.scripts.flow import STEPS, Flow
from matchd.store.scripts import load_all
from tests.support.valkey import Valkey

TOGETHER = 2, 10, 40, 100
WARM_UP = 5


def matchds() -> dict[str, bytes]:
    """The scripts as they are."""
    return {name: script.text for name, script in load_all().items() if name in STEPS}


def least() -> dict[str, bytes]:
    """Scripts that do only what has to be done where all goes well: no checks, no other case."""
    return {name: (files("bench.scripts") / f"{name}.lua").read_bytes() for name in STEPS}


@contextmanager
def flow(scripts: Mapping[str, bytes]) -> Iterator[Flow]:
    """A flow by these scripts, on a store of its own."""
    store = Valkey().start()
    try:
        with closing(Flow(store, scripts)) as flow:
            yield flow
    finally:
        store.stop()


def measured(together: int, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """The median us of each step for a player: of matchd's scripts, and of the least, in turn."""
    with flow(matchds()) as real, flow(least()) as bare:
        taken = [(real.play(together), bare.play(together)) for _ in range(WARM_UP + rounds)][WARM_UP:]
    reals, bares = zip(*taken, strict=True)
    return medians(reals), medians(bares)


def medians(taken: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each step."""
    return {step: statistics.median(one[step] for one in taken) for step in STEPS}


def told(name: str, taken: Mapping[str, float]) -> str:
    """One line of the table."""
    steps = "".join(f"{taken[step]:10.1f}" for step in STEPS)
    return f"{name:20}{steps}{sum(taken.values()):10.1f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.scripts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="how often each is measured (50)")
    given = parser.parse_args()
    print("us a player by Redis's own clock; draws are part of enqueue")
    print(f"{'together':20}{'enqueue':>10}{'load':>10}{'settle':>10}{'all':>10}")
    for together in TOGETHER:
        real, bare = measured(together, given.rounds)
        print(told(f"{together}", real))
        print(told(f"{together}, at the least", bare), flush=True)


if __name__ == "__main__":
    main()
