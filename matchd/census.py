"""Counting everybody, across all nodes, and naming what contradicts itself: the invariants, asked of the store.

The totals are read in one moment. The details are read in pages, each of them true in itself, so what is
reported is a contradiction and not a player who moved between two looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from matchd.errors import StoreError
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
    counts = await _counts(store)
    places: Counter[str] = Counter()
    contradictions: list[str] = []
    async for found_places, found in _details(store):
        places.update(found_places)
        contradictions += found
    contradictions += await _conservation(store)
    return {
        "players": {
            "queued": _queued(counts),
            "away": counts["away"],
            "loading": places["loading"],
            "allocating": places["allocating"],
            "matched": counts["matches_kept"],
        },
        **_history(counts),
        "contradictions": list(dict.fromkeys(contradictions))[:MOST_CONTRADICTIONS],
    }


async def totals(store: Store) -> dict[str, Any]:
    """The counts that the store has at hand, in one moment and by one script: cheap, however many players there are.

    ``in_sessions`` are the players under way who neither wait in a queue nor are away. Raises StoreUnavailable.
    """
    counts = await _counts(store)
    queued = _queued(counts)
    under_way = counts["connected"] + counts["absent"]
    return {
        "players": {
            "queued": queued,
            "away": counts["away"],
            "in_sessions": max(0, under_way - sum(queued.values()) - counts["away"]),
            "matched": counts["matches_kept"],
        },
        **_history(counts),
    }


def _queued(counts: dict[str, int]) -> dict[str, int]:
    return {what.removeprefix("queued "): n for what, n in counts.items() if what.startswith("queued ")}


def _history(counts: dict[str, int]) -> dict[str, dict[str, int]]:
    return {
        "sessions": {"loading": counts["loading_sessions"], "allocating": counts["allocating_sessions"]},
        "since_the_store_was_empty": {what: counts[what] for what in ("accepted", "left", "timed_out", "matched")},
    }


async def _counts(store: Store) -> dict[str, int]:
    return {what.decode(): n for what, n in await store.look("tally")}


async def _conservation(store: Store) -> list[str]:
    """Nobody vanishes: whoever was accepted is still under way, or has been told how it ended."""
    counts = await _counts(store)
    ended = counts["left"] + counts["timed_out"] + counts["matched"]
    under_way = counts["connected"] + counts["absent"]
    if counts["accepted"] == ended + under_way:
        return []
    return [f"{counts['accepted']} were accepted, but {ended} ended and {under_way} are under way"]


async def _details(store: Store) -> AsyncIterator[tuple[Counter[str], list[str]]]:
    nodes = [*await _members(store, "ZRANGE", "nodes", 0, -1), *await _members(store, "SMEMBERS", "reaping"), b""]
    modes = await _members(store, "ZRANGE", "modes", 0, -1)
    for names in _pages(_names(nodes, {*modes, *map(str.encode, store.modes)})):
        yield await _inspect(store, "keys", "", names)
    for node in map(bytes.decode, nodes):
        async for page in _scanned(store, f"players:{node}"):
            yield await _inspect(store, "players", node, page)
    for mode in map(bytes.decode, modes):
        async for page in _scanned(store, f"queue:{mode}"):
            yield await _inspect(store, "queue", mode, page)
    for what, key in (("sessions", "loading"), ("sessions", "allocating"), ("servers", "servers")):
        async for page in _ranged(store, key):
            yield await _inspect(store, what, "", page)
    bounds = [str(field) for key, most in LATEST_SECONDS.items() for field in (key, (most + SLACK_SECONDS) * 1000)]
    yield await _inspect(store, "moments", "", map(str.encode, bounds))


def _names(nodes: Iterable[bytes], modes: Iterable[bytes]) -> list[bytes]:
    """The sets of the nodes and of the modes, which another application may have taken."""
    of_nodes = [kind + node for node in nodes for kind in (b"players:", b"allocations:")]
    return of_nodes + [kind + mode for mode in sorted(modes) for kind in (b"queue:", b"order:")]


async def _members(store: Store, command: str, key: str, *rest: bytes | str | int) -> list[Any]:
    """Read what a key holds: nothing where it is of another kind, which is named as a contradiction."""
    try:
        members: list[Any] = await store.read(command, key, *rest)
        return members
    except StoreError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        return []


async def _inspect(store: Store, what: str, where: str, ids: Iterable[bytes]) -> tuple[Counter[str], list[str]]:
    places, *problems = await store.look("inspect", what, where, *(name.decode() for name in ids))
    return Counter({place.decode(): n for place, n in places}), [problem.decode() for problem in problems]


async def _scanned(store: Store, key: str) -> AsyncIterator[list[bytes]]:
    """The members of a set, in pages; one that is seen twice is only counted once."""
    seen: set[bytes] = set()
    cursor: bytes | int = 0
    while True:
        cursor, members = await _members(store, "SSCAN", key, cursor, "COUNT", PAGE) or (0, [])
        fresh = [member for member in members if member not in seen]
        seen.update(fresh)
        for page in _pages(fresh):  # a small set comes whole
            yield page
        if int(cursor) == 0:
            return


async def _ranged(store: Store, key: str) -> AsyncIterator[list[bytes]]:
    start = 0
    while page := await _members(store, "ZRANGE", key, start, start + PAGE - 1):
        yield page
        start += PAGE


def _pages(items: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(items), PAGE):
        yield list(items[start : start + PAGE])
