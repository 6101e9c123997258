"""The open connections of this node, and which of them is still there.

One timer serves all. The connections are dealt into groups, and every turn looks at the next group, so
that pings never come in bursts. At a connection's turn its ``silence`` counts one up, and whatever the
client says sets it back to zero.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, takewhile
from typing import TYPE_CHECKING

from matchd.messages import CloseCode
from matchd.websocket.limits import Limits

if TYPE_CHECKING:
    from matchd.websocket.connection import PlayerConnection

GROUPS = 40
TURNS_TO_PING = 2


class Keepalive:
    """Pings the silent, and closes (4009) who doesn't answer or never asks for a place. Times are seconds."""

    def __init__(self, limits: Limits) -> None:
        self.interval = limits.ping_seconds / TURNS_TO_PING / GROUPS
        self._idle_seconds = limits.idle_seconds
        self._groups: list[set[PlayerConnection]] = [set() for _ in range(GROUPS)]
        self._newcomers: dict[PlayerConnection, float] = {}
        self._turns = 0
        self._last_turn = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._groups))

    def __iter__(self) -> Iterator[PlayerConnection]:
        return chain.from_iterable(self._groups)

    def add(self, connection: PlayerConnection, now: float) -> None:
        """Look after a connection that is open."""
        connection.group = random.randrange(GROUPS)
        self._groups[connection.group].add(connection)
        self._newcomers[connection] = now + self._idle_seconds

    def remove(self, connection: PlayerConnection) -> None:
        """It is gone."""
        self._groups[connection.group].discard(connection)
        self._newcomers.pop(connection, None)

    def turn(self, now: float) -> None:
        """What is due at ``now``; to be called every ``interval``."""
        late = now - self._last_turn > 1 + 2 * self.interval
        self._last_turn = now
        self._close_idle(now)
        if late:
            return  # what the clients said meanwhile has not been read yet
        for connection in tuple(self._groups[self._turns % GROUPS]):
            self._look_at(connection)
        self._turns += 1

    def _look_at(self, connection: PlayerConnection) -> None:
        connection.silence += 1
        if connection.silence == TURNS_TO_PING:
            connection.ping()
        elif connection.silence > TURNS_TO_PING:
            connection.close(CloseCode.IDLE, "no pong")

    def _close_idle(self, now: float) -> None:
        due = list(takewhile(lambda newcomer: newcomer[1] <= now, self._newcomers.items()))
        for connection, _ in due:
            del self._newcomers[connection]
            if not connection.has_enqueued:
                connection.close(CloseCode.IDLE, "no enqueue in time")
