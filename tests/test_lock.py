"""requirements.lock: what a deployment installs, every file by its hash, and all that setup.py asks for (T36)."""

from __future__ import annotations

import re

from packaging.markers import default_environment
from packaging.requirements import Requirement
from twisted.trial.unittest import SynchronousTestCase

from tests.support.children import REPOSITORY
from tests.test_packaging import setup_arguments

LOCK = (REPOSITORY / "requirements.lock").read_text()
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M)
PINS = {match[1]: match for match in PIN.finditer(LOCK)}
OUTDATED = "requirements.lock is older than setup.py: run .ci/lock"


class LockTests(SynchronousTestCase):
    """Whoever installs by the lock gets what was tried, and nothing else."""

    def test_every_line(self) -> None:
        """There are exact versions with hashes, and nothing else but comments: no other index, no address."""
        rest = PIN.sub("", LOCK)
        self.assertEqual([line for line in rest.splitlines() if line.strip() and not line.lstrip().startswith("#")], [])
        self.assertNotIn("://", LOCK)
        self.assertGreater(len(PINS), 10)

    def test_every_requirement(self) -> None:
        """Each requirement of setup.py is pinned to a version that satisfies it."""
        for line in setup_arguments()["install_requires"]:
            requirement = Requirement(line)
            if requirement.marker is not None and not requirement.marker.evaluate(default_environment()):
                continue
            pin = PINS.get(requirement.name.lower().replace("_", "-"))
            self.assertIsNotNone(pin, f"{requirement.name}: {OUTDATED}")
            assert pin is not None
            self.assertTrue(requirement.specifier.contains(pin[2]), f"{line}, got {pin[2]}: {OUTDATED}")

    def test_lower_bounds(self) -> None:
        """Each requirement has a lower bound: what is older than any that was ever tried is not installed."""
        for line in setup_arguments()["install_requires"]:
            operators = {clause.operator for clause in Requirement(line).specifier}
            self.assertTrue(operators & {">=", "==", "~="}, line)
