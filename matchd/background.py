"""The one way to do anything in the background: named, caught, logged, counted.

``spawn`` runs a coroutine nobody waits for; ``Loop`` repeats one. Neither lets an error escape, and
neither goes on in silence: a failure is one log line, and ``failures`` counts it by name.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from matchd.errors import MatchdError

log = Logger()


class Background:
    """Runs what nobody waits for, and knows what is still under way."""

    def __init__(self, reactor: IReactorTime) -> None:
        self.reactor = reactor
        self.failures: Counter[str] = Counter()
        self.jitter = random.uniform(-1, 1)
        """Of all its loops: -1 makes them as fast as their jitter lets them be, 1 as slow."""
        self._running: dict[Deferred[None], str] = {}

    def spawn(self, name: str, work: Coroutine[Deferred[Any], Any, Any]) -> Deferred[None]:
        """Start ``work``; the Deferred fires with None when it has ended, well or not."""
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._running[running] = name
        running.addBoth(self._ended, name, running)
        return running

    def _ended(self, result: object, name: str, running: Deferred[None]) -> None:
        self._running.pop(running, None)
        if isinstance(result, Failure):
            self.note(name, result)

    def note(self, name: str, failure: Failure) -> None:
        """Log and count a failure of what runs as ``name``; being cancelled is no failure."""
        if failure.check(CancelledError):
            return
        self.failures[name] += 1
        if failure.check(MatchdError):
            log.warn("{task}: {reason}", task=name, reason=failure.getErrorMessage())
        else:
            log.failure("{task} failed", failure, task=name)

    def cancel_all(self) -> None:
        """Cancel what still runs; used once, when the node stops."""
        for running in list(self._running):
            running.cancel()

    @property
    def running(self) -> Counter[str]:
        """How many of each name are under way."""
        return Counter(self._running.values())


class Loop:
    """Calls an async function every ``interval`` seconds, give or take ``jitter``, and never stops by an error.

    A call that takes longer than the interval delays the next one; calls never overlap. The jitter is drawn once per
    process: the loops of many nodes do not run in step, and those of one do, so that it wakes up once for all of them.
    """

    def __init__(
        self,
        background: Background,
        name: str,
        interval: float,
        work: Callable[[], Awaitable[object]],
        jitter: float = 0.1,
    ) -> None:
        self._background = background
        self._name = name
        self._work = work
        self._interval = interval * (1 + jitter * background.jitter)
        self._call = LoopingCall(self._turn)
        self._call.clock = background.reactor

    def start(self, now: bool = False) -> None:
        """Begin; the first call comes after one interval unless ``now``."""
        self._call.start(self._interval, now=now)

    def stop(self) -> None:
        """Make no further call; one that is under way goes on to its end."""
        if self._call.running:
            self._call.stop()

    async def _turn(self) -> None:
        try:
            await self._work()
        except Exception:
            self._background.note(self._name, Failure())
