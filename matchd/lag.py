"""How long the reactor was busy with something else when it should have done this: what every player waits for."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from matchd.turns import ShortTurns, shorten

LOOK_SECONDS = 0.05


class Lag:
    """Looks every 50 ms; ``observe`` is told by how many seconds that was late."""

    def __init__(self, clock: IReactorTime, observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._due = 0.0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to look."""
        self._due = self._clock.seconds() + LOOK_SECONDS
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        self._observe(max(0.0, self._clock.seconds() - self._due))  # a clock may be set back
        self.start()


class LagOfTurns:
    """What ``Lag`` would see, without waking a process that sleeps, which costs it 0.1 ms each time.

    A look that falls into the reactor's sleep would be in time, and one that falls into a turn as late as that ends.
    """

    def __init__(self, turns: ShortTurns, observe: Callable[[float], None]) -> None:
        self._turns = turns
        self._observe = observe
        self._due = 0.0

    def start(self) -> None:
        """Begin."""
        self._due = self._turns.clock() + LOOK_SECONDS
        self._turns.on_turn = self._turned

    def stop(self) -> None:
        """Observe no more."""
        self._turns.on_turn = None

    def _turned(self, due: float, ended: float) -> None:
        while self._due < due:
            self._observe(0.0)
            self._due += LOOK_SECONDS
        if self._due <= ended:
            self._observe(ended - self._due)
            self._due = ended + LOOK_SECONDS


def lag(reactor: IReactorTime, observe: Callable[[float], None]) -> Lag | LagOfTurns:
    """The cheaper one, where the reactor has turns that can be told of."""
    turns = shorten(reactor)
    return Lag(reactor, observe) if turns is None else LagOfTurns(turns, observe)
