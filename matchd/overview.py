"""The node and the service as operators see them: what answers the operators' port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matchd.census import census
from matchd.metrics import Metrics
from matchd.model import GameMode, GameServer
from matchd.node import Node
from matchd.store import listing

Row = dict[str, Any]


class Overview:
    """Answers operators and game servers; ``ready`` says why players can't be served, or None."""

    def __init__(self, node: Node, ready: Callable[[], str | None]) -> None:
        self._node = node
        self._store = node.store
        self.ready = ready

    def metrics(self) -> bytes:
        """The metrics of this node."""
        metrics: Metrics = self._node.metrics
        return metrics.render()

    async def modes(self) -> list[Row]:
        """Every mode, with the players who wait in it."""
        waiting = await listing.queue_lengths(self._store, self._node.modes)
        return [_mode(mode, waiting[name]) for name, mode in self._node.modes.items()]

    async def servers(self) -> list[Row]:
        """Every registered game server."""
        return await listing.servers(self._store)

    async def sessions(self, limit: int) -> list[Row]:
        """The loading sessions."""
        return await listing.sessions(self._store, limit)

    async def invariants(self) -> Row:
        """Everybody counted, and what contradicts itself."""
        return await census(self._store)

    async def register_server(self, server: GameServer) -> None:
        """Enter a game server, or take its heartbeat; it may be what waiting players lack."""
        await self._node.provider.register(server)
        await self._node.matchmaker.tick()

    async def deregister_server(self, server_id: str) -> bool:
        """Take a game server out."""
        return await self._node.provider.deregister(server_id)


def _mode(mode: GameMode, waiting: int) -> Row:
    return {
        "name": mode.name,
        "teams": list(mode.teams),
        "order": mode.order.value,
        "loading_timeout_s": mode.loading_timeout,
        "players": {"queued": waiting},
    }
