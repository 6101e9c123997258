"""Which addresses the door stays shut to: pure, its memory bounded whoever comes.

Who has had more than enough and is told so, over and over, costs more by being told than by being heard. So whoever is
refused too often is not refused any more: for a while there is nobody there for him.
"""

from __future__ import annotations

from collections import OrderedDict

from matchd.websocket.rates import MOST_NAMES, Rates

ABUSE, NONSENSE = 25.0, 5.0
"""How many handshakes beyond the limit a connection weighs that is cut for abuse, and one that came for nothing."""

LONGEST = 32
"""How many times longer than the first time an address is shut out at most."""


class Outcasts:
    """Each may offend ``per_second`` times in the long run, ``at_once`` times at once; then it is out for ``seconds``.

    The next time for twice as long, unless it has kept quiet for as long as it was out; 0 seconds: nobody ever is.
    Moments are seconds of whatever clock the caller reads.
    """

    def __init__(self, per_second: float, at_once: float, seconds: float) -> None:
        self._offences = Rates(per_second, at_once)
        self._seconds = seconds
        self._terms: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def offends(self, name: str, now: float, times: float = 1.0) -> bool:
        """It did what it must not; True when it is shut out for that from now on."""
        if not self._seconds or self.are(name, now) or self._offences.take(name, now, times):
            return False
        until, length = self._terms.pop(name, (0.0, 0.0))
        again = now < until + length
        length = min(2 * length, LONGEST * self._seconds) if again else self._seconds
        self._terms[name] = now + length, length
        if len(self._terms) > MOST_NAMES:
            self._terms.popitem(last=False)
        return True

    def are(self, name: str, now: float) -> bool:
        """Whether it is shut out."""
        return name in self._terms and now < self._terms[name][0]

    def all(self, now: float) -> dict[str, float]:
        """Those that are shut out now, and until when; those that need no remembering are forgotten."""
        for name in [name for name, (until, length) in self._terms.items() if until + length <= now]:
            del self._terms[name]
        return {name: until for name, (until, _) in self._terms.items() if now < until}
