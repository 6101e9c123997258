"""A connection to Redis that is always made again: what every link is, and the one for commands."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import TimeoutError as TooLate
from twisted.logger import Logger

from matchd.background import Background, Loop
from matchd.errors import MatchdError, StartupError, StoreAway, StoreError, StoreUnavailable
from matchd.store.address import RedisAddress
from matchd.store.connection import Connection, ConnectionFactory, within
from matchd.store.endpoint import WatchedEndpoint

log = Logger()

FIRST_DELAY = 0.05
LONGEST_DELAY = 0.5
"""Seconds between two attempts to connect: the first ones, and all that follow."""

LONGEST_PROBLEM = 200
"""Characters; some error replies are essays."""

PING_INTERVAL = 3.0
"""Seconds between two measured round trips, and between two looks at whether the store takes writes."""

PROBE = "#!lua\nreturn 1"
"""A script that may write, and needs memory to be let run, as far as the store knows: it is refused as `enqueue` is."""


C = TypeVar("C", bound=Connection)


def _nothing(*_: object) -> None:
    """What is done by a callback that nobody set."""


class Link(Generic[C]):
    """One connection to Redis at a time, made again for ever; ``up`` once it is of use.

    ``on_up`` is called each time that it comes up, ``on_down`` each time that it was up and is lost (also by
    ``stop``); ``on_made`` with every connection, before anything is said on it. ``problem`` says why it is not up,
    without secrets, and is empty while it is.
    """

    name = "link"

    def __init__(self, reactor: Any, background: Background, address: RedisAddress, timeout: float = 2.0) -> None:
        """``timeout``, in seconds, bounds both the making of a connection and each answer on it."""
        self.problem = "not connected yet"
        self.on_up: Callable[[], None] = _nothing
        self.on_down: Callable[[], None] = _nothing
        self.on_made: Callable[[C], None] = _nothing
        self._reactor = reactor
        self._background = background
        self._address = address
        self._timeout = timeout
        self._connection: C | None = None
        self._ready: C | None = None
        self._greeting: Deferred[None] | None = None
        self._awaited: list[Deferred[None]] = []
        self._attempts = 0
        self._service = ClientService(
            WatchedEndpoint(address, reactor, self._failed),
            ConnectionFactory(self._build),
            retryPolicy=self._delay,
            clock=reactor,
        )

    @property
    def up(self) -> bool:
        """Whether commands are taken now."""
        return self._ready is not None and bool(self._ready.connected)

    @property
    def trouble(self) -> str:
        """The reason why this link is of no use to players now; empty if it is."""
        return "" if self.up else self.problem or "connection lost"

    def start(self) -> None:
        """Begin to connect."""
        self._service.startService()

    async def reached(self, seconds: float) -> None:
        """Wait until it is up; raises StartupError, with the last problem, when that takes longer."""
        if self.up:
            return
        arrival: Deferred[None] = Deferred()
        self._awaited.append(arrival)
        try:
            await arrival.addTimeout(seconds, self._reactor)
        except TooLate:
            raise StartupError(f"redis: {self._address}: {self.problem}") from None

    def drop(self, reason: str) -> None:
        """End the present connection, for a new one to be made."""
        if self._connection is not None:
            self._connection.drop(reason)

    async def stop(self) -> None:
        """End the connection, and make no other; what still waits for an answer fails with StoreUnavailable."""
        if not self._service.running:
            return
        self.problem = "stopped"
        if self._connection is not None:
            self._connection.reason = self.problem
        awaited, self._awaited = self._awaited, []
        for arrival in awaited:
            arrival.cancel()
        rescue = self._reactor.callLater(self._timeout, lambda: self.drop(self.problem))
        await self._service.stopService()
        if rescue.active():
            rescue.cancel()

    def _delay(self, _attempt: int) -> float:
        """Our own count: to ClientService every connection is a success, to us only one that came up."""
        self._attempts += 1
        delay: float = FIRST_DELAY * 2 ** min(self._attempts - 1, 10)
        return min(delay, LONGEST_DELAY) * random.uniform(0.75, 1.25)

    def _make(self) -> C:
        raise NotImplementedError

    def _build(self) -> C:
        connection = self._make()
        connection.on_made = self._made
        connection.on_lost = self._lost
        return connection

    def _made(self, connection: C) -> None:
        self._connection = connection
        self.on_made(connection)
        self._greeting = self._background.spawn(f"redis {self.name} greeting", self._greet(connection))

    async def _greet(self, connection: C) -> None:
        # Not in ClientService's prepareConnection: its state machine breaks when the connection drops meanwhile.
        try:
            await within(self._reactor, self._timeout, self._introduce(connection))
            await self._settle(connection)
        except MatchdError as error:
            connection.drop(str(error))
        except BaseException:
            connection.drop("the connection could not be prepared")
            raise
        else:
            if connection.connected:
                self._came_up(connection)

    async def _introduce(self, connection: C) -> None:
        await connection.introduce(self._address)

    async def _settle(self, connection: C) -> None:
        """What else has to happen before it is up, and may take longer than ``timeout``."""

    def _came_up(self, connection: C) -> None:
        self._ready = connection
        self._attempts = 0
        self.problem = ""
        log.info("redis {link}: connected to {address}", link=self.name, address=str(self._address))
        awaited, self._awaited = self._awaited, []
        for arrival in awaited:
            arrival.callback(None)
        self.on_up()

    def _lost(self, connection: C) -> None:
        self._connection = None
        if self._greeting is not None:
            self._greeting.cancel()
        was_up, self._ready = self._ready is not None, None
        self._failed(connection.reason)
        if was_up:
            self.on_down()

    def _failed(self, problem: str) -> None:
        problem = problem[:LONGEST_PROBLEM]
        if problem != self.problem:
            log.warn("redis {link}: {problem}", link=self.name, problem=problem)
        self.problem = problem


class CommandLink(Link[Connection]):
    """The link that commands go over, all on one connection, so that they run in the order of the calls.

    ``prepare`` is awaited with every new connection before it is up; ``round_trip`` is told the seconds of a
    PING now and then. ``refusal`` is the reason why the store takes no writes, and is empty while it does. The store
    is believed to refuse from the first refused command on, and to take writes again when it runs a script of the same
    kind as those that it refuses.
    """

    name = "commands"

    def __init__(self, reactor: Any, background: Background, address: RedisAddress, timeout: float = 2.0) -> None:
        super().__init__(reactor, background, address, timeout)
        self.prepare: Callable[[Connection], Awaitable[None]] | None = None
        self.round_trip: Callable[[float], None] = _nothing
        self.refusal = ""
        self._pings = Loop(background, "redis ping", PING_INTERVAL, self._look)

    @property
    def writable(self) -> bool:
        """Whether the store can be reached and takes writes, as far as is known."""
        return self.up and not self.refusal

    @property
    def trouble(self) -> str:
        """The reason why players can't be served over this link now; empty if they can."""
        return super().trouble or (f"refuses writes: {self.refusal}" if self.refusal else "")

    def execute(self, *command: bytes | str | int) -> Deferred[Any]:
        """Send a command, see Connection.execute; fails at once with StoreUnavailable while not up."""
        if self._ready is None:
            return fail(StoreAway(f"no connection to Redis: {self.problem}"))
        return self._ready.execute(*command)

    def _make(self) -> Connection:
        connection = Connection(self._reactor, self._timeout)
        connection.on_refused = self._refused
        return connection

    async def _introduce(self, connection: Connection) -> None:
        await super()._introduce(connection)
        if self.prepare is not None:
            await self.prepare(connection)

    def _came_up(self, connection: Connection) -> None:
        self._pings.start()
        super()._came_up(connection)
        self._background.spawn("redis probe", self._probe())

    def _lost(self, connection: Connection) -> None:
        self._pings.stop()
        super()._lost(connection)

    async def _look(self) -> None:
        await self._ping()
        await self._probe()

    async def _ping(self) -> None:
        sent = self._reactor.seconds()
        with suppress(StoreUnavailable):
            await self.execute("PING")
            self.round_trip(self._reactor.seconds() - sent)

    async def _probe(self) -> None:
        """Ask what the store would refuse if it refused players' questions, also while nobody asks any."""
        try:
            await self.execute("EVAL", PROBE, 0)
        except StoreError as error:
            self._refused(str(error))
        except StoreUnavailable:
            pass  # a refusal was noted already; a lost connection says nothing
        else:
            self._accepted()

    def _refused(self, reason: str) -> None:
        if not self.refusal:
            log.warn("redis: the store refuses writes: {reason}", reason=reason[:LONGEST_PROBLEM])
        self.refusal = reason[:LONGEST_PROBLEM]

    def _accepted(self) -> None:
        if self.refusal:
            log.info("redis: the store takes writes again")
        self.refusal = ""
