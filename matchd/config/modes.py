"""The game modes of the settings: ``[modes.NAME]``, one table each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from matchd.config.table import Table, shown
from matchd.model import DEFAULT_MODE, GameMode, Order, is_name

MOST_TEAMS = 20
LARGEST_TEAM = 100
LARGEST_MATCH = 200
MOST_MODES = 1000
"""Each node tells the store of all its modes once a second, and draws from all of them."""

DEFAULT_MODES: Mapping[str, GameMode] = MappingProxyType({DEFAULT_MODE.name: DEFAULT_MODE})


def read_modes(table: Table) -> Mapping[str, GameMode]:
    """The modes of ``modes`` in the table, by name, in the order of the file; the built-in one when there is none."""
    inner = table.table("modes")
    modes = {name: _read_mode(inner, name) for name in inner}
    if len(modes) > MOST_MODES:
        table.refuse("modes", f"at most {MOST_MODES} modes, got {len(modes)}")
    return MappingProxyType(modes) if modes else DEFAULT_MODES


def _read_mode(table: Table, name: str) -> GameMode:
    if not is_name(name):
        table.refuse(name, "a mode's name is 1 to 64 of A-Z a-z 0-9 . _ -")
    mode = table.table(name)
    usual = GameMode(name)
    built = GameMode(
        name,
        teams=_read_teams(mode, usual.teams),
        loading_timeout=mode.number("loading_timeout", usual.loading_timeout, 1, 3600),
        order=Order(mode.choice("order", (Order.FIFO, Order.RANDOM))),
    )
    mode.refuse_unknown()
    return built


def _read_teams(mode: Table, default: tuple[int, ...]) -> tuple[int, ...]:
    value = mode.take("teams")
    if value is None:
        return default
    sizes = [size for size in value if type(size) is int] if isinstance(value, list) else []
    if not isinstance(value, list) or sizes != value or not 1 <= len(sizes) <= MOST_TEAMS:
        why = f"a list of 1 to {MOST_TEAMS} whole numbers"
    elif not all(1 <= size <= LARGEST_TEAM for size in sizes):
        why = f"a team has 1 to {LARGEST_TEAM} players"
    elif not 2 <= sum(sizes) <= LARGEST_MATCH:
        why = f"a match has 2 to {LARGEST_MATCH} players"
    else:
        return tuple(sizes)
    mode.refuse("teams", f"{why}, got {shown(value)}")
    return default
