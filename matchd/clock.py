"""Timers by a clock that nobody sets: the reactor's delays, deadlines and intervals go by the monotonic clock.

Twisted's reactors read ``time.time``. Where that is set back, by NTP or by a machine that wakes, each timer waits until
the clock has made up for it: no heartbeat, no timeout, for an hour if it was an hour. Where it is set forward, each
timer is due at once.

What needs the time of day asks ``time.time``: tokens, the log. ``reactor.seconds()`` is for durations alone.

Relies on: ``ReactorBase`` reading its own clock by ``self.seconds`` wherever it needs one, giving it to each delayed
call, and keeping those in ``_pendingTimedCalls`` and ``_newTimedCalls``. tests/test_clock.py tells when that changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def go_by(reactor: Any, clock: Callable[[], float] = time.monotonic) -> None:
    """Let the reactor read this clock from now on; what it has planned already stays as far away as it is."""
    ahead = clock() - reactor.seconds()
    reactor.seconds = clock
    for call in (*reactor._pendingTimedCalls, *reactor._newTimedCalls):  # cancelled ones too: the order is a heap's
        call.time += ahead
        call.seconds = clock
