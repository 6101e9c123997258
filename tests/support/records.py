"""Records that no script would write."""

from __future__ import annotations

from collections.abc import Mapping

from matchd.store.records import PLAYER, SESSION, read_record
from tests.support.blocking import BlockingConnection


def rewrite_player(redis: BlockingConnection, player: str, **said: str) -> None:
    """Put something into a player's record."""
    record = read_record(PLAYER, redis.ask("GET", f"player:{player}"))
    redis.ask("SET", f"player:{player}", _text(PLAYER, record | said), "KEEPTTL")


def rewrite_session(redis: BlockingConnection, session: str, **said: str) -> None:
    """Put something into a loading session's record."""
    record = read_record(SESSION, redis.ask("HGET", f"loading:{session}", ":session"))
    redis.ask("HSET", f"loading:{session}", ":session", _text(SESSION, record | said))


def _text(names: tuple[str, ...], said: Mapping[str, str]) -> str:
    return "".join(said[name] + "\0" for name in names)
