"""Counting everybody, across all nodes, and naming what contradicts itself: the invariants, asked of the store.

The totals are read in one moment. The details are read in pages, each of them true in itself, so what is
reported is a contradiction and not a player who moved between two looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from matchd.store.store import Store

PAGE = 100
LATEST_SECONDS = {
    "nodes": 0, "modes": 0, "swept": 0, "calm_until": 600, "loading": 3600, "allocating": 60, "away": 600,
    "servers": 15, "resting": 60, "orphans": 5, "matched": 120,
}  # fmt: skip
"""How far in the future the moments in these keys can lie, by the largest values of the settings."""
SLACK_SECONDS = 10
MOST_CONTRADICTIONS = 100


async def census(store: Store) -> dict[str, Any]:
    """Players by place, sessions by state, ``contradictions`` as text; raises StoreUnavailable."""
    totals = await _totals(store)
    places: Counter[str] = Counter()
    contradictions: list[str] = []
    async for found_places, found in _details(store):
        places.update(found_places)
        contradictions += found
    contradictions += await _conservation(store)
    return {
        "players": {
            "queued": {mode.removeprefix("queued "): n for mode, n in totals.items() if mode.startswith("queued ")},
            "away": totals["away"],
            "loading": places["loading"],
            "allocating": places["allocating"],
            "matched": totals["matches_kept"],
        },
        "sessions": {"loading": totals["loading_sessions"], "allocating": totals["allocating_sessions"]},
        "since_the_store_was_empty": {what: totals[what] for what in ("accepted", "left", "timed_out", "matched")},
        "contradictions": contradictions[:MOST_CONTRADICTIONS],
    }


async def _totals(store: Store) -> dict[str, int]:
    return {what.decode(): n for what, n in await store.look("tally")}


async def _conservation(store: Store) -> list[str]:
    """Nobody vanishes: whoever was accepted is still under way, or has been told how it ended."""
    totals = await _totals(store)
    ended = totals["left"] + totals["timed_out"] + totals["matched"]
    under_way = totals["connected"] + totals["absent"]
    if totals["accepted"] == ended + under_way:
        return []
    return [f"{totals['accepted']} were accepted, but {ended} ended and {under_way} are under way"]


async def _details(store: Store) -> AsyncIterator[tuple[Counter[str], list[str]]]:
    nodes = [*await store.read("ZRANGE", "nodes", 0, -1), *await store.read("SMEMBERS", "reaping"), b""]
    for node in map(bytes.decode, nodes):
        async for page in _scanned(store, f"players:{node}"):
            yield await _inspect(store, "players", node, page)
    for mode in map(bytes.decode, await store.read("ZRANGE", "modes", 0, -1)):
        async for page in _scanned(store, f"queue:{mode}"):
            yield await _inspect(store, "queue", mode, page)
    for what, key in (("sessions", "loading"), ("sessions", "allocating"), ("servers", "servers")):
        async for page in _ranged(store, key):
            yield await _inspect(store, what, "", page)
    bounds = [str(field) for key, most in LATEST_SECONDS.items() for field in (key, (most + SLACK_SECONDS) * 1000)]
    yield await _inspect(store, "moments", "", map(str.encode, bounds))


async def _inspect(store: Store, what: str, where: str, ids: Iterable[bytes]) -> tuple[Counter[str], list[str]]:
    places, *problems = await store.look("inspect", what, where, *(name.decode() for name in ids))
    return Counter({place.decode(): n for place, n in places}), [problem.decode() for problem in problems]


async def _scanned(store: Store, key: str) -> AsyncIterator[list[bytes]]:
    """The members of a set, in pages; one that is seen twice is only counted once."""
    seen: set[bytes] = set()
    cursor: bytes | int = 0
    while True:
        cursor, members = await store.read("SSCAN", key, cursor, "COUNT", PAGE)
        fresh = [member for member in members if member not in seen]
        seen.update(fresh)
        if fresh:
            yield fresh
        if int(cursor) == 0:
            return


async def _ranged(store: Store, key: str) -> AsyncIterator[list[bytes]]:
    start = 0
    while page := await store.read("ZRANGE", key, start, start + PAGE - 1):
        yield page
        start += PAGE
