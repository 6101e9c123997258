"""Records that no script would write."""

from __future__ import annotations

from collections.abc import Mapping

from matchd.store.records import PLAYER, SESSION
from tests.support.blocking import BlockingConnection
from tests.support.keyspace import record, session_record


def rewrite_player(redis: BlockingConnection, player: str, **said: str) -> None:
    """Put something into a player's record."""
    redis.ask("SET", f"player:{player}", _text(PLAYER, record(redis, player) | said), "KEEPTTL")


def rewrite_session(redis: BlockingConnection, session: str, **said: str) -> None:
    """Put something into a loading session's record."""
    redis.ask("HSET", f"loading:{session}", ":session", _text(SESSION, session_record(redis, session) | said))


def _text(names: tuple[str, ...], said: Mapping[str, str]) -> str:
    return "".join(said[name] + "\0" for name in names)
