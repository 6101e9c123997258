"""What processes take of a machine, seen from outside through ``/proc``, and whether it grows. Units are named."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process."""

    at: float
    rss_mib: float
    descriptors: int


def look(pid: int, now: float) -> Sample | None:
    """How a process is at ``now``; None when there is no such process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  # only counted
    except OSError:
        return None
    _, found, rest = status.partition("VmRSS:")
    return Sample(now, int(rest.split()[0]) / 1024, descriptors) if found else None


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used so far. Raises OSError when there is no such process."""
    # Linux knows a clock for every process; its number is made like this (see clock_getcpuclockid(3)).
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True, slots=True)
class Growth:
    """How a process changed a minute, over a part of its life that lasted ``seconds``."""

    name: str
    seconds: float
    rss_mib: float
    descriptors: float

    def __str__(self) -> str:
        grown = f"{self.rss_mib:+.2f} MiB, {self.descriptors:+.1f} descriptors a minute"
        return f"{self.name:10} {self.seconds:4.0f} s: {grown}"


class Lives:
    """The looks at every process, each run of a program by itself."""

    def __init__(self) -> None:
        self._looks: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)

    def look(self, name: str, pid: int, now: float, players: int = 0) -> None:
        """Look at the process that runs as ``name`` now; the sockets of its ``players`` do not count."""
        if (sample := look(pid, now)) is not None:
            self.add(name, pid, replace(sample, descriptors=sample.descriptors - players))

    def add(self, name: str, pid: int, sample: Sample) -> None:
        """One more look at a process."""
        self._looks[name, pid].append(sample)

    def __len__(self) -> int:
        return len(self._looks)

    def growths(self, since: float, until: float, warm_up: float, least: float) -> list[Growth]:
        """How each grew between two moments, the ``warm_up`` of its life left out; lives shorter than ``least`` too."""
        growths = []
        for (name, _), looks in self._looks.items():
            grown_up = [look for look in looks if max(since, looks[0].at + warm_up) <= look.at <= until]
            if grown_up and grown_up[-1].at - grown_up[0].at >= least:
                growths.append(_growth(name, grown_up))
        return growths

    def descriptors(self) -> dict[str, int]:
        """How many each had at the last look, by name."""
        return {name: looks[-1].descriptors for (name, _), looks in self._looks.items()}

    def peaks(self) -> tuple[float, int]:
        """The most memory (MiB) and the most descriptors that any had."""
        looks = [look for life in self._looks.values() for look in life]
        return max(look.rss_mib for look in looks), max(look.descriptors for look in looks)


def _growth(name: str, looks: Sequence[Sample]) -> Growth:
    at = [look.at for look in looks]
    return Growth(
        name,
        at[-1] - at[0],
        slope(at, [look.rss_mib for look in looks]) * MINUTE,
        slope(at, [look.descriptors for look in looks]) * MINUTE,
    )


def slope(at: Iterable[float], values: Iterable[float]) -> float:
    """How much the values change with each unit of ``at``: the median of all pairs' slopes, deaf to outliers."""
    points = sorted(zip(at, values, strict=True))
    slopes = sorted((y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :] if x2 > x1)
    return slopes[len(slopes) // 2] if slopes else 0.0
