"""How a generator's players fared: how many were matched, what was wrong, and how long each step took. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.books import Report, quantile
from bench.walker import Way

QUANTILES = (0.5, 0.9, 0.99, 1.0)
MILLI = 1000.0


@dataclass(slots=True)
class Account:
    """``seconds`` are from the first intended arrival to the last match; ``millis`` has quantiles of each step.

    ``late`` says how late the generator itself was to enqueue: beyond that, latencies are the server's.
    """

    players: int
    matched: int
    seconds: float
    wrong: list[str]
    events: dict[str, int]
    millis: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Players matched a second."""
        return self.matched / self.seconds if self.seconds > 0 else 0.0

    @property
    def remarks(self) -> list[str]:
        """What is not wrong, but not as it should be on a calm service either."""
        requeued = self.events.get("requeued", 0)
        return [f"{requeued} times a player was put back in the queue"] if requeued else []

    def __str__(self) -> str:
        steps = [f"  {name:22}" + _row(values) for name, values in self.millis.items()]
        rate = (
            f"{self.matched} of {self.players} players matched in {self.seconds:.1f} s: {self.per_second:.0f} a second"
        )
        verdict = [*self.wrong[:20], f"{len(self.wrong)} things are wrong"] if self.wrong else ["every match is valid"]
        return "\n".join((rate, *steps, *self.remarks, *verdict))


def account(ways: Sequence[Way], report: Report) -> Account:
    """The account of these ways; ``report`` is what their books say."""
    first = min((way.intended for way in ways), default=0.0)
    last = max((way.found for way in ways), default=0.0)
    steps = {
        "late": [way.enqueued - way.intended for way in ways if way.enqueued],
        "enqueue to queued": [way.queued - way.intended for way in ways if way.queued],
        "last enqueue to start": list(formed(ways)),
        "last loaded to match": list(settled(ways)),
        "enqueue to match": [way.found - way.intended for way in ways if way.found],
    }
    return Account(
        players=len(ways),
        matched=report.matched,
        seconds=max(last - first, 0.0),
        wrong=report.wrong,
        events=report.events,
        millis={name: _quantiles(values) for name, values in steps.items() if values},
    )


def formed(ways: Iterable[Way]) -> Iterable[float]:
    """For each player: from the enqueue of the last of his match, when that was intended, to his start_loading."""
    for roster in _rosters(ways):
        last = max(way.intended for way in roster)
        yield from (way.started - last for way in roster)


def settled(ways: Iterable[Way]) -> Iterable[float]:
    """For each player: from the loading_complete of the last of his match to his match_found."""
    for roster in _rosters(ways):
        last = max(way.loaded for way in roster)
        yield from (way.found - last for way in roster)


def _rosters(ways: Iterable[Way]) -> Iterable[list[Way]]:
    rosters: defaultdict[str, list[Way]] = defaultdict(list)
    for way in ways:
        if way.found and way.loading_session:
            rosters[way.loading_session].append(way)
    return rosters.values()


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{q * 100:g}": round(quantile(seconds, q) * MILLI, 3) for q in QUANTILES}


def _row(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:9.2f} ms" for name, value in values.items())
