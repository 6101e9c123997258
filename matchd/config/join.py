"""``[join]``: the key that signs what players show at the game server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from matchd.config.files import is_public, path_of, read_file, reason
from matchd.config.table import Table
from matchd.keys import ALGORITHMS, signing_key


@dataclass(frozen=True, slots=True)
class Join:
    """All of it; without a ``key`` no tokens are made. ``seconds`` is how long one is good for."""

    key: str = field(default="", repr=False)
    algorithm: str = "HS256"
    seconds: float = 60.0


def read_join(table: Table, folder: Path, warnings: list[str]) -> Join:
    """The table ``join``; a key that others can read is used all the same, with a warning."""
    algorithm = table.choice("algorithm", ALGORITHMS)
    seconds = table.number("seconds", 60.0, 1.0, 3600.0)
    path = path_of(table, "key_file", folder)
    key = _read_key(table, path, algorithm, warnings) if path is not None else ""
    table.refuse_unknown()
    return Join(key, algorithm, seconds)


def _read_key(table: Table, path: Path, algorithm: str, warnings: list[str]) -> str:
    try:
        key = read_file(path)
        signing_key(algorithm, key)
        if is_public(path):
            warnings.append(f"every user of this machine can read {path}: {table.name('key_file')}")
        return key
    except (OSError, UnicodeDecodeError) as error:
        table.refuse("key_file", f"{path}: {reason(error)}")
    except ValueError as error:
        table.refuse("key_file", f"{path} {error}")
    return ""
