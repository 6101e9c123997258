"""Waiting for something real to happen, without sleeping longer than it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

T = TypeVar("T")

EVERY = 0.01
"""Seconds between two looks."""


def pause(seconds: float) -> Deferred[None]:
    """Let the reactor run for a while."""
    return deferLater(reactor, seconds, lambda: None)


def until(condition: Callable[[], object], seconds: float = 5.0) -> Deferred[None]:
    """Fires as soon as ``condition()`` is true; fails with AssertionError when it is not within ``seconds``."""
    return Deferred.fromCoroutine(_until(condition, seconds))


async def _until(condition: Callable[[], object], seconds: float) -> None:
    deadline = reactor.seconds() + seconds
    while not condition():
        if reactor.seconds() > deadline:
            raise AssertionError(f"not within {seconds:g} s")
        await pause(EVERY)


async def eventually(ask: Callable[[], Awaitable[T]], fits: Callable[[T], object], seconds: float = 20.0) -> T:
    """The first answer of ``ask()`` that fits; fails with AssertionError when none does within ``seconds``."""
    deadline = reactor.seconds() + seconds
    while not fits(answer := await ask()):
        if reactor.seconds() > deadline:
            raise AssertionError(f"not within {seconds:g} s, at last: {answer}")
        await pause(2 * EVERY)
    return answer
