"""How a cell goes: to its point, through its fault, and on until everything is in order again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.grid.cell import Cell
from tests.grid.faults import FAULTS
from tests.grid.order import Order
from tests.grid.points import POINTS
from tests.support.waiting import pause

TO_NORMAL = 30.0
"""Seconds from the heal until everything has to be in order."""
A_MOMENT = 0.02
"""Seconds in which what went through before the world was held is dealt with."""
UNPAIRED = 0.7
"""Seconds after which a player who is left over gets a partner."""


@dataclass(frozen=True)
class Result:
    """How a cell ended: ``verdict`` is ``ok``, ``lost``, ``doubled``, ``contradiction`` or ``not reached``.

    Seconds from the strike: ``matched`` until every player had his match, ``normal`` until all was as it should be;
    ``last`` is what came right last, ``notes`` what was amiss for a while.
    """

    point: str
    fault: str
    verdict: str
    matched: float
    normal: float
    last: str = ""
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Playing:
    """A cell that is played once."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.findings: list[str] = []
        self._stage = cell.stage
        self._order = Order(cell)
        self._healed_at = 0.0
        self._matched_at = 0.0
        self._left_over_since = 0.0
        self._last = ""

    async def play(self) -> Result:
        """All of it, but for ``clear``."""
        self._stage.journal.clear()
        try:
            await self._arrange()
        except AssertionError as error:
            return self._result("not reached", str(error))
        finally:
            self._stage.on_sight = lambda sighting: None
        return self._judged(await self._strike())

    async def _arrange(self) -> None:
        cell = self.cell
        early = [cell.enter(f"early-{home}", home).play() for home in "ab"]  # who should hear no more of all this
        await cell.until(lambda: all(player.games for player in early))
        for home in "ab":
            late = cell.enter(f"late-{home}", home)
            late.may_ask = cell.is_struck
            late.play()
        await POINTS[cell.point].arrange(cell)
        self._stage.freeze()
        await pause(A_MOMENT)

    async def _strike(self) -> list[str]:
        """Strike, and look until nothing is amiss any more, or for too long; what was amiss at the last look."""
        striking: Deferred[None] = Deferred.fromCoroutine(FAULTS[self.cell.fault].strike(self.cell))
        striking.addErrback(lambda failure: self.findings.append(failure.getErrorMessage()))
        striking.addCallback(lambda _: setattr(self, "_healed_at", reactor.seconds()))
        while amiss := self._waiting() or await self._disorder():
            self._last = amiss[0]
            if self._healed_at and reactor.seconds() > self._healed_at + TO_NORMAL:
                return await self._order.problems()
            await pause(0.05)
        return []

    async def _disorder(self) -> list[str]:
        return await self._order.problems() if self._healed_at else ["the fault lasts"]

    def _waiting(self) -> list[str]:
        """Who has no match yet; one who is left over gets a partner after a while."""
        waiting = [player.name for player in self.cell.players if not player.content]
        now = reactor.seconds()
        if waiting:
            self._matched_at = now
        if not (len(waiting) % 2 and self.cell.is_struck()):
            self._left_over_since = now
        elif now > self._left_over_since + UNPAIRED:
            self.cell.enter(f"spare-{len(self.cell.players)}", "b").play()
        return [f"{name} waits" for name in waiting]

    def _judged(self, disorder: Sequence[str]) -> Result:
        """By what was seen last: at one more look the next game could be over, and its server's word on its way."""
        lost = [f"{player.name} waits for ever" for player in self.cell.players if not player.content]
        wrong = [*self.findings, *disorder, *self._stage.fleet.tracebacks()]
        doubled = any("told two" in text for text in wrong)
        verdict = "lost" if lost else "doubled" if doubled else "contradiction" if wrong else "ok"
        return self._result(verdict, *lost, *wrong)

    def _result(self, verdict: str, *findings: str) -> Result:
        cell, now = self.cell, reactor.seconds()
        matched, normal = (round(max(0.0, at - cell.struck_at), 1) for at in (self._matched_at, now))
        seen = self._order.contradictions.items()
        notes = (*(f"at {at - cell.struck_at:.1f} s: {text}" for text, at in seen), *self._order.forgotten())
        return Result(cell.point, cell.fault, verdict, matched, normal, self._last, findings, notes)

    async def clear(self) -> None:
        """All have gone: the games end, what was broken is mended; raises AssertionError when it is not quiet then."""
        self._stage.thaw()
        await self._stage.ready()
        for session, link in self._order.sessions_made():
            await self._stage.end_game(session, link)
        await self._order.quiet()
