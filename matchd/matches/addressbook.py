"""From the address that a game server names to the one that is used: looked up once, checked, and pinned.

A name that led to an allowed address when it was checked could lead elsewhere when it is used (DNS rebinding).
So what is kept of it is the IP address.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from matchd.matches.addresses import AddressRefused, Allowed, Host, joined, literal, split
from matchd.store.store import SERVER_TTL_MS

LOOKUP_SECONDS = 2.0
"""How long a name may take, and before that its turn."""
MOST_LOOKUPS = 4
"""Names looked up at a time. Each takes one of the reactor's ten threads, on which the store's name waits too."""
MOST_SILENT_LOOKUPS = 2
"""How many of them may be of names that had no answer the last time, so that those never keep the others waiting."""
MOST_SILENT_NAMES = 1000
LONGEST_LABEL = 63
"""Characters between two dots of a name; with more the system's resolver fails instead of answering."""


class AddressBook:
    """Checks the addresses of game servers against what is ``allowed``; names are looked up by the reactor."""

    def __init__(self, reactor: Any, allowed: Allowed) -> None:
        self._reactor = reactor
        self._allowed = allowed
        self._pins: dict[str, tuple[str, str, float]] = {}
        self._turns = DeferredSemaphore(MOST_LOOKUPS)
        self._silent_turns = DeferredSemaphore(MOST_SILENT_LOOKUPS)
        self._silent: dict[str, None] = {}

    async def pin(self, server_id: str, address: str) -> str:
        """The ``address`` with which a server registers, its name replaced by an IP address; the same while it is in.

        Raises AddressRefused.
        """
        named, pinned, heard = self._pins.get(server_id, ("", "", 0.0))
        now = self._reactor.seconds()
        oldest = now - SERVER_TTL_MS / 1000
        if named != address or heard < oldest:
            pinned = await self._looked_up(address)
            self._pins = {other: pin for other, pin in self._pins.items() if pin[2] >= oldest}
        self._pins[server_id] = address, pinned, now
        return pinned

    def unpin(self, server_id: str) -> None:
        """Forget what a server's name led to: it has left."""
        self._pins.pop(server_id, None)

    async def check(self, address: str, asked: str) -> None:
        """Whether the server that was ``asked`` may send players to ``address``; raises AddressRefused.

        It may always send them to its own host. Players look a name up for themselves, so it is looked up
        here only where the settings list networks.
        """
        (host, port), (own, _) = split(address), split(asked)
        if address == asked:
            return
        if host == own or (literal(host) is None and not self._allowed.networks and not _is_localhost(host)):
            self._allowed.check_port(port)
        else:
            await self._looked_up(address)

    async def _looked_up(self, address: str) -> str:
        """The allowed address of all that this one leads to; always the same one, and IPv4 first."""
        name, port = split(address)
        self._allowed.check_port(port)
        host = literal(name)
        if host is not None:
            self._allowed.check(host, port)
            return joined(host, port)
        refused = AddressRefused(f"{name} is unknown")
        for host in sorted(await self._lookup(name), key=lambda host: (host.version, int(host))):
            try:
                self._allowed.check(host, port)
                return joined(host, port)
            except AddressRefused as error:
                refused = AddressRefused(f"{name}: {error}")
        raise refused

    async def _lookup(self, name: str) -> set[Host]:
        if not all(1 <= len(label) <= LONGEST_LABEL for label in name.removesuffix(".").split(".")):
            raise AddressRefused(f"{name[:64]} is no host's name")
        turns = [self._silent_turns, self._turns] if name in self._silent else [self._turns]
        lookup, asked = _Lookup(), False
        try:
            await lookup.hold(turns, self._reactor)
            asked = True
            self._reactor.nameResolver.resolveHostName(lookup, name)
            found = await lookup.found.addTimeout(LOOKUP_SECONDS, self._reactor)
        except TimeoutError:
            if asked:
                self._silent = dict.fromkeys([*self._silent, name][-MOST_SILENT_NAMES:])
            raise AddressRefused(f"{name} could not be looked up within {LOOKUP_SECONDS:g} s") from None
        self._silent.pop(name, None)
        return {host for text in found if (host := literal(str(ip_address(text)))) is not None}


def _is_localhost(name: str) -> bool:
    return name.removesuffix(".").rpartition(".")[2] == "localhost"


@implementer(IResolutionReceiver)
class _Lookup:
    """Collects the IP addresses of one name; ``found`` fires with all of them, and its turns are given back."""

    def __init__(self) -> None:
        self._held: list[DeferredSemaphore] = []
        self.found: Deferred[Sequence[str]] = Deferred()
        self._addresses: list[str] = []

    async def hold(self, turns: Sequence[DeferredSemaphore], reactor: Any) -> None:
        """Take a turn of each of these; raises TimeoutError, holding none, where one does not come in time."""
        try:
            for turn in turns:
                await turn.acquire().addTimeout(LOOKUP_SECONDS, reactor)
                self._held.append(turn)
        except BaseException:
            self._give_back()
            raise

    def _give_back(self) -> None:
        while self._held:
            self._held.pop().release()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N803
        """A thread asks the system, which can't be made to stop."""

    def addressResolved(self, address: IAddress) -> None:
        self._addresses.append(address.host)  # type: ignore[attr-defined]

    def resolutionComplete(self) -> None:
        self._give_back()
        if not self.found.called:
            self.found.callback(self._addresses)
