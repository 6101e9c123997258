"""Who runs on which core, so that the attacker's own work is not taken for the server's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """The node's own core, and the one for everything else; None where there is only one."""

    node: int | None
    others: int | None


def two() -> Cores:
    """Two of those that this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    return Cores(mine[0], mine[1]) if len(mine) > 1 else Cores(None, None)


def stay_on(core: int | None, pid: int = 0) -> None:
    """A process, this one if none is named, runs on this core from now on; with None wherever it likes."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def be_modest() -> None:
    """Take only what others leave of a core: in truth an attacker is on a machine of his own."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
