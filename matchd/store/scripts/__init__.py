"""The Lua scripts, loaded from the files beside this one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

PRELUDES = ("prelude", "prelude_matches")


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its text with the preludes in it, and the digest by which the store knows it."""

    name: str
    text: bytes
    sha: bytes


def _load(name: str, prelude: str) -> Script:
    # Redis wants the `#!lua` line first, so the preludes go in behind it.
    head, _, body = (files(__name__) / f"{name}.lua").read_text("ascii").partition("\n")
    text = f"{head}\n{prelude}\n{body}".encode()
    return Script(name, text, hashlib.sha1(text).hexdigest().encode())


def load_all() -> dict[str, Script]:
    """Every script by its name."""
    folder = files(__name__)
    prelude = "\n".join((folder / f"{name}.lua").read_text("ascii") for name in PRELUDES)
    names = sorted(entry.name.removesuffix(".lua") for entry in folder.iterdir() if entry.name.endswith(".lua"))
    return {name: _load(name, prelude) for name in names if name not in PRELUDES}
