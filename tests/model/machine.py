"""Everything that may happen, in one machine for Hypothesis to drive."""

from __future__ import annotations

from tests.model.faults import Allocations, Links, Nodes
from tests.model.playing import GameServers, Players, Time


class MatchmakingMachine(Players, Time, GameServers, Nodes, Allocations, Links):
    """A service of several nodes, with whoever uses it and whatever befalls it."""
