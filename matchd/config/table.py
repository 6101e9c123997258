"""A table of settings: its keys are taken one by one, each is checked, and what is wrong is collected.

The values come from TOML, or over them from the command line. A wrong one adds a line to ``problems`` that
names its key or option, and reads as the default; nothing here raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeVar, cast

S = TypeVar("S")
N = TypeVar("N", int, float)

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Form:
    """What a text has to look like: the check, and the words for it that a person is told."""

    fits: Callable[[str], object]
    words: str


LINE = Form(re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,4096}").fullmatch, "a text of one line")
VISIBLE = Form(re.compile(r"[!-~]{1,1024}").fullmatch, "a text of visible ASCII characters without spaces")


def bounded(default: N, low: N, high: N) -> N:
    """A field of a section (``Table.section``): its default and the bounds that a value keeps to."""
    bounds: Any = field(default=default, metadata={"low": low, "high": high})
    return bounds  # type: ignore[no-any-return]


def listed(default: tuple[str, ...], form: Form) -> tuple[str, ...]:
    """A field of a section that is a list of texts of this form."""
    texts: Any = field(default=default, metadata={"form": form})
    return texts  # type: ignore[no-any-return]


def shown(value: object) -> str:
    """``value`` about as a TOML file has it, short and on one line."""
    if isinstance(value, list):
        return f"[{', '.join(_shown_item(item) for item in value[:8])}{', ...' if len(value) > 8 else ''}]"
    return _shown_item(value)


def _shown_item(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value[:_SHOWN]) + ("..." if len(value) > _SHOWN else "")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a huge number"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return str(value)


class Table:
    """``values`` by key; ``path`` is its place in the file, ``options`` are the keys given on the command line."""

    def __init__(
        self, values: Mapping[str, object], problems: list[str], path: str = "", options: Collection[str] = ()
    ) -> None:
        self._values = values
        self._problems = problems
        self._path = path
        self._options = options
        self._known: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def is_option(self, key: str) -> bool:
        """Whether the value of ``key`` was given on the command line."""
        return key in self._options

    def name(self, key: str) -> str:
        """What a person knows ``key`` as: the option that gave it, or its place in the file."""
        if self.is_option(key):
            return "--" + key.replace("_", "-")
        return self._path + (key if _BARE.fullmatch(key) else json.dumps(key[:64]))

    def refuse(self, key: str, why: str) -> None:
        """Note what is wrong with ``key``."""
        self._problems.append(f"{self.name(key)}: {why}")

    def take(self, key: str) -> object:
        """The value of ``key``, which is known from now on; None when it was not given."""
        self._known.append(key)
        return self._values.get(key)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds; digits will do where it comes from the command line."""
        value = self.take(key)
        if self.is_option(key) and isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        if value is not None:
            self.refuse(key, f"a whole number from {low} to {high}, got {shown(value)}")
        return default

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number within bounds."""
        value = self.take(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        if value is not None:
            self.refuse(key, f"a number from {low:g} to {high:g}, got {shown(value)}")
        return default

    def flag(self, key: str) -> bool:
        """True or false; false when not given."""
        value = self.take(key)
        if self.is_option(key):
            return bool(value)
        if value is not None and not isinstance(value, bool):
            self.refuse(key, f"true or false, got {shown(value)}")
        return value is True

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``; the first is the default."""
        value = self.take(key)
        if isinstance(value, str) and value in choices:
            return value
        if value is not None:
            self.refuse(key, f"{' or '.join(choices)}, got {shown(value)}")
        return choices[0]

    def text(self, key: str, default: str = "", form: Form = LINE, secret: bool = False) -> str:
        """A text of the form; what is wrong with a secret is told without showing it."""
        value = self.take(key)
        if isinstance(value, str) and form.fits(value):
            return value
        if value is not None:
            self.refuse(key, form.words + ("" if secret else f", got {shown(value)}"))
        return default

    def texts(self, key: str, form: Form, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts of the form, each once, in the order given."""
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, list):
            self.refuse(key, f"a list, each item {form.words}; got {shown(value)}")
            return ()
        wrong = [item for item in value if not (isinstance(item, str) and form.fits(item))]
        for item in wrong:
            self.refuse(key, f"{form.words}, got {shown(item)}")
        return () if wrong else tuple(dict.fromkeys(value))

    def table(self, key: str) -> Table:
        """The table at ``key``; an empty one when it was not given."""
        value = self.take(key)
        if value is not None and not isinstance(value, dict):
            self.refuse(key, f"a table, got {shown(value)}")
        return Table(value if isinstance(value, dict) else {}, self._problems, self.name(key) + ".")

    def section(self, key: str, shape: type[S]) -> S:
        """The table at ``key`` as the dataclass ``shape``, each of its fields made with ``bounded`` or ``listed``."""
        inner = self.table(key)
        values = {}
        for each in fields(cast(Any, shape)):
            default: Any = each.default
            read: Any = inner.whole if isinstance(default, int) else inner.number
            read = inner.texts if isinstance(default, tuple) else read
            values[each.name] = read(each.name, default=default, **each.metadata)
        inner.refuse_unknown()
        return shape(**values)

    def refuse_unknown(self) -> None:
        """Note every key that nobody took, with the known one that it resembles most."""
        for key in self._values:
            if key not in self._known:
                alike = get_close_matches(key[:64], self._known, 1)
                self.refuse(key, "unknown key" + (f", did you mean {alike[0]}?" if alike else ""))
