"""The records of players and loading sessions, as prelude_records.lua writes them, for those who only look.

A record is its fields in order, each ended by a zero byte.
"""

from __future__ import annotations

PLAYER = (
    "id", "state", "mode", "order", "since", "session", "node", "conn", "away", "excused", "match", "seq", "answer",
    "kept_from", "told",
)  # fmt: skip
SESSION = (
    "state", "mode", "size", "roster", "teams", "created", "deadline", "ready", "owner", "server", "address", "tried",
)  # fmt: skip


def read_record(names: tuple[str, ...], text: bytes) -> dict[str, str]:
    """What a record says, by the names of its fields; nothing if it is none of matchd's."""
    fields = text.decode(errors="replace").split("\0")
    return dict(zip(names, fields, strict=False)) if len(fields) == len(names) + 1 else {}
