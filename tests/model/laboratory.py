"""What makes a run repeatable: scripts that are told the time and the dice, and ids that count from one.

The scripts are the product's, but for three lines: what Redis would say of the time is read from a key, what it
would draw at random is derived from that, and a call takes few arguments. A planted bug is one more such change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from unittest.mock import patch

from matchd.store.scripts import Script, load_all

CLOCK = "clock"
"""The key that holds the time, in us."""
START_US = 1_700_000_000_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of a script's text that is replaced. ``script`` may be ``prelude``, of which others are made too."""

    script: str
    old: str
    new: str


TOLD_THE_TIME = Change(
    "prelude",
    "local time = redis.call('TIME')",
    """
local told = tonumber(redis.call('GET', 'clock')) + 50
pcall(redis.call, 'SET', 'clock', string.format('%.0f', told))
local time = {math.floor(told / 1000000), told % 1000000}
""",
)
TOLD_THE_DICE = Change(
    "prelude",
    "redis.call('SPOP', queue, n)",
    """(function()
      local all, drawn = redis.call('SMEMBERS', queue), {}
      table.sort(all)
      for i = 1, math.min(n, #all) do
        drawn[i] = table.remove(all, math.floor(told / 50) % #all + 1)
        redis.call('SREM', queue, drawn[i])
      end
      return drawn
    end)()""",
)
SHORT_CALLS = Change("prelude", "local MOST = 1000", "local MOST = 4")
"""A call takes so few arguments that what six players do fills several, as a match of hundreds does."""


@cache
def scripts(changes: tuple[Change, ...] = ()) -> dict[str, Script]:
    """The scripts with these changes besides the usual three; each must fit in exactly one place."""

    def edit(name: str, text: str) -> str:
        for change in (TOLD_THE_TIME, TOLD_THE_DICE, SHORT_CALLS, *changes):
            if change.script == name:
                assert text.count(change.old) == 1, f"{name}: {change.old!r} is there {text.count(change.old)} times"
                text = text.replace(change.old, change.new)
        return text

    return load_all(edit)


class Counting:
    """In the place of ``secrets``: ids that nobody could call secret, but the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def token_hex(self, size: int) -> str:
        """The next one: ``n1``... where a node is named, ``s2``... for the stem of sessions."""
        return f"{'n' if size == 6 else 's'}{next(self._numbers)}"


@contextmanager
def laboratory(changes: tuple[Change, ...] = ()) -> Iterator[None]:
    """While it lasts, stores that are made use these scripts and ids."""
    with (
        patch("matchd.store.runner.load_all", lambda: scripts(changes)),
        patch("matchd.store.store.secrets", Counting()),
    ):
        yield
