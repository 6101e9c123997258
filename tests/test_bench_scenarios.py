"""Every scenario of the benches in a tiny size: it works, each match is valid, each figure is told. No time counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from bench.__main__ import play
from bench.scenario import Scenario
from bench.scenarios import ALL

log = Logger()


class SmokeTests(SynchronousTestCase):
    """One test for each scenario that there is; what they are named after is in bench/scenarios/."""


def smoke(scenario: Scenario) -> Callable[[SynchronousTestCase], None]:
    def test(self: SynchronousTestCase) -> None:
        result = asyncio.run(play(scenario, "smoke", say=lambda text: log.info("{text}", text=text)))
        self.assertEqual(result.wrong, [])
        if not result.notes:  # a peer may be left out where it is not installed
            self.assertEqual(list(result.figures), [figure.name for figure in scenario.figures])

    test.__doc__ = scenario.asks
    return test


for each in ALL:
    setattr(SmokeTests, f"test_{each.name.replace('-', '_')}", smoke(each))
