"""requirements.lock: what a deployment installs, every file by its hash, and all that setup.py asks for (T36)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from twisted.trial.unittest import SynchronousTestCase

from tests.support.children import REPOSITORY
from tests.test_packaging import setup_arguments

LOCK = (REPOSITORY / "requirements.lock").read_text()
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; ([^\n\\]+))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M)
PINS = {match[1]: match for match in PIN.finditer(LOCK)}
PYTHONS = ("3.11.0", "3.11.2", "3.11.3", "3.12.0", "3.13.0", "3.14.0", "3.14.1")
"""Each that some requirement may tell from the others; Debian 12 has 3.11.2."""
OUTDATED = "requirements.lock is older than setup.py: run .ci/lock"


def environment(python: str, extra: str = "") -> dict[str, str]:
    """What markers are compared with where this version of Python runs, and ``extra`` is asked for."""
    short = ".".join(python.split(".")[:2])
    return {**default_environment(), "python_version": short, "python_full_version": python, "extra": extra}


def applies(marker: Marker | None, python: str, extra: str = "") -> bool:
    """Whether what has this marker is installed with this version of Python."""
    return marker is None or marker.evaluate(environment(python, extra))


def needed(python: str) -> dict[str, list[Requirement]]:
    """All that setup.py asks for, and all that this asks for in turn, with this version of Python."""
    found: dict[str, list[Requirement]] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in setup_arguments()["install_requires"]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append(requirement)
        for extra in {(name, ""), *((name, extra) for extra in requirement.extras)} - seen:
            seen.add(extra)
            waiting += asked_for_by(*extra, python)
    return found


def asked_for_by(name: str, extra: str, python: str) -> Iterator[Requirement]:
    """What a package asks for, by its metadata; one that is not installed here has none."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        if applies(requirement.marker, python, extra):
            yield requirement


class LockTests(SynchronousTestCase):
    """Whoever installs by the lock gets what was tried, and nothing else."""

    def test_every_line(self) -> None:
        """There are exact versions with hashes, and nothing else but comments: no other index, no address."""
        rest = PIN.sub("", LOCK)
        self.assertEqual([line for line in rest.splitlines() if line.strip() and not line.lstrip().startswith("#")], [])
        self.assertNotIn("://", LOCK)
        self.assertGreater(len(PINS), 10)

    def test_every_requirement(self) -> None:
        """All that is needed is pinned, to a version that satisfies it, with each Python from 3.11.0 to 3.14."""
        for python in PYTHONS:
            for name, requirements in needed(python).items():
                pin = PINS.get(name)
                self.assertTrue(pin and applies(pin[3] and Marker(pin[3]), python), f"{name}, {python}: {OUTDATED}")
                assert pin is not None
                for requirement in requirements:
                    self.assertTrue(requirement.specifier.contains(pin[2]), f"{requirement}, got {pin[2]}: {OUTDATED}")

    def test_nothing_else(self) -> None:
        """What nothing asks for, with any Python, is not installed."""
        self.assertEqual(set(PINS) - set().union(*map(needed, PYTHONS)), set())

    def test_lower_bounds(self) -> None:
        """Each requirement has a lower bound: what is older than any that was ever tried is not installed."""
        for line in setup_arguments()["install_requires"]:
            operators = {clause.operator for clause in Requirement(line).specifier}
            self.assertTrue(operators & {">=", "==", "~="}, line)
