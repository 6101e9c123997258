"""A running game server: its port, its sessions and the clock that ends them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from matchd.background import Background, Loop
from matchd.dedicated.sessions import Sessions
from matchd.dedicated.site import GameServerResource, GameServerSite
from matchd.errors import StartupError
from matchd.jointoken import JoinTokenCheck

log = Logger()

END_SECONDS = 0.1
"""By how much sessions may end late: who waits for a slot waits so much longer."""
EVERY_ADDRESS = ("0.0.0.0", "::")


class GameServerService(Service):
    """Serves ``sessions`` at ``endpoint``; matchd itself uses it for its practice game server.

    ``advertised`` is the ``host:port`` that players are sent to; without it the port's own address is.
    ``on_change`` is called whenever a session began or ended. ``check`` verifies players' join tokens.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        background: Background,
        endpoint: IStreamServerEndpoint,
        sessions: Sessions,
        *,
        advertised: str = "",
        on_change: Callable[[], None] = lambda: None,
        check: JoinTokenCheck | None = None,
    ) -> None:
        self.sessions = sessions
        self._reactor = reactor
        self._endpoint = endpoint
        self._address = advertised
        self._on_change = on_change
        self._port: IListeningPort | None = None
        resource = GameServerResource(reactor, sessions, lambda: self.address, on_change, check)
        self._connections = WrappingFactory(GameServerSite(resource, reactor))
        self._connections.noisy = False
        self._expiry = Loop(background, "session expiry", END_SECONDS, self._expire)

    @property
    def address(self) -> str:
        """Where players go, ``host:port``; known once the service has started. Raises StartupError before."""
        if not self._address:
            raise StartupError("the game server has no address yet")
        return self._address

    def startService(self) -> None:
        """Listen. Raises CannotListenError, or StartupError when nobody could be told where."""
        listening = self._endpoint.listen(self._connections).addCallback(self._listens)
        failures: list[Failure] = []
        listening.addErrback(failures.append)
        if failures:
            failures[0].raiseException()
        self._expiry.start()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening and close all connections; sessions that run are forgotten."""
        super().stopService()
        self._expiry.stop()
        return Deferred.fromCoroutine(self._close())

    def _listens(self, port: IListeningPort) -> None:
        self._port = port
        self._address = self._address or _address_of(port)
        log.info("game server at {address}, {capacity} slots", address=self._address, capacity=self.sessions.capacity)

    async def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            await maybeDeferred(port.stopListening)
        for connection in list(self._connections.protocols):
            connection.loseConnection()

    async def _expire(self) -> None:
        if ended := self.sessions.expire(self._reactor.seconds()):
            log.info("sessions over: {count}, still running: {running}", count=ended, running=self.sessions.count)
            self._on_change()


def _address_of(port: IListeningPort) -> str:
    host = port.getHost()
    if not isinstance(host, IPv4Address | IPv6Address) or host.host in EVERY_ADDRESS:
        port.stopListening()
        raise StartupError("--address: needed, because --listen does not name one IP address")
    return f"[{host.host}]:{host.port}" if isinstance(host, IPv6Address) else f"{host.host}:{host.port}"
