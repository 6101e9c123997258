"""The faults: each strikes once while the world is held, lets it go on, and is healed after a while."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.waiting import pause

if TYPE_CHECKING:
    from tests.grid.cell import Cell

Strike = Callable[["Cell"], Coroutine[Any, Any, None]]

NODE_STOPPED = 6.0
STORE_STOPPED = 5.0
BLACK_HOLE = 10.0
"""Seconds."""

AT_ONCE = 0.03
"""Seconds in which what was struck feels it, before the world goes on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong; ``strike`` returns when it is healed."""

    code: str
    title: str
    strike: Strike


FAULTS: dict[str, Fault] = {}


def _fault(code: str, title: str) -> Callable[[Strike], None]:
    def add(strike: Strike) -> None:
        FAULTS[code] = Fault(code, title, strike)

    return add


@_fault("F1", "node SIGKILL")
async def _kill_node(cell: Cell) -> None:
    """What it had just sent arrives all the same, or by an odd seed does not."""
    cell.stage.a.kill()
    if cell.seed % 2:
        cell.stage.redis_links["a"].drop_requests()
    await _go_on(cell)
    cell.stage.a.start()


@_fault("F2", "node SIGSTOP 6 s")
async def _stop_node(cell: Cell) -> None:
    cell.stage.a.freeze()
    await _go_on(cell)
    await pause(NODE_STOPPED)
    cell.stage.a.thaw()


@_fault("F3", "node SIGTERM")
async def _drain_node(cell: Cell) -> None:
    cell.stage.a.signal(signal.SIGTERM)
    await _go_on(cell)
    status = await cell.stage.a.ended(35)
    assert status == 0, f"the drained node ended with {status}"
    cell.stage.a.start()


@_fault("F4", "Redis SIGKILL, back with its AOF")
async def _kill_store(cell: Cell) -> None:
    cell.stage.valkey.kill()
    await _lose_replies(cell)
    cell.stage.valkey.start()


@_fault("F5", "Redis SIGKILL, back empty")
async def _lose_store(cell: Cell) -> None:
    cell.stage.valkey.kill()
    cell.stage.forget_store()
    await _lose_replies(cell)
    cell.stage.valkey.start()


@_fault("F6", "Redis SIGSTOP 5 s")
async def _stop_store(cell: Cell) -> None:
    cell.stage.valkey.signal(signal.SIGSTOP)
    links = cell.stage.redis_links.values()
    await _go_on(cell, *links)
    await pause(STORE_STOPPED)
    cell.stage.valkey.signal(signal.SIGCONT)
    for link in links:
        link.release()


@_fault("F7", "link reset")
async def _reset_link(cell: Cell) -> None:
    cell.place.reset()
    await _go_on(cell)


@_fault("F8", "link a black hole for 10 s")
async def _black_hole(cell: Cell) -> None:
    await _go_on(cell, cell.place)
    await pause(BLACK_HOLE)
    cell.place.release()


@_fault("F9", "client RST")
async def _reset_client(cell: Cell) -> None:
    cell.target.link.reset()
    await _go_on(cell)


@_fault("F10", "client gone without FIN")
async def _lose_client(cell: Cell) -> None:
    cell.target.link.hold()
    cell.target.leave()
    await _go_on(cell)


async def _go_on(cell: Cell, *but: object) -> None:
    """The world goes on, but for some links."""
    await pause(AT_ONCE)
    cell.struck()
    for link in cell.stage.inner_links:
        if link not in but:
            link.release()


async def _lose_replies(cell: Cell) -> None:
    """The world goes on without what the store was about to say."""
    for link in cell.stage.redis_links.values():
        link.drop_replies()
    await _go_on(cell)
