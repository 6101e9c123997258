"""``python -m bench``: play all scenarios, or those that are named, and tell what came of each.

A scenario that fails is told as failed, and the next one goes on. The exit status is 1 when one failed or found
something wrong; a target that was missed is told, and no failure.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.loops import run
from bench.scenario import Outcome, Scenario
from bench.scenarios import ALL
from bench.stage import Stage


@dataclass(slots=True)
class Result:
    """What came of a scenario: its rounds, and why it was given up, if it was."""

    scenario: Scenario
    rounds: list[Outcome] = field(default_factory=list)
    failed: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """The median of each figure over the rounds."""
        names = [figure.name for figure in self.scenario.figures]
        told = {name: [each.figures[name] for each in self.rounds if name in each.figures] for name in names}
        return {name: median(values) for name, values in told.items() if values}

    @property
    def wrong(self) -> list[str]:
        """Everything that was wrong in any round."""
        return [*([self.failed] if self.failed else []), *(what for each in self.rounds for what in each.wrong)]


async def play(scenario: Scenario, smoke: bool, rounds: int) -> Result:
    """All rounds of a scenario, until one fails."""
    result = Result(scenario)
    for number in range(rounds):
        print(f"{scenario.name}, round {number + 1} of {rounds}: {scenario.asks}", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout(scenario.seconds), Stage() as stage:
                result.rounds.append(await scenario.play(stage, smoke))
        except TimeoutError:
            result.failed = f"it did not end within {scenario.seconds:g} s"
        except Exception as error:
            result.failed = f"{type(error).__name__}: {error}"
        if result.failed:
            break
    return result


def shown(result: Result) -> Iterator[str]:
    """What came of it, for people, a line each."""
    yield f"{result.scenario.name}:"
    for figure in result.scenario.figures:
        if (value := result.figures.get(figure.name)) is not None:
            yield f"  {figure.name:28}{value:12,.1f} {figure.unit:18} {figure.verdict(value)}"
    yield from (f"  note: {note}" for each in result.rounds for note in each.notes)
    yield from (f"  wrong: {what}" for what in result.wrong[:20])


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [scenario.name for scenario in ALL]
    parser.add_argument("--only", action="append", choices=names, help="this scenario; may be given more than once")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: whether it works, not how fast")
    parser.add_argument("--rounds", type=int, default=0, help="how often; each scenario has its own default")
    return parser.parse_args(arguments)


async def bench(chosen: argparse.Namespace) -> list[Result]:
    """What the command line asks for."""
    results = []
    for scenario in ALL:
        if not chosen.only or scenario.name in chosen.only:
            results.append(
                await play(scenario, chosen.smoke, chosen.rounds or (1 if chosen.smoke else scenario.rounds))
            )
            print("\n".join(shown(results[-1])), flush=True)
    return results


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit status."""
    results = run(bench(parse(arguments)))
    return 1 if any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
