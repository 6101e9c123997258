"""Scripts that are asked many questions at once: which ask what, as the scripts themselves say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from matchd.store.scripts import Script

T = TypeVar("T")
_ANSWERS_EACH = re.compile(rb"\banswer_each\((\d+), ")


def strides(scripts: Mapping[str, Script]) -> dict[str, int]:
    """How many arguments each question has, by the names of such scripts."""
    found = {name: _ANSWERS_EACH.findall(script.text) for name, script in scripts.items()}
    return {name: int(strides[-1]) for name, strides in found.items() if strides}


def one_by_one(arguments: Sequence[T], stride: int) -> list[Sequence[T]]:
    """The questions among what such a script is asked."""
    return [arguments[start : start + stride] for start in range(0, len(arguments), stride)]
