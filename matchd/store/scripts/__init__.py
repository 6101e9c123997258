"""The Lua scripts, each made of the file beside this one and of what it uses of the preludes.

Redis would make every function of a prelude anew at every run of a script: without those that it does not use,
a script costs Redis a third.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files

PRELUDES = (
    "prelude", "prelude_records", "prelude_players", "prelude_matches", "prelude_cooldown", "prelude_draw",
    "prelude_commit",
)  # fmt: skip

_PART = re.compile(r"^local (?:function )?([\w, ]+)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"^ *--.*\n|\s+--\s.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its whole text, and the digest by which the store knows it."""

    name: str
    text: bytes
    sha: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """One definition at the top level of a prelude: the names that it defines, the words in it, its text."""

    names: frozenset[str]
    words: frozenset[str]
    text: str


def load_all(edit: Callable[[str, str], str] = lambda name, text: text) -> dict[str, Script]:
    """Every script by its name. ``edit`` is given each file's text, the preludes' as one, and says what counts."""
    folder = files(__name__)
    names = sorted(entry.name.removesuffix(".lua") for entry in folder.iterdir() if entry.name.endswith(".lua"))
    texts = {name: (folder / f"{name}.lua").read_text("ascii") for name in names}
    prelude = _parts(edit("prelude", "\n".join(texts.pop(name) for name in PRELUDES)))
    return {name: _assembled(name, edit(name, text), prelude) for name, text in texts.items()}


def _parts(prelude: str) -> list[_Part]:
    text = _COMMENT.sub("", prelude)
    starts = [match.start() for match in _PART.finditer(text)]
    return [_part(text[start:end]) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _part(text: str) -> _Part:
    head = _PART.match(text)
    assert head is not None
    return _Part(frozenset(_WORD.findall(head[1])), frozenset(_WORD.findall(text)), text)


def _assembled(name: str, text: str, prelude: Iterable[_Part]) -> Script:
    # Redis wants the `#!lua` line first, so the prelude goes in behind it.
    head, _, body = text.partition("\n")
    whole = "\n".join([head, *(part.text.rstrip() for part in _used(body, list(prelude))), body]).encode()
    return Script(name, whole, hashlib.sha1(whole, usedforsecurity=False).hexdigest().encode())


def _used(body: str, prelude: list[_Part]) -> list[_Part]:
    """What the body needs: a part can use those before it, so one look from the last to the first finds all."""
    words, used = set(_WORD.findall(_COMMENT.sub("", body))), []
    for part in reversed(prelude):
        if part.names & words:
            used.append(part)
            words |= part.words
    return used[::-1]
