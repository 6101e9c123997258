"""The files that settings name: where they are, and what is in them."""

from __future__ import annotations

from pathlib import Path

from matchd.config.table import Table

LARGEST_FILE = 1 << 20


def path_of(table: Table, key: str, folder: Path) -> Path | None:
    """The path that ``key`` says; one from the file of settings is relative to that file's ``folder``."""
    text = table.text(key)
    if not text:
        return None
    return (Path.cwd() if table.is_option(key) else folder) / text


def read_file(path: Path) -> str:
    """All of a file; raises OSError, or ValueError where it is too large or no text."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("larger than 1 MiB")
    return content.decode()


def reason(error: Exception) -> str:
    """Why a file could not be read, for a person."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def is_public(path: Path) -> bool:
    """Whether every user of the machine may read a file that is there."""
    return bool(path.stat().st_mode & 0o004)
