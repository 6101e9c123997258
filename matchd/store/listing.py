"""Reads for operators: game servers, loading sessions, queues. Each row is read by itself, and nothing changes."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults

from matchd.store.records import SESSION, read_record
from matchd.store.store import SERVER_TTL_MS, Store

Row = dict[str, Any]


async def queue_lengths(store: Store, modes: Iterable[str]) -> dict[str, int]:
    """How many wait in the queue of each mode, across all nodes."""
    totals = {what.decode(): n for what, n in await store.look("tally")}
    return {mode: totals.get(f"queued {mode}", 0) for mode in modes}


async def servers(store: Store, limit: int = 1000) -> list[Row]:
    """Every registered game server, with its slots and the age of its heartbeat."""
    listed = await store.read("ZRANGE", "servers", 0, limit - 1, "WITHSCORES")
    now_ms = await store.time()
    expiries = zip(map(bytes.decode, listed[::2]), map(float, listed[1::2]), strict=True)
    return await _together(_read_server(store, server_id, expiry - now_ms) for server_id, expiry in expiries)


async def _read_server(store: Store, server_id: str, left_ms: float) -> Row | None:
    fields = await _hash(store, f"dedicated_server:{server_id}")
    return _server(server_id, fields, max(0.0, SERVER_TTL_MS - left_ms) / 1000) if fields and left_ms > 0 else None


def _server(server_id: str, fields: dict[str, str], age: float) -> Row:
    row: Row = {"id": server_id, "address": fields["address"], "status": fields["status"]}
    row["sessions"] = int(fields["sessions"])
    # A fixed server counts as always free: it has no capacity to tell.
    row["capacity"] = None if fields["fixed"] == "1" else int(fields["capacity"])
    return row | {"region": fields["region"], "heartbeat_age_s": round(age, 1)}


async def sessions(store: Store, limit: int) -> list[Row]:
    """The loading sessions, those whose deadline is nearest first."""
    ids = [
        *await store.read("ZRANGE", "loading", 0, limit - 1),
        *await store.read("ZRANGE", "allocating", 0, limit - 1),
    ]
    now_ms = await store.time()
    return await _together(_read_session(store, session, now_ms) for session in map(bytes.decode, ids[:limit]))


async def _read_session(store: Store, session: str, now_ms: int) -> Row | None:
    fields = await _hash(store, f"loading:{session}")
    record = read_record(SESSION, fields.pop(":session", "").encode())
    return _session(session, record, fields, now_ms) if record else None


def _session(session: str, record: dict[str, str], players: dict[str, str], now_ms: int) -> Row:
    return {
        "id": session,
        "mode": record["mode"],
        "state": record["state"],
        "players": players,
        "age_s": round((now_ms - int(record["created"])) / 1000, 1),
        "server": record["server"] or None,
    }


async def _hash(store: Store, key: str) -> dict[str, str]:
    flat = [field.decode() for field in await store.read("HGETALL", key)]
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def _together(reads: Iterable[Coroutine[Deferred[Any], Any, Row | None]]) -> list[Row]:
    """Ask everything at once, which costs the store a fraction of asking one by one; the rows that there are."""
    try:
        rows = await gatherResults(map(Deferred.fromCoroutine, reads), consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    return [row for row in rows if row is not None]
