"""The node and the service as operators see them: what answers the operators' port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from matchd.census import census, totals
from matchd.matches.addressbook import AddressBook
from matchd.matches.addresses import AddressRefused
from matchd.model import GameMode, GameServer
from matchd.node import Node
from matchd.store import listing
from matchd.store.gathering import Gathering, Question

Row = dict[str, Any]


class Overview:
    """Answers operators and game servers, which may be where the ``addresses`` say.

    ``ready`` says why players can't be served, or None; ``metrics`` is all there is to scrape.
    """

    def __init__(
        self, node: Node, ready: Callable[[], str | None], addresses: AddressBook, metrics: Callable[[], bytes]
    ) -> None:
        self._node = node
        self._addresses = addresses
        self._store = node.store
        self._censuses = Gathering(self._take_census)
        self.ready = ready
        self.metrics = metrics

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
        """Everybody counted, and what contradicts itself; one census at a time, for all who asked before it began."""
        counted: Row = await self._censuses.ask()
        return counted

    async def _take_census(self, questions: Sequence[Question]) -> list[Row]:
        return [await census(self._store)] * len(questions)

    async def totals(self) -> Row:
        """Everybody counted, as far as that is cheap."""
        return await totals(self._store)

    async def register_server(self, server: GameServer) -> None:
        """Enter a game server, or take its heartbeat; it may be what waiting players lack."""
        try:
            address = await self._addresses.pin(server.server_id, server.address)
        except AddressRefused:
            self.registration_refused("address")
            raise
        await self._node.provider.register(replace(server, address=address))
        await self._node.matchmaker.tick()

    async def deregister_server(self, server_id: str) -> bool:
        """Take a game server out."""
        self._addresses.unpin(server_id)
        return await self._node.provider.deregister(server_id)

    def registration_refused(self, reason: str) -> None:
        """Somebody was not let in, or is where no game server may be."""
        self._node.metrics.registration_refused(reason)


def _mode(mode: GameMode, waiting: int) -> Row:
    return {
        "name": mode.name,
        "teams": list(mode.teams),
        "order": mode.order.value,
        "loading_timeout_s": mode.loading_timeout,
        "players": {"queued": waiting},
    }
