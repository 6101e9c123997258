"""docs/design.md's plan of the house, against the house: every module has its room, and imports point down."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.children import REPOSITORY
from tests.support.documents import CODE, Document

DESIGN = Document.read("docs/design.md")


def rooms() -> list[str]:
    """Every module of the plan, from top to bottom and from left to right."""
    (table,) = DESIGN.section("The rooms").tables
    cells = [[CODE.findall(row[column]) for column in ("room", "what lives there")] for row in table]
    return [module for places, named in cells for module in _room(places, named)]


def _room(places: list[str], named: list[str]) -> list[str]:
    if places[0].endswith("/"):
        folder = REPOSITORY / places[0]
        files = [folder / f"{name}.py" for name in named]
    else:
        files = [REPOSITORY / "matchd" / place.removeprefix("matchd/") for place in places]
    return [dotted(file) for file in files if file.is_file()]


def dotted(file: Path) -> str:
    """The module in a file."""
    return ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)


def modules() -> dict[str, Path]:
    """Every module that there is, but for the packages' own."""
    return {dotted(file): file for file in (REPOSITORY / "matchd").rglob("*.py") if file.name != "__init__.py"}


def imported(file: Path) -> Iterator[str]:
    """What a module imports of matchd, but for types alone."""
    tree = ast.parse(file.read_text())
    choices = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    ignored = {child for node in choices if ast.unparse(node.test) == "TYPE_CHECKING" for child in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in ignored and (node.module or "").startswith("matchd"):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def methods() -> set[str]:
    """Every method that there is, with its class before it."""
    trees = [ast.parse(file.read_text()) for file in modules().values()]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    return {f"{each.name}.{part.name}" for each in classes for part in each.body if isinstance(part, kinds)}


class RoomTests(SynchronousTestCase):
    """A stranger who looks for something finds it where the plan says."""

    def test_every_module(self) -> None:
        """Each module is in one room."""
        self.assertEqual(sorted(rooms()), sorted(modules()))

    def test_imports_point_down(self) -> None:
        """No module knows one that stands above it, or to the left of it."""
        order = {name: place for place, name in enumerate(rooms())}
        upward = [
            (name, other)
            for name, file in modules().items()
            if name in order
            for other in imported(file)
            if other in order and order[other] < order[name]
        ]
        self.assertEqual(upward, [])


class RoadTests(SynchronousTestCase):
    """Whoever follows a road finds each name on it in the code."""

    def test_methods(self) -> None:
        """Each method is where it is said to be."""
        named = set(re.findall(r"`([A-Z]\w+\.\w+)`", DESIGN.text))
        self.assertGreater(len(named), 10)
        self.assertEqual(named - methods(), set())

    def test_scripts(self) -> None:
        """Each script is one."""
        named = set(re.findall(r"`(\w+\.lua)`", DESIGN.text))
        self.assertGreater(len(named), 8)
        self.assertEqual(named - {file.name for file in (REPOSITORY / "matchd").rglob("*.lua")}, set())
