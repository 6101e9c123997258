"""What a scenario is: what it asks, the figures that it tells and what they should be, and how to run it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.stage import Stage

Series = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, its unit, and what it should be: at most (where ``least``: at least) ``asked``, better ``beyond``."""

    name: str
    unit: str = ""
    asked: float | None = None
    beyond: float | None = None
    least: bool = False

    def verdict(self, value: float) -> str:
        """What became of the target: ``beyond``, ``reached``, ``missed``, or nothing where there is none."""
        if self.asked is None:
            return ""
        if self.beyond is not None and self._is_within(value, self.beyond):
            return "beyond"
        return "reached" if self._is_within(value, self.asked) else "missed"

    def _is_within(self, value: float, bound: float) -> bool:
        return value >= bound if self.least else value <= bound


@dataclass(slots=True)
class Outcome:
    """What one run came to: figures by name; what was wrong, a line each; remarks; points to plot, by name."""

    figures: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that is measured. ``run(stage, **full)`` measures it, ``run(stage, **smoke)`` only shows that it works.

    What ``long`` has in place of the same in ``full`` takes its time, and is for those who have it. Each of the
    ``rounds`` has a stage of its own, and is given up after ``seconds``; medians count.
    """

    name: str
    asks: str
    figures: tuple[Figure, ...]
    run: Callable[..., Awaitable[Outcome]]
    full: Mapping[str, Any]
    smoke: Mapping[str, Any]
    seconds: float = 90.0
    rounds: int = 1
    long: Mapping[str, Any] = field(default_factory=dict)

    def size(self, name: str) -> Mapping[str, Any]:
        """The parameters of ``full``, ``long`` or ``smoke``."""
        return {"full": self.full, "smoke": self.smoke, "long": {**self.full, **self.long}}[name]

    async def play(self, stage: Stage, size: str = "full") -> Outcome:
        """One round. Raises whatever goes wrong with it, and AssertionError for a figure that is not declared."""
        outcome = await self.run(stage, **self.size(size))
        unknown = outcome.figures.keys() - {figure.name for figure in self.figures}
        assert not unknown, f"{self.name} has told figures that it does not declare: {sorted(unknown)}"
        return outcome
