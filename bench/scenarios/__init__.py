"""Everything that is measured, one module a scenario, in the order in which it is told."""

from bench.scenario import Scenario
from bench.scenarios import draw, flood, herd, hold, latency, peers, starved, steps, workers

ALL: tuple[Scenario, ...] = (
    peers.SCENARIO,
    flood.FLOOD,
    latency.SCENARIO,
    steps.SCENARIO,
    flood.SQUADS,
    flood.ROYALE,
    starved.SCENARIO,
    draw.SCENARIO,
    workers.SCENARIO,
    herd.SCENARIO,
    hold.SCENARIO,
)
