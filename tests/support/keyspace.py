"""What a store holds, as plain values that can be compared, and as a copy that can be put back."""

from __future__ import annotations

from typing import Any

from matchd.store.records import PLAYER, SESSION, read_record
from tests.support.blocking import BlockingConnection

Copy = list[tuple[bytes, int, bytes]]

_READ: dict[bytes, tuple[str, ...]] = {
    b"string": ("GET",),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", "0", "-1"),
}


def dump(redis: BlockingConnection) -> dict[str, Any]:
    """Every key with its content, the order of sets and hashes left out."""
    return {key.decode(): _content(redis, key) for key in sorted(redis.ask("KEYS", "*"))}


def _content(redis: BlockingConnection, key: bytes) -> Any:
    kind = redis.ask("TYPE", key)
    command, *rest = _READ[kind]
    content = redis.ask(command, key, *rest)
    if key.startswith(b"player:") and kind == b"string":
        return read_record(PLAYER, content)
    if kind == b"set":
        return sorted(content)
    if kind == b"hash":
        return dict(zip(content[::2], content[1::2], strict=True))
    return content


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Each key whose content differs, as (before, after)."""
    keys = before.keys() | after.keys()
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def copy(redis: BlockingConnection) -> Copy:
    """All of it, as a replica has it that lags behind from now on."""
    keys = redis.ask("KEYS", "*")
    return [(key, max(redis.ask("PTTL", key), 0), redis.ask("DUMP", key)) for key in keys]


def put_back(redis: BlockingConnection, older: Copy) -> None:
    """A failover that lost what was written since the copy was made."""
    redis.ask("FLUSHALL")
    for key, ttl, content in older:
        redis.send("RESTORE", key, ttl, content)
    for _ in older:
        redis.reply()


def record(redis: BlockingConnection, player: str) -> dict[str, str]:
    """A player's record; empty where there is none."""
    return read_record(PLAYER, redis.ask("GET", f"player:{player}") or b"")


def session_record(redis: BlockingConnection, session: str) -> dict[str, str]:
    """A loading session's record; empty where there is none."""
    return read_record(SESSION, redis.ask("HGET", f"loading:{session}", ":session") or b"")


def state(redis: BlockingConnection, player: str) -> str:
    """Where a player is: what his record says, or the session that he loads."""
    said = record(redis, player)
    session = session_record(redis, said["session"]) if said.get("state") == "loading" else {}
    return session.get("state") or said.get("state", "")
