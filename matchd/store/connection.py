"""One connection to Redis, from the first byte to the last.

Replies come in the order of the commands, so a queue of Deferreds is all the bookkeeping there is. What a
reply says about the whole connection is decided here too: some errors end it, some only this command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import hiredis
import txredisapi
from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from matchd.errors import MatchdError, StoreError, StoreUnavailable
from matchd.prompt import Outgoing
from matchd.store.address import RedisAddress
from matchd.store.reasons import reason

FATAL = frozenset({"READONLY", "LOADING", "MASTERDOWN", "NOAUTH"})
"""Error replies of a server that is the wrong one, or not ready: find a better one."""

TRANSIENT = frozenset({"OOM", "BUSY", "MISCONF", "NOREPLICAS"})
"""Error replies of the right server that can't do it now."""

TICK = 0.25
"""Seconds between two looks at the oldest command that waits for its reply."""


T = TypeVar("T")


class Connection(txredisapi.RedisProtocol):  # type: ignore[misc]
    """Sends commands, and fails everything that waits when no reply comes for ``timeout`` seconds.

    ``on_made`` and ``on_lost`` are called with the connection once each; ``reason`` then says why it is gone.
    ``on_refused`` is told each error reply of a server that can't do now what it was asked.
    """

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self.reason = ""
        self.connected: int = 0
        self.on_made: Callable[[Any], None] = lambda connection: None
        self.on_lost: Callable[[Any], None] = lambda connection: None
        self.on_refused: Callable[[str], None] = lambda reason: None
        self._clock = clock
        self._timeout = timeout
        self._waiting: deque[tuple[Deferred[Any], int]] = deque()
        self._ticks = 0
        self._watch: IDelayedCall | None = None

    def execute(self, *command: bytes | str | int) -> Deferred[Any]:
        """Send a command; fires with its reply: bytes, int, None or a list of them.

        Fails with StoreUnavailable when the connection is or gets lost, or Redis can't do it now, and with
        StoreError, whose text is the error reply (``NOSCRIPT ...``), when Redis refuses. A command that failed
        with StoreUnavailable may have run.
        """
        if not self.connected:
            return fail(self.unavailable())
        reply: Deferred[Any] = Deferred()
        self._waiting.append((reply, self._ticks))
        self._outgoing.write(hiredis.pack_command(command))
        if self._watch is None:
            self._watch = self._clock.callLater(TICK, self._tick)
        return reply

    def execute_command(self, *command: bytes | str | int, **options: object) -> Deferred[Any]:
        """The way that the library's own methods (``ping()``, ``script_load()``) take."""
        return self.execute(*command)

    async def log_in(self, address: RedisAddress) -> None:
        """Say who we are, if the address has a password; raises MatchdError."""
        if address.password is None:
            return
        try:
            await self.execute("AUTH", *filter(None, [address.username]), address.password)
        except StoreError as error:
            # A server that does not know AUTH repeats what it was told.
            raise StoreError(str(error).replace(address.password or "\n", "***")) from None

    async def introduce(self, address: RedisAddress) -> None:
        """Log in, choose the database and make sure that this is a primary; raises MatchdError."""
        await self.log_in(address)
        if address.db:
            await self.execute("SELECT", address.db)
        role, *_ = await self.execute("ROLE")
        if role != b"master":
            raise StoreUnavailable("this is a replica, not the primary")

    def drop(self, reason: str) -> None:
        """End the connection at once, whatever the other side does; ``reason`` is what the callers are told."""
        if self.connected:
            self.connected = 0
            self.reason = reason
            self.transport.abortConnection()

    def connectionMade(self) -> None:
        self._outgoing = Outgoing(self.transport, self._clock)
        super().connectionMade()
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.on_made(self)

    def connectionLost(self, why: Failure) -> None:
        super().connectionLost(why)
        self.reason = self.reason or reason(why)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        waiting, self._waiting = self._waiting, deque()
        for reply, _ in waiting:
            reply.errback(self.unavailable())
        self.on_lost(self)

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                self.replyReceived(reply)
        except txredisapi.InvalidData:
            self.drop("the other side does not speak the Redis protocol")

    def replyReceived(self, reply: Any) -> None:
        if not self._waiting:
            self.drop(str(reply) if isinstance(reply, txredisapi.ResponseError) else "an answer to no question")
            return
        waiting, _ = self._waiting.popleft()
        if isinstance(reply, txredisapi.ResponseError):
            waiting.errback(self._refusal(str(reply)))
        else:
            waiting.callback(reply)

    def _refusal(self, text: str) -> MatchdError:
        code = text.partition(" ")[0]
        if code in FATAL:
            self.drop(text)
        if code in TRANSIENT:
            self.on_refused(text)
        return StoreUnavailable(text) if code in FATAL | TRANSIENT else StoreError(text)

    def unavailable(self) -> StoreUnavailable:
        """What callers are told once the connection is lost."""
        return StoreUnavailable(f"the connection to Redis was lost: {self.reason}")

    def _tick(self) -> None:
        """Time is counted in turns of the reactor, so that a stall of our own is not blamed on Redis."""
        self._watch = None
        self._ticks += 1
        if not self._waiting:
            return
        _, asked = self._waiting[0]
        if (self._ticks - asked) * TICK > self._timeout:
            self.drop(f"no answer within {self._timeout:g} s")
        else:
            self._watch = self._clock.callLater(TICK, self._tick)


class ConnectionFactory(Factory):
    """Makes connections, in silence."""

    noisy = False

    def __init__(self, build: Callable[[], Connection]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._build()


async def within(clock: IReactorTime, seconds: float, work: Coroutine[Deferred[Any], Any, T]) -> T:
    """What ``work`` returns; cancels it and raises StoreUnavailable when it takes longer."""
    try:
        return await Deferred.fromCoroutine(work).addTimeout(seconds, clock)
    except TooLate:
        raise StoreUnavailable(f"no answer within {seconds:g} s") from None
