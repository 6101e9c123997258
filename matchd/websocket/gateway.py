"""The players' port: makes their connections, knows all that are open, turns away whom there is no place for."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from matchd.background import Background, Loop
from matchd.messages import CloseCode, ErrorCode, error
from matchd.websocket.addresses import Addresses, TooMuch
from matchd.websocket.connection import PlayerConnection
from matchd.websocket.conversation import Conversation, Outlet
from matchd.websocket.fastframes import with_options
from matchd.websocket.handshake import canonical
from matchd.websocket.keepalive import Keepalive
from matchd.websocket.limits import DEFAULTS, Limits

CLOSED_PER_TURN = 500
"""Connections closed before the reactor gets to do something else."""

REFUSALS = {403: "origin", 404: "path", 426: "plain_http", 429: "address", 503: "full"}
"""What a handshake refused with such a status counts as; with any other, ``handshake``."""


class Gateway(WebSocketServerFactory):  # type: ignore[misc]
    """The ``WebSocketServerFactory`` of the players' port.

    ``converse`` begins the conversation of a new connection. ``origins`` are those of the web pages that
    may connect, such as ``https://game.example``; none are any. ``refused`` counts who was turned away, by
    reason (``full``, ``draining``, ``origin``, ``path``, ``plain_http``, ``address``, ``handshake``), and as
    ``outcast`` each time that an address is shut out; ``closed`` counts the connections that ended, by close code:
    ours, 1000 when the client closed, 1006 when it just went.
    """

    noisy = False

    def __init__(
        self,
        background: Background,
        converse: Callable[[Outlet], Conversation],
        limits: Limits = DEFAULTS,
        origins: Iterable[str] = (),
    ) -> None:
        super().__init__(server="", reactor=background.reactor)
        self.clock = background.reactor
        self.converse = converse
        self.limits = limits
        self.origins = frozenset(map(canonical, origins))
        self.too_fast_together = error(ErrorCode.RATE_LIMITED, "too many messages from your address")
        self.too_fast = error(ErrorCode.RATE_LIMITED, f"more than {limits.messages_per_second:g} messages a second")
        self.addresses = Addresses(limits)
        self.addresses.on_outcast = self._shut_out
        self.refused: Counter[str] = Counter()
        self.closed: Counter[int] = Counter()
        self.on_refused: Callable[[str], None] = lambda reason: None
        self.on_closed: Callable[[int], None] = lambda code: None
        self.on_outcast: Callable[[], None] = lambda: None
        self._refusing: CloseCode | None = None
        self._keepalive = Keepalive(limits)
        self._rounds = Loop(background, "keepalive", self._keepalive.interval, self._look_after, jitter=0)
        self._vacant: list[Deferred[None]] = []
        self._opening: OrderedDict[PlayerConnection, None] = OrderedDict()
        self._batched_timer = _Timer(background.reactor)
        self._set_options()
        self.protocol = with_options(PlayerConnection, self)

    def _set_options(self) -> None:
        limits = self.limits
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,  # it redirects to wherever the request says
            maxFramePayloadSize=limits.message_bytes,
            maxMessagePayloadSize=limits.message_bytes,
            maxConnections=limits.max_connections + limits.overflow,
            openHandshakeTimeout=limits.handshake_seconds,
            closeHandshakeTimeout=limits.close_seconds,
            failByDrop=False,
            autoPingInterval=0,
            allowedOrigins=["*"],  # handshake.py judges them, default ports and all
            allowNullOrigin=True,
        )

    @property
    def connections(self) -> int:
        """The players connected now."""
        return len(self._keepalive)

    def buildProtocol(self, addr: IAddress) -> PlayerConnection | None:
        """A protocol for a new socket; None, which hangs up, when there are too many to even say so."""
        if self.countConnections >= self.limits.max_connections + 2 * self.limits.overflow:
            self.turned_away(503)
            return None
        try:
            visit = self.addresses.arrives(getattr(addr, "host", ""), self.clock.seconds())
        except TooMuch:
            self.turned_away(429)
            return None
        connection: PlayerConnection = super().buildProtocol(addr)
        if visit is not None:
            connection.visit = visit
        self._begin(connection)
        return connection

    # who is on the way in

    def _begin(self, connection: PlayerConnection) -> None:
        self._opening[connection] = None
        if len(self._opening) > self.limits.half_open:
            slowest, _ = self._opening.popitem(last=False)
            self.turned_away(408)
            slowest.dropConnection(abort=True)

    def settled(self, connection: PlayerConnection) -> None:
        """Its handshake is over, or it is gone."""
        self._opening.pop(connection, None)

    # whom there is no place for

    def refuse(self, code: CloseCode | None) -> None:
        """From now on close new connections with ``code`` as soon as they are open; None: no longer."""
        self._refusing = code

    def refusal(self) -> tuple[CloseCode, str] | None:
        """Why a connection that has just been opened can't stay, if it can't; counted."""
        if self._refusing is not None:
            self._count_refused("draining")
            return self._refusing, "this node is going down: connect again elsewhere"
        if self.connections >= self.limits.max_connections:
            self._count_refused("full")
            return CloseCode.FULL, "this node is full: try again later"
        return None

    def turned_away(self, status: int) -> None:
        """A handshake was refused with this HTTP status."""
        self._count_refused(REFUSALS.get(status, "handshake"))

    def _shut_out(self) -> None:
        self._count_refused("outcast")
        self.on_outcast()

    def _count_refused(self, reason: str) -> None:
        self.refused[reason] += 1
        self.on_refused(reason)

    # who is here

    def joined(self, connection: PlayerConnection) -> None:
        """A connection is open and has its conversation."""
        if not self.connections:
            self._rounds.start()
        self._keepalive.add(connection, self.clock.seconds())

    def left(self, connection: PlayerConnection, code: int) -> None:
        """It is gone."""
        self.closed[code] += 1
        self.on_closed(code)
        self._keepalive.remove(connection)
        if not self.connections:
            self._rounds.stop()
            waiting, self._vacant = self._vacant, []
            for deferred in waiting:
                deferred.callback(None)

    async def _look_after(self) -> None:
        self._keepalive.turn(self.clock.seconds())

    # the end

    async def close_all(
        self, code: CloseCode, reason: str, spare: Callable[[Conversation | None], bool] = lambda conversation: False
    ) -> None:
        """Close every connection that is open now, some at a time, but for those whose conversation is spared.

        Returns when each was told.
        """
        everyone = [connection for connection in self._keepalive if not spare(connection.conversation)]
        for start in range(0, len(everyone), CLOSED_PER_TURN):
            for connection in everyone[start : start + CLOSED_PER_TURN]:
                connection.close(code, reason)
            await deferLater(self.clock, 0)

    def vacant(self) -> Deferred[None]:
        """Fires when no connection is open, be it now; after ``close_all`` in twice ``close_seconds`` at most."""
        deferred: Deferred[None] = Deferred()
        if self.connections:
            self._vacant.append(deferred)
        else:
            deferred.callback(None)
        return deferred


class _Timer:
    """Takes the place of Autobahn's timer, which rounds to whole seconds and runs on the global reactor."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor

    def call_later(self, delay: float, call: Callable[..., object], *args: Any) -> IDelayedCall:
        return self._reactor.callLater(delay, call, *args)
