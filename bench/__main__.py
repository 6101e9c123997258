"""``python -m bench``: play all scenarios, or those that are named, and write what came of each to bench/RESULTS.md.

A scenario that fails is told as failed, and the next one goes on. What was measured of the others before stays
on the page. The exit status is 1 when something was wrong; a target that was missed is told, and is no failure.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from time import monotonic

from bench import report, results
from bench.loops import run
from bench.machine import circumstances
from bench.results import Result
from bench.scenario import Scenario
from bench.scenarios import ALL
from bench.stage import Stage, say_on_stderr

MINUTES = {"full": 15.0, "long": 30.0, "smoke": 15.0}


async def play(
    scenario: Scenario,
    size: str = "full",
    rounds: int = 1,
    until: float = float("inf"),
    say: Callable[[str], None] = say_on_stderr,
) -> Result:
    """All rounds of a scenario, until one fails, or the moment has come."""
    what = ", ".join(f"{name} {value}" for name, value in scenario.size(size).items())
    result = Result(scenario, {"size": what, **circumstances()})
    for number in range(rounds):
        say(f"{scenario.name}, round {number + 1} of {rounds}")
        seconds = min(scenario.seconds, until - monotonic())
        try:
            async with asyncio.timeout(seconds) as limit, Stage(say) as stage:
                outcome = await scenario.play(stage, size)
                outcome.wrong += stage.complaints()
                result.rounds.append(outcome)
        except Exception as error:
            late = isinstance(error, TimeoutError) and limit.expired()
            why = f"it did not end within {max(seconds, 0):.0f} s" if late else f"{type(error).__name__}: {error}"
            result.failed = f"round {number + 1}: {why}"
        if result.failed:
            break
    return result


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [scenario.name for scenario in ALL]
    parser.add_argument("--only", action="append", choices=names, help="this scenario; may be given more than once")
    parser.add_argument("--rounds", type=int, default=0, help="how often; each scenario has its own default")
    parser.add_argument("--minutes", type=float, help="in all, 15 or with --long 30; what does not fit is left out")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--smoke", action="store_const", dest="size", const="smoke", help="tiny: whether it works")
    sizes.add_argument("--long", action="store_const", dest="size", const="long", help="those that can, take long")
    parser.add_argument("--dry", action="store_true", help="write nothing down; so with --smoke")
    parser.set_defaults(size="full")
    chosen = parser.parse_args(arguments)
    chosen.minutes = chosen.minutes or MINUTES[chosen.size]
    return chosen


async def bench(chosen: argparse.Namespace) -> bool:
    """What the command line asks for; whether all was well."""
    until, well = monotonic() + chosen.minutes * 60, True
    known = results.read(ALL)
    for scenario in ALL:
        if chosen.only and scenario.name not in chosen.only:
            continue
        if monotonic() > until:
            print(f"{scenario.name}: left out, as {chosen.minutes:g} minutes are over", flush=True)
            well = False
            continue
        rounds = chosen.rounds or (1 if chosen.size == "smoke" else scenario.rounds)
        result = known[scenario.name] = await play(scenario, chosen.size, rounds, until)
        well = well and not result.wrong
        print("\n".join(report.shown(result)), flush=True)
        if not (chosen.size == "smoke" or chosen.dry):
            in_order = {each.name: known[each.name] for each in ALL if each.name in known}
            results.write(in_order)
            report.write(in_order)
    return well


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit status."""
    try:
        return 0 if run(bench(parse(arguments))) else 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("bench: interrupted", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
