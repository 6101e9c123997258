"""All that the store holds, read in one moment, and what a checker wants to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import hiredis

from matchd.store.records import PLAYER, SESSION, read_record
from tests.support.blocking import BlockingConnection

READ = """
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if key ~= 'clock' then
    local kind, value = redis.call('TYPE', key).ok, nil
    if kind == 'hash' then
      value = redis.call('HGETALL', key)
    elseif kind == 'set' then
      value = redis.call('SMEMBERS', key)
    elseif kind == 'zset' then
      value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    else
      value = redis.call('GET', key)
    end
    all[#all + 1] = {key, kind, redis.call('PTTL', key) > 0 and 1 or 0, value}
  end
end
return {redis.call('GET', 'clock') or '0', all}
"""

UNDER_WAY = ("queued", "loading")


class TextConnection(BlockingConnection):
    """A connection whose replies are text."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._reader = hiredis.Reader(encoding="utf-8")


@dataclass(frozen=True)
class LoadingSession:
    """A session on its way: who is in it, what each has said."""

    session_id: str
    record: dict[str, str]
    members: dict[str, str]
    """Its players, and whether they are ready."""

    @property
    def state(self) -> str:
        """``loading`` or ``allocating``."""
        return self.record["state"]

    @property
    def roster(self) -> list[str]:
        """Its players in drawn order."""
        return self.record["roster"].split()

    @property
    def server(self) -> str:
        """The game server it holds a slot on, or nothing."""
        return self.record["server"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Every key with its content, and which of them end by themselves."""

    content: dict[str, Any] = field(default_factory=dict)
    mortal: frozenset[str] = frozenset()
    told_ms: float = 0.0
    """What the clock of Redis says."""

    @classmethod
    def read(cls, connection: TextConnection) -> Snapshot:
        """What the store holds now."""
        content, mortal = {}, set()
        told_us, read = connection.ask("EVAL", READ, 0)
        for key, kind, ends, value in read:
            content[key] = _record(value) if key.startswith("player:") else _value(kind, value)
            if ends:
                mortal.add(key)
        return cls(content, frozenset(mortal), int(told_us) / 1e3)

    @property
    def now_ms(self) -> float:
        """Service time."""
        told = self.told_ms + int(self.content.get("clock_offset", 0))
        return max(told, float(self.content.get("swept", 0)))

    @property
    def is_sure(self) -> bool:
        """Whether the store was swept lately, and so knows the time."""
        return 0 <= self.now_ms - float(self.content.get("swept", 0)) < 2_000

    def differs(self, other: Snapshot, ignoring: tuple[str, ...] = ()) -> list[str]:
        """The keys whose contents are not the same."""
        keys = self.content.keys() | other.content.keys()
        return sorted(
            key for key in keys if key not in ignoring and self.content.get(key) != other.content.get(key)
        )  # fmt: skip

    def under(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """The keys that begin so, without that, and their contents."""
        for key, value in self.content.items():
            if key.startswith(prefix):
                yield key.removeprefix(prefix), value

    def set(self, key: str) -> Any:
        """A set's members or a sorted set's members with their scores; empty when there is none."""
        return self.content.get(key, {})

    @cached_property
    def players(self) -> dict[str, dict[str, str]]:
        """The players' records."""
        return dict(self.under("player:"))

    @cached_property
    def under_way(self) -> dict[str, dict[str, str]]:
        """The records of those who wait, or are in a session on its way."""
        return {name: record for name, record in self.players.items() if record.get("state") in UNDER_WAY}

    @cached_property
    def sessions(self) -> dict[str, LoadingSession]:
        """The sessions on their way."""
        return {name: _session(name, fields) for name, fields in self.under("loading:")}

    @cached_property
    def servers(self) -> dict[str, dict[str, str]]:
        """The game servers that are known."""
        return dict(self.under("dedicated_server:"))


def _record(text: str) -> dict[str, str]:
    """A player's record, but for what he was told."""
    return {
        name: value
        for name, value in read_record(PLAYER, text.encode()).items()
        if name not in ("answer", "kept_from", "told")
    }


def _session(session_id: str, fields: dict[str, str]) -> LoadingSession:
    record = read_record(SESSION, fields[":session"].encode())
    return LoadingSession(session_id, record, {name: said for name, said in fields.items() if name != ":session"})


def _value(kind: str, value: Any) -> Any:
    if kind == "hash":
        return dict(zip(value[::2], value[1::2], strict=True))
    if kind == "set":
        return frozenset(value)
    if kind == "zset":
        return {member: float(score) for member, score in zip(value[::2], value[1::2], strict=True)}
    return value
