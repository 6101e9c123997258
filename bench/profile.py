"""``python -m bench.profile SCENARIO``: play a scenario while py-spy looks at the node, and tell where its time went.

py-spy looks from outside, a few hundred times a second, and costs the node next to nothing; so the shares are those
of a node that nobody looks at. Where the system lets only root look at another process, run it as root.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.loops import run
from bench.scenario import Scenario
from bench.scenarios import ALL
from bench.stage import Stage, Unready
from tests.support.children import REPOSITORY
from tests.support.fleet import Node, Program
from tests.support.valkey import Valkey

RATE = 400
"""Looks a second."""
WRITE_SECONDS = 20.0
MOST_ROWS = 25

Stacks = Counter[tuple[str, ...]]
"""How often each stack was seen, the outermost frame first; a frame is ``function (file:line)``."""


class Unavailable(Exception):
    """There is no profiler, or it does not work; the text says why."""


class ProfiledStage(Stage):
    """A stage on which every node is looked at, from when it is ready until ``stacks`` is called."""

    def __init__(self) -> None:
        super().__init__()
        self._looking: list[tuple[Program, Path]] = []

    async def node(self, store: Valkey, *options: str, toml: str = "") -> Node:
        node = await super().node(store, *options, toml=toml)
        self._look_at(node.child.pid)
        return node

    async def stacks(self) -> Stacks:
        """What was seen. Raises Unavailable."""
        seen: Stacks = Counter()
        for spy, file in self._looking:
            spy.signal(signal.SIGINT)
            async with asyncio.timeout(WRITE_SECONDS):
                while spy.child.status is None:
                    await asyncio.sleep(0.1)
            if not file.exists():
                raise Unavailable(f"py-spy says: {spy.complaints.strip()}")
            seen += read(file.read_text())
        return seen

    def _look_at(self, pid: int) -> None:
        if (found := shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")) is None:
            raise Unavailable("py-spy is not installed: pip install -e '.[bench]'")
        file = self.fleet.folder / f"stacks-{pid}"
        form = "--format", "raw", "--full-filenames", "--function", "--rate", str(RATE)
        spy = self.command(found, "record", "--pid", str(pid), *form, "--output", str(file))
        self._looking.append((spy, file))


def read(raw: str) -> Stacks:
    """The stacks in py-spy's raw format: frames with semicolons between them, and a count."""
    seen: Stacks = Counter()
    for line in raw.splitlines():
        frames, _, count = line.rpartition(" ")
        seen[tuple(frames.split(";"))] += int(count)
    return seen


def rooms(seen: Stacks) -> Counter[str]:
    """How often each room of matchd was at work, itself or a library for it; a library's name where no room was."""
    found: Counter[str] = Counter()
    for stack, count in seen.items():
        found[_room(stack)] += count
    return found


def own(seen: Stacks) -> Counter[str]:
    """How often each function was at work itself."""
    found: Counter[str] = Counter()
    for stack, count in seen.items():
        found[_short(stack[-1])] += count
    return found


def within(seen: Stacks) -> Counter[str]:
    """How often each function of matchd was at work, itself or in what it had called."""
    found: Counter[str] = Counter()
    for stack, count in seen.items():
        for name in {_short(frame) for frame in stack if "matchd/" in _short(frame)}:
            found[name] += count
    return found


def _room(stack: Sequence[str]) -> str:
    ours = [name for frame in stack if (name := _short(frame)).startswith("matchd/")]
    if not ours:
        return _short(stack[-1]).partition("/")[0] + ", for no room"
    folder, _, _ = ours[-1].partition(":")
    return folder if folder.count("/") == 1 else folder.rpartition("/")[0] + "/"


def _short(frame: str) -> str:
    """``package/module.py:function`` of a frame."""
    function, _, place = frame.rpartition(" (")
    file = place.rstrip(")").rpartition(":")[0] or place.rstrip(")")
    for root in ("site-packages/", f"{REPOSITORY}/"):
        if root in file:
            return f"{file.rpartition(root)[2]}:{function}"
    return f"python/{Path(file).name}:{function}"


def table(title: str, seen: Counter[str], whole: int, micros: float, most: int = MOST_ROWS) -> Iterator[str]:
    """The largest shares, and what that is for each player where ``micros`` are all."""
    yield f"\n{title:66}{'share':>8}{'us a player':>14}"
    for name, count in seen.most_common(most):
        share = count / whole
        yield f"{name:66}{share:8.1%}" + (f"{share * micros:14.1f}" if micros else "")


@dataclass(frozen=True, slots=True)
class Profile:
    """What was seen of a scenario's nodes, and what they took for each player, if it tells (microseconds)."""

    scenario: Scenario
    seen: Stacks
    micros: float

    def __str__(self) -> str:
        whole = self.seen.total()
        if not whole:
            return "nothing was seen"
        parts: Iterable[tuple[str, Counter[str]]] = (
            ("by room", rooms(self.seen)),
            ("by function, itself", own(self.seen)),
            ("by function of matchd, with all that it calls", within(self.seen)),
        )
        head = f"{self.scenario.name}: {whole} looks at the node while it was at work"
        return "\n".join((head, *(line for title, seen in parts for line in table(title, seen, whole, self.micros))))


async def profile(scenario: Scenario, size: str = "full") -> Profile:
    """Play it once. Raises Unavailable, and whatever goes wrong with it."""
    async with asyncio.timeout(scenario.seconds + WRITE_SECONDS), ProfiledStage() as stage:
        outcome = await scenario.play(stage, size)
        return Profile(scenario, await stage.stacks(), outcome.figures.get("server CPU", 0.0))


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("scenario", choices=[scenario.name for scenario in ALL])
    parser.add_argument("--smoke", action="store_true", help="in its tiny size")
    chosen = parser.parse_args(arguments)
    (scenario,) = (scenario for scenario in ALL if scenario.name == chosen.scenario)
    try:
        print(run(profile(scenario, "smoke" if chosen.smoke else "full")))
    except (Unavailable, Unready) as why:
        print(f"profile: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
