"""More matches than there are slots: players wait for those before them, in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence

from bench.generator import Generator, Plan
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Stage, is_known
from bench.walker import Way

TOLERANCE_SECONDS = 0.05
"""Who is told so little later than one who came after him was not overtaken: both were drawn together."""


async def starved(stage: Stage, players: int, rate: float, slots: int, session_seconds: float) -> Outcome:
    """Everybody comes at once, as far as the slots are concerned; each session frees its slot after a while."""
    node = await stage.node(stage.store(), toml='[modes.Game]\nteams = [1, 1]\norder = "fifo"\n')
    room = "--capacity", str(slots), "--session-seconds", str(session_seconds)
    server = stage.fleet.game_server(node, *room)
    await stage.until(lambda: is_known(node.operator_port, server.server_id), server)
    generator = Generator(Plan([node.url], ["Game"]), stage.say)
    account = await generator.open(players, rate)
    passed = overtakers(generator.ways)
    figures = {
        "rate": account.per_second,
        "slots used": used(generator.ways, slots, session_seconds) * 100,
        "wait p50": account.millis["enqueue to match"]["p50"] / 1000,
        "wait p100": account.millis["enqueue to match"]["p100"] / 1000,
        "overtaken": float(len(passed)),
    }
    return Outcome(figures, account.wrong + [f"{way.wish.player} overtook somebody" for way in passed], account.remarks)


def used(ways: Sequence[Way], slots: int, session_seconds: float) -> float:
    """The share of the slots' time, from the first match to the last, in which there was a session on them."""
    began = {way.loading_session: way.found for way in ways if way.found}.values()
    first, last = min(began, default=0.0), max(began, default=0.0)
    played = sum(min(session_seconds, last - moment) for moment in began)
    return played / (slots * (last - first)) if last > first else 0.0


def overtakers(ways: Sequence[Way], tolerance: float = TOLERANCE_SECONDS) -> list[Way]:
    """Players who were started earlier than somebody who was in the queue before they asked to be."""
    by_start = sorted((way for way in ways if way.started), key=lambda way: way.started)
    found, first_left, behind = [], float("inf"), len(by_start)
    for way in reversed(by_start):
        while behind > 0 and by_start[behind - 1].started > way.started + tolerance:
            behind -= 1
            first_left = min(first_left, by_start[behind].queued)
        if first_left < way.enqueued:
            found.append(way)
    return found[::-1]


SCENARIO = Scenario(
    "starved",
    "one against one, ten times as many matches as slots: does everybody get his match, in the order of arrival?",
    (
        Figure("rate", "players a second"),
        Figure("slots used", "% of the time", 80, least=True),
        Figure("wait p50", "s"),
        Figure("wait p100", "s"),
        Figure("overtaken", "players", 0),
    ),
    starved,
    full={"players": 800, "rate": 400.0, "slots": 40, "session_seconds": 5.0},
    smoke={"players": 16, "rate": 50.0, "slots": 2, "session_seconds": 0.2},
)
