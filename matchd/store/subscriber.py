"""The connection that hears what is published, and that goes on listening to the same channels when made again."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import txredisapi
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.store.address import RedisAddress
from matchd.store.connection import Connection
from matchd.store.link import Link

log = Logger()

QUIET = 4
"""Seconds of silence after which Redis is asked for a sign of life, and again after which it is given up."""

BATCH = 1000
"""Channels that one SUBSCRIBE may name, lest it block Redis."""


class SubscriberConnection(Connection, txredisapi.SubscriberProtocol):  # type: ignore[misc]
    """Listens to channels; Redis confirms each by its name, and in between come the messages."""

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        super().__init__(clock, timeout)
        self.on_message: Callable[[bytes, bytes], None] = lambda channel, payload: None
        self._unconfirmed: defaultdict[bytes, deque[Deferred[None]]] = defaultdict(deque)
        self._silence = 0
        self._heartbeat = LoopingCall(self._beat)
        self._heartbeat.clock = clock

    def subscribe(self, channels: Sequence[bytes]) -> Deferred[None]:
        """Listen to at least one channel; fires when all are confirmed, fails with StoreUnavailable."""
        if not self.connected:
            return fail(self.unavailable())
        confirmed: Deferred[None] = Deferred()
        if not self._unconfirmed:
            self._silence = 0  # from here on it is the silence of one who was asked
        self._unconfirmed[channels[-1]].append(confirmed)
        self._send("SUBSCRIBE", *channels)
        return confirmed

    def is_settled(self, channel: bytes) -> bool:
        """Whether Redis has answered all that was asked for this channel, on a connection that still stands."""
        return bool(self.connected) and channel not in self._unconfirmed

    def unsubscribe(self, channels: Sequence[bytes]) -> None:
        """Listen to these no more; to name none would mean all."""
        if self.connected and channels:
            self._send("UNSUBSCRIBE", *channels)

    def connectionMade(self) -> None:
        self._heartbeat.start(1.0, now=False)
        super().connectionMade()

    def connectionLost(self, why: Failure) -> None:
        self._heartbeat.stop()
        super().connectionLost(why)
        unconfirmed, self._unconfirmed = self._unconfirmed, defaultdict(deque)
        for queue in unconfirmed.values():
            for confirmed in queue:
                confirmed.errback(self.unavailable())

    def replyReceived(self, reply: Any) -> None:
        self._silence = 0
        match reply:
            case [b"message", channel, payload]:
                self.messageReceived(None, channel, payload)
            case [b"subscribe", channel, _]:
                self._confirm(channel)
            case [b"unsubscribe" | b"pong", *_] | b"PONG":
                pass
            case _:
                super().replyReceived(reply)

    def messageReceived(self, pattern: None, channel: bytes, message: bytes) -> None:
        try:
            self.on_message(channel, message)
        except Exception:
            log.failure("what {channel} said could not be dealt with", channel=channel)

    def _confirm(self, channel: bytes) -> None:
        if queue := self._unconfirmed.get(channel):
            confirmed = queue.popleft()
            if not queue:
                del self._unconfirmed[channel]
            confirmed.callback(None)

    def _send(self, *command: bytes | str) -> None:
        self._outgoing.write(hiredis.pack_command(command))

    def _beat(self) -> None:
        """Silence is counted in turns of the reactor, so that a stall of our own is not blamed on Redis."""
        self._silence += 1
        if self._unconfirmed and self._silence > self._timeout:
            self.drop(f"no answer within {self._timeout:g} s")
        elif self._silence >= 2 * QUIET:
            self.drop(f"nothing heard for {2 * QUIET} s")
        elif self._silence == QUIET:
            self._send("PING")


class SubscriberLink(Link[SubscriberConnection]):
    """The link that hears messages: ``on_message`` is called with channel and payload of each.

    After a reconnect it is up, and ``on_up`` called, only when every wanted channel is confirmed again; what was
    published in between is lost.
    """

    name = "subscriber"

    def __init__(self, reactor: Any, background: Background, address: RedisAddress, timeout: float = 2.0) -> None:
        super().__init__(reactor, background, address, timeout)
        self.on_message: Callable[[bytes, bytes], None] = lambda channel, payload: None
        self._wanted: set[bytes] = set()

    def subscribe(self, channel: bytes) -> Deferred[None]:
        """Want a channel until ``unsubscribe``, also across reconnects; fires when Redis has confirmed it.

        At once if it has before. Fails with StoreUnavailable when it can't be confirmed now, at once while not
        up; it is wanted all the same. Asking twice is harmless; one ``unsubscribe`` undoes both.
        """
        known = channel in self._wanted
        self._wanted.add(channel)
        if self._ready is None:
            return fail(StoreUnavailable(f"no connection to Redis: {self.problem}"))
        if known and self._ready.is_settled(channel):
            return succeed(None)
        return self._ready.subscribe((channel,))

    def unsubscribe(self, channel: bytes) -> None:
        """Want a channel no more; a message that is under way may still be heard."""
        self._wanted.discard(channel)
        if self._ready is not None:
            self._ready.unsubscribe((channel,))

    def _make(self) -> SubscriberConnection:
        connection = SubscriberConnection(self._reactor, self._timeout)
        connection.on_message = self._hear
        return connection

    def _hear(self, channel: bytes, payload: bytes) -> None:
        self.on_message(channel, payload)

    async def _settle(self, connection: SubscriberConnection) -> None:
        """Channels may come and go meanwhile."""
        confirmed: set[bytes] = set()
        while lacking := tuple(self._wanted - confirmed):
            for start in range(0, len(lacking), BATCH):
                await connection.subscribe(lacking[start : start + BATCH])
            confirmed.update(lacking)
        connection.unsubscribe(tuple(confirmed - self._wanted))
