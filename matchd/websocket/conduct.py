"""How much a client may send, and how often it may err: token buckets, without a clock of their own.

Times are seconds of whatever clock the caller reads, all of one call to the next of the same one.
"""

from __future__ import annotations

from enum import Enum

from matchd.websocket.limits import Limits

FORGIVEN_PER_SECOND = 1.0
"""Refusals and faults that are forgotten each second."""


class Verdict(Enum):
    """What becomes of a message."""

    OK = "ok"
    WARN = "warn"
    CLOSE = "close"


class TokenBucket:
    """Full with ``size`` tokens; ``rate`` new ones come a second."""

    __slots__ = ("_at", "_rate", "_size", "_tokens")

    def __init__(self, size: float, rate: float, now: float) -> None:
        self._size = size
        self._rate = rate
        self._tokens = size
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        elapsed = max(0.0, now - self._at)  # a clock set back must not empty the bucket
        tokens = min(self._size, self._tokens + elapsed * self._rate)
        self._at = now
        self._tokens = tokens - 1 if tokens >= 1 else tokens
        return tokens >= 1


class Conduct:
    """How one connection has behaved so far."""

    __slots__ = ("_faults", "_fragments", "_messages", "_refusals")

    def __init__(self, limits: Limits, now: float) -> None:
        self._messages = TokenBucket(limits.burst, limits.messages_per_second, now)
        self._fragments = TokenBucket(limits.fragments, limits.messages_per_second, now)
        self._refusals = TokenBucket(limits.refusals, FORGIVEN_PER_SECOND, now)
        self._faults = TokenBucket(limits.faults, FORGIVEN_PER_SECOND, now)

    def message(self, now: float) -> Verdict:
        """One more message, ping or pong has come."""
        return Verdict.OK if self._messages.take(now) else self.refusal(now)

    def refusal(self, now: float) -> Verdict:
        """A message was one too many, here or by another count."""
        return Verdict.WARN if self._refusals.take(now) else Verdict.CLOSE

    def fragment(self, now: float) -> bool:
        """One more frame that continues a message has come; False when it was one too many."""
        return self._fragments.take(now)

    def fault(self, now: float) -> bool:
        """One more message was bad; False when it was one too many."""
        return self._faults.take(now)
