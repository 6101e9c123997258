"""What a process says of itself, beside what the library for Prometheus would say."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from unittest import skipUnless

from prometheus_client import Metric, ProcessCollector
from twisted.trial.unittest import SynchronousTestCase

from matchd import usage
from matchd.usage import PROC, Usage, open_descriptors


def families(metrics: Iterable[Metric]) -> dict[str, tuple[str, float]]:
    """The type and the value of each, by name."""
    return {family.name: (family.type, family.samples[0].value) for family in metrics}


@skipUnless(PROC.exists(), "needs /proc")
class UsageTests(SynchronousTestCase):
    def test_it_says_what_the_library_says(self) -> None:
        """By the same names, so that any dashboard for processes shows it."""
        own, theirs = families(Usage().collect()), families(ProcessCollector(registry=None).collect())
        self.assertEqual({name: kind for name, (kind, _) in own.items()}, {n: kind for n, (kind, _) in theirs.items()})
        for name, slack in {
            "process_virtual_memory_bytes": 2**26, "process_resident_memory_bytes": 2**24,
            "process_start_time_seconds": 2, "process_cpu_seconds": 1, "process_max_fds": 0, "process_open_fds": 1,
        }.items():  # fmt: skip
            self.assertLessEqual(abs(own[name][1] - theirs[name][1]), slack, name)

    def test_each_descriptor_counts(self) -> None:
        """Whether the kernel tells their number, or they have to be counted."""
        before = open_descriptors()
        for _ in range(3):
            self.addCleanup(os.close, os.open(os.devnull, os.O_RDONLY))
        self.assertEqual(open_descriptors(), before + 3)

    def test_before_linux_6_2_they_are_counted(self) -> None:
        """There the folder has no size."""
        folder = Path(self.mktemp())
        (folder / "fd").mkdir(parents=True)
        for number in range(7):
            (folder / "fd" / str(number)).touch()
        self.patch(usage, "PROC", folder)
        self.patch(Path, "stat", lambda path: os.stat_result([0] * 10))
        self.assertEqual(open_descriptors(), 7)

    def test_where_there_is_no_proc_it_says_nothing(self) -> None:
        """As on macOS, where the library says nothing either."""
        self.patch(usage, "PROC", Path("/nonexistent"))
        self.assertEqual(list(Usage().collect()), [])
