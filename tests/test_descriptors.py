"""As many players as there are descriptors for, and not one more."""

from __future__ import annotations

import resource

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from matchd.descriptors import SPARE, affordable, raise_limit
from matchd.websocket.limits import Limits


class DescriptorsTests(SynchronousTestCase):
    def test_the_limit_is_raised(self) -> None:
        """A process that may have more descriptors takes what it may."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
        self.assertEqual(raise_limit(), hard)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (hard, hard))

    def test_enough(self) -> None:
        """Where there are enough, the settings count, and nothing is said."""
        limits = Limits(max_connections=18_000)
        with capturedLogs() as logged:
            self.assertIs(affordable(limits, 20_000), limits)
        self.assertEqual(logged, [])

    def test_too_few(self) -> None:
        """Else as many players as will do, and the log says it."""
        with capturedLogs() as logged:
            limits = affordable(Limits(max_connections=18_000), 4096)
        self.assertEqual((limits.max_connections, limits.overflow), (3630, 201))
        (event,) = logged
        self.assertEqual(
            event["log_format"].format(**event),
            "max_connections: 18000 players don't fit into the 4096 descriptors of this process, only 3630 do",
        )

    def test_somewhat_too_few(self) -> None:
        """Where only those who are to be told that the node is full don't fit, there is less room for those."""
        with capturedLogs() as logged:
            limits = affordable(Limits(max_connections=18_000), 19_000)
        self.assertEqual((limits.max_connections, limits.overflow), (17_936, 500))
        self.assertEqual(len(logged), 1)
        with capturedLogs() as logged:
            limits = affordable(Limits(max_connections=800), 1024)
        self.assertEqual((limits.max_connections, limits.overflow), (800, 48))
        self.assertEqual(logged, [])

    def test_always_within_the_limit(self) -> None:
        """Those who stay, those who are told, and those who are hung up on fit into it together."""
        for descriptors in (70, 128, 256, 1024, 4096, 16_384, 65_536):
            for players in (1, 100, 15_000, 1_000_000):
                with capturedLogs():
                    limits = affordable(Limits(max_connections=players), descriptors)
                self.assertLessEqual(limits.max_connections + 2 * limits.overflow, descriptors - SPARE)
                self.assertGreaterEqual(limits.max_connections, 1)
