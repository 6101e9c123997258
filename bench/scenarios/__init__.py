"""Everything that is measured, one module a scenario, in the order in which it is told."""

from bench.scenario import Scenario
from bench.scenarios import flood

ALL: tuple[Scenario, ...] = (flood.SCENARIO,)
