"""What operators may look at: game servers, loading sessions, queues. Read piece by piece, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matchd.store.records import SESSION, read_record
from matchd.store.store import SERVER_TTL_MS, Store

Row = dict[str, Any]


async def queue_lengths(store: Store, modes: Iterable[str]) -> dict[str, int]:
    """How many wait in the queue of each mode, across all nodes."""
    return {mode: await store.read("SCARD", f"queue:{mode}") for mode in modes}


async def servers(store: Store, limit: int = 1000) -> list[Row]:
    """Every registered game server, with its slots and the age of its heartbeat."""
    listed = await store.read("ZRANGE", "servers", 0, limit - 1, "WITHSCORES")
    now, rows = await store.time(), []
    for server_id, expires in zip(map(bytes.decode, listed[::2]), map(float, listed[1::2]), strict=True):
        fields = await _hash(store, f"dedicated_server:{server_id}")
        if fields and expires > now:
            rows.append(_server(server_id, fields, max(0.0, SERVER_TTL_MS - (expires - now)) / 1000))
    return rows


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
    rows = []
    for session in map(bytes.decode, ids[:limit]):
        fields = await _hash(store, f"loading:{session}")
        if record := read_record(SESSION, fields.pop(":session", "").encode()):
            rows.append(_session(session, record, fields, now_ms))
    return rows


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
