"""Where matches are played: finding, reserving and giving back slots on dedicated game servers.

Servers that register keep themselves known by heartbeats, and are remembered by the node that heard the last
one, in case the store forgets. Those named in the settings send none, so every node vouches for them; so
does the node that runs a practice server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from matchd.background import Background, Loop
from matchd.errors import StoreUnavailable
from matchd.matches.gameserver import CreateSession, GameServerClient
from matchd.matches.orphans import Orphans
from matchd.model import GameMode, GameServer, GameSession, Reservation, Roster
from matchd.store.store import SERVER_TTL_MS, Store

HEARTBEAT = 5.0


class DedicatedServerProvider:
    """Finds and reserves game servers, and asks them for sessions."""

    def __init__(self, store: Store, client: GameServerClient, background: Background) -> None:
        self._store = store
        self._client = client
        self._background = background
        self._orphans = Orphans(store, client, background.reactor)
        self._vouched: list[Callable[[], GameServer]] = []
        self._heard: dict[str, tuple[float, GameServer]] = {}
        self._loop = Loop(background, "server-heartbeat", HEARTBEAT, self._beat)

    def start(self) -> None:
        """Begin to vouch for the servers that send no heartbeats."""
        self._loop.start()

    def stop(self) -> None:
        """Vouch for nobody any more."""
        self._loop.stop()

    def add_fixed(self, addresses: Iterable[str]) -> None:
        """Game servers from the settings (``host:port``): they count as always free."""
        for address in addresses:
            server = GameServer(address.replace(":", "_"), address, fixed=True)
            self._vouched.append(lambda server=server: server)  # type: ignore[misc]

    def add_local(self, describe: Callable[[], GameServer]) -> None:
        """A game server of this process; ``describe`` says how it is now."""
        self._vouched.append(describe)

    async def _beat(self) -> None:
        self._forget_silent()
        await self.vouch()

    async def vouch(self) -> None:
        """Send the heartbeats of the servers that send none; what fails comes again with the next."""
        with suppress(StoreUnavailable):
            for describe in self._vouched:
                await self._store.register_server(describe())

    async def register(self, server: GameServer) -> None:
        """Enter a game server, or take its heartbeat."""
        self._heard.pop(server.server_id, None)  # so that those that were heard of last stand last
        self._heard[server.server_id] = self._now(), server
        self._forget_silent()
        await self._store.register_server(server)

    async def deregister(self, server_id: str) -> bool:
        """Take a game server out; False if it was unknown."""
        self._heard.pop(server_id, None)
        return await self._store.deregister_server(server_id)

    async def remind(self) -> None:
        """Give the store back the servers that were heard of lately, should it have forgotten them."""
        self._forget_silent()
        for _, server in list(self._heard.values()):
            await self._store.register_server(server, remembered=True)

    def _forget_silent(self) -> None:
        oldest = self._now() - SERVER_TTL_MS / 1000
        while self._heard:
            server_id, (heard_at, _) = next(iter(self._heard.items()))
            if heard_at > oldest:
                return
            del self._heard[server_id]

    def _now(self) -> float:
        return self._background.reactor.seconds()

    async def reserve(self, session: str) -> Reservation | bool:
        """See Store.reserve."""
        return await self._store.reserve(session)

    async def create(self, mode: GameMode, roster: Roster, reservation: Reservation) -> GameSession:
        """Ask the reserved server for the session; raises SessionRefused or SessionUncertain."""
        request = CreateSession(roster.players, mode.name, roster.loading_session_id, mode.split(roster.players))
        return await self._client.create_session(reservation.address, request)

    async def release(self, reservation: Reservation, uncertain: bool, rests: bool = True) -> int:
        """See Store.release."""
        return await self._store.release(reservation, uncertain, rests)

    async def end_orphan(self, orphan: str) -> None:
        """Ask a server to end a session nobody plays; asked again by the sweep until it has answered."""
        await self._orphans.end(orphan)
