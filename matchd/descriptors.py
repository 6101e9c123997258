"""File descriptors: one for each player, so their limit is the players' too."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from dataclasses import replace

from twisted.logger import Logger

from matchd.websocket.limits import Limits

log = Logger()

SPARE = 64
"""What a process needs besides its players: the store, game servers, operators, its log."""


def raise_limit() -> int:
    """Raise the soft limit of this process as far as the hard one lets it; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has a limit of its own besides
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard if hard != resource.RLIM_INFINITY else sys.maxsize
    return soft


def affordable(limits: Limits, descriptors: int) -> Limits:
    """``limits`` with no more players than so many descriptors allow, beside those who are told that it is full."""
    room = descriptors - SPARE
    if limits.max_connections + 2 * limits.overflow <= room:
        return limits
    overflow = min(limits.overflow, max(1, room // 20))
    players = max(1, min(limits.max_connections, room - 2 * overflow))
    if players < limits.max_connections:
        log.warn(
            "max_connections: {wanted} players don't fit into the {descriptors} descriptors of this process, "
            "only {players} do",
            wanted=limits.max_connections,
            descriptors=descriptors,
            players=players,
        )
    return replace(limits, max_connections=players, overflow=overflow)
