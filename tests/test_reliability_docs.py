"""docs/reliability.md promises nothing without a test by the name that it gives."""

from __future__ import annotations

import re
from importlib import import_module

from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "reliability.md").read_text()
ROW = re.compile(r"^\| .* \| `([a-z0-9_.]+)\.(\w+)\.(test_\w+)` \|$", re.MULTILINE)


class PromiseTests(SynchronousTestCase):
    """The tables of what is promised."""

    def test_every_promise_has_its_test(self) -> None:
        """Each row names a test that is there."""
        rows = ROW.findall(DOCUMENT)
        self.assertGreater(len(rows), 30)
        for module, case, test in rows:
            self.assertTrue(hasattr(getattr(import_module(f"tests.{module}"), case), test), f"{module}.{case}.{test}")

    def test_no_row_without_a_test(self) -> None:
        """There is no promise besides."""
        promises = DOCUMENT.partition("## What is promised")[2].partition("## What is not promised")[0]
        lines = [line for line in promises.splitlines() if line.startswith("| ") and "| when |" not in line]
        self.assertEqual(len(lines), len(ROW.findall(promises)))
