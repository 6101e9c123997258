"""Writes ``bench/RESULTS.md`` and its plots from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import drawing
from bench.results import FOLDER, Result
from bench.scenario import Figure
from bench.scenarios import peers, steps
from bench.sizing import Costs, Game, needs

PAGE = Path(__file__).parent / "RESULTS.md"
MOST_WRONG = 3
OF_EACH = "size", "measured", "revision", "busy before"
"""What circumstances are told of each scenario; the others are those of the last one."""

PLAYERS = 1_000, 10_000, 100_000, 1_000_000
COSTS = "flood/server CPU", "flood/Redis CPU", "hold/memory", "steps/queued: redis memory"
SIZES = """\
By the figures below, for a game of one against one whose matches last 20 minutes, with a minute in which a player is
connected to matchd before each. The arithmetic is in
[docs/performance.md](../docs/performance.md#how-much-a-game-needs)."""

HEAD = """\
# What the benches measured

Written by `python -m bench`; [README.md](README.md) says how to run it, and
[docs/performance.md](../docs/performance.md) what the figures mean. Seconds and microseconds belong to the machine and
to how busy it was; ratios between servers that were measured in one run say more. Each figure is the median of the
scenario's rounds, with the least and the most behind it where there were several.
"""


def write(results: Mapping[str, Result], page: Path = PAGE, folder: Path = FOLDER) -> None:
    """The page, and its plots in ``folder``."""
    plots = dict(_plots(results))
    folder.mkdir(exist_ok=True)
    for name, plot in plots.items():
        (folder / name).write_text(plot)
    page.write_text("\n".join((HEAD, *_body(results, [f"{folder.name}/{name}" for name in plots]))))


def shown(result: Result) -> Iterator[str]:
    """What came of a scenario, for a terminal, a line each."""
    yield f"{result.scenario.name}:"
    for figure, value in _told(result):
        yield f"  {figure.name:28}{number(value):>12} {figure.unit:20} {figure.verdict(value)}"
    yield from (f"  note: {note}" for note in result.notes)
    yield from (f"  wrong: {what}" for what in result.wrong[:MOST_WRONG])


def number(value: float) -> str:
    """As many digits as say something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _body(results: Mapping[str, Result], plots: Iterable[str]) -> Iterator[str]:
    yield "## Targets\n"
    rows = [
        (f"[{result.scenario.name}](#{result.scenario.name})", figure.name, number(value), *_target(figure, value))
        for result in results.values()
        for figure, value in _told(result)
        if figure.asked is not None
    ]
    yield from _table(("scenario", "figure", "measured", "asked", "beyond", "verdict"), rows)
    failed = [result for result in results.values() if result.wrong]
    if failed:
        yield f"Something was wrong with {', '.join(result.scenario.name for result in failed)}: see there.\n"
    yield from (f"![{Path(plot).stem}]({plot})\n" for plot in plots)
    yield from _sizes(results)
    yield "## The machine\n"
    last = max((each.circumstances for each in results.values()), key=lambda each: each.get("measured", ""), default={})
    yield from _table(("", ""), [(name, value) for name, value in last.items() if name not in OF_EACH])
    for result in results.values():
        yield from _section(result)


def _sizes(results: Mapping[str, Result]) -> Iterator[str]:
    """What games of several sizes need, by the medians."""
    figures = {f"{name}/{figure}": value for name, each in results.items() for figure, value in each.figures.items()}
    try:
        costs = Costs(*(figures[name] for name in COSTS))
    except KeyError:
        return
    yield "## What a game needs\n"
    yield f"{SIZES}\n"
    rows = [_needs(Game(players), costs) for players in PLAYERS]
    heads = "players at the peak", "matched a second", "connections", "cores busy", "processes"
    yield from _table((*heads, "their memory for players", "a core of Redis", "Redis memory for players"), rows)


def _needs(game: Game, costs: Costs) -> Sequence[str]:
    need = needs(game, costs)
    coming = f"{game.players:,}", number(game.per_second), f"{game.connections:,.0f}"
    nodes = number(need.cores), str(need.processes), f"{need.server_mib:,.0f} MiB"
    return *coming, *nodes, f"{need.redis_core:.1%}", f"{need.redis_mib:,.0f} MiB"


def _section(result: Result) -> Iterator[str]:
    yield f"## {result.scenario.name}\n"
    yield f"{result.scenario.asks[:1].upper()}{result.scenario.asks[1:]}\n"
    rows = [
        (figure.name, number(value), figure.unit, _spread(result, figure), *_target(figure, value))
        for figure, value in _told(result)
    ]
    if rows:
        yield from _table(("figure", "median", "unit", "least to most", "asked", "beyond", "verdict"), rows)
    yield from (f"{note}\n" for note in result.notes)
    yield from (f"**Wrong:** {_one_line(what)}\n" for what in result.wrong[:MOST_WRONG])
    if (more := len(result.wrong) - MOST_WRONG) > 0:
        yield f"**Wrong:** {more} more things.\n"
    own = "; ".join(f"{name}: {result.circumstances[name]}" for name in OF_EACH if name in result.circumstances)
    yield f"{len(result.rounds)} of {result.scenario.rounds} rounds; {own}.\n"


def _told(result: Result) -> Iterator[tuple[Figure, float]]:
    figures = result.figures
    return ((figure, figures[figure.name]) for figure in result.scenario.figures if figure.name in figures)


def _target(figure: Figure, value: float) -> tuple[str, str, str]:
    if figure.asked is None:
        return "", "", ""
    sign = "at least" if figure.least else "at most"
    beyond = "" if figure.beyond is None else f"{figure.beyond:g}"
    return f"{sign} {figure.asked:g}", beyond, figure.verdict(value)


def _spread(result: Result, figure: Figure) -> str:
    least, most = result.ranges[figure.name]
    return f"{number(least)} to {number(most)}" if len(result.rounds) > 1 else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]


def _plots(results: Mapping[str, Result]) -> Iterator[tuple[str, str]]:
    if (beside := results.get("peers")) and beside.figures:
        rows = {
            name: {
                process: beside.figures[f"{name}: {process} CPU"]
                for process in ("server", "redis")
                if f"{name}: {process} CPU" in beside.figures
            }
            for name in peers.START
        }
        yield "peers.svg", drawing.bars("CPU time for each matched player", rows, "us")
    if (way := results.get("steps")) and way.figures:
        rows = {
            step: {process: way.figures[f"{step}: {process}"] for process in steps.PROCESSES} for step in steps.STEPS
        }
        yield "steps.svg", drawing.bars("CPU time of each step of a player's way", rows, "us")
    if (latency := results.get("latency")) and latency.rounds:
        curves = latency.rounds[-1].series
        across = "load, % of what one process matches in a closed loop"
        yield "latency.svg", drawing.lines("Waiting time over load", curves, across, "ms")
