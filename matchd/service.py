"""The whole of matchd in one process: the one place where real things are joined, started and stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from matchd import exits
from matchd.auth.authority import Authority, authority
from matchd.background import Background
from matchd.collector import Collector
from matchd.config.settings import Settings
from matchd.dedicated.service import GameServerService
from matchd.dedicated.sessions import Sessions
from matchd.descriptors import affordable, raise_limit
from matchd.drain import REASON, drain
from matchd.errors import MatchdError
from matchd.lag import lag
from matchd.matches.addressbook import AddressBook
from matchd.matches.gameserver import GameServerClient
from matchd.messages import CloseCode
from matchd.model import GameServer
from matchd.node import Node
from matchd.operators.access import Access
from matchd.operators.site import site
from matchd.overview import Overview
from matchd.ports import listen, url, with_port
from matchd.siblings import Word, merged
from matchd.store import eviction
from matchd.store.address import RedisAddress
from matchd.store.embedded import EmbeddedValkey
from matchd.store.link import CommandLink
from matchd.store.subscriber import SubscriberLink
from matchd.turns import shorten
from matchd.websocket.door import guard
from matchd.websocket.gateway import Gateway
from matchd.wiring import allowed, connect, join_tokens, limits_of, tempo
from matchd.workers import Workers

log = Logger()

REACH_SECONDS = 5.0
"""How long the store may take to answer for the first time."""
PRACTICE_SLOTS = 100
PRACTICE_SECONDS = 60.0


def build(settings: Settings, reactor: Any) -> Service:
    """Everything that ``settings`` ask for, not yet started."""
    return Matchd(settings, reactor)


class Matchd(Service):
    """A node with its sockets. Starts whole or not at all; a failed start ends the process with one line.

    While the keys of players' tokens are out of reach it waits with the players' port closed, and says it is not ready.
    """

    def __init__(self, settings: Settings, reactor: Any, shares_port: bool = False) -> None:
        """``shares_port``: other processes listen on the player port too."""
        self._shares_port = shares_port or settings.workers > 1
        self._workers: Workers | None = None
        self._authority: Authority | None = None
        self._players: IListeningPort | None = None
        self._settings = settings
        self._reactor = reactor
        self._background = Background(reactor)
        self._links: tuple[CommandLink | SubscriberLink, ...] = ()
        self._stops: list[Callable[[], object]] = []
        self._starting: Deferred[None] | None = None
        self._started = False
        self._draining = False

    def startService(self) -> None:
        """Begin to start; the log says when it has."""
        super().startService()
        exits.on_terminate(self._reactor, self.terminate, self._hurry)
        self._starting = Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """Stop what was started, the last first."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    # starting

    async def _start(self) -> None:
        settings = self._settings
        for warning in settings.warnings:
            log.warn("{warning}", warning=warning)
        if settings.registers_anyone:
            log.warn("whoever is on this machine can register game servers; servers.token would keep others out")
        address = settings.redis or await self._start_embedded()
        await self._start_node(address)
        self.node.provider.add_fixed(settings.dedicated)
        if settings.nothing_configured:
            self._start_practice_server()
        await self.node.provider.vouch()
        operators = await self._open_operators_port() if settings.http is not None else None
        if self._authority is not None:
            await self._authority.ready()
        self._players = players = await self._listen("listen", settings.listen, self.gateway)
        self._on_stop(guard(players, self.gateway))
        self._on_stop(self._send_everybody_away)
        if settings.workers > 1:
            self._start_workers(address, players)
        self._started = True
        self._say_what_runs_where(players, operators)

    async def _start_embedded(self) -> RedisAddress:
        data_dir = self._settings.data_dir
        valkey = EmbeddedValkey(self._reactor, self._background, str(data_dir) if data_dir else None)
        self._on_stop(valkey.stop)
        return await valkey.start()

    async def _start_node(self, address: RedisAddress) -> None:
        settings, reactor, background = self._settings, self._reactor, self._background
        commands = CommandLink(reactor, background, address)
        subscriber = SubscriberLink(reactor, background, address)
        self._addresses = AddressBook(reactor, allowed(settings))
        client = GameServerClient(reactor, addresses=self._addresses, timeout=settings.matchmaking.allocation_timeout)
        self._on_stop(client.close)
        self._authority = authority(settings.auth, background)
        if self._authority is not None:
            await self._authority.start()
            self._on_stop(self._authority.stop)
        self.node = Node(
            background, commands, subscriber, client, settings.modes, tempo(settings), settings.key_prefix,
            self._authority, join_tokens(settings.join),
        )  # fmt: skip
        limits = affordable(limits_of(settings), raise_limit())
        self.gateway = Gateway(background, self.node.open, limits, settings.origins)
        connect(self.node, self.gateway, commands, subscriber)
        self._links = commands, subscriber
        await self._reach_store()
        await eviction.check(commands)
        for part in (self.node, lag(reactor, self.node.metrics.reactor_lag), Collector(background)):
            part.start()
            self._on_stop(part.stop)

    async def _reach_store(self) -> None:
        turns = shorten(self._reactor)
        for link in self._links:
            if turns is not None:
                link.on_made = lambda connection: turns.prefer(connection.transport.fileno())
            link.start()
            self._on_stop(link.stop)
        for link in self._links:
            await link.reached(REACH_SECONDS)

    def _start_practice_server(self) -> None:
        endpoint = serverFromString(self._reactor, "tcp:0:interface=127.0.0.1")
        sessions = Sessions(PRACTICE_SLOTS, PRACTICE_SECONDS)
        practice = GameServerService(self._reactor, self._background, endpoint, sessions)
        practice.startService()
        self._on_stop(practice.stopService)
        self.node.provider.add_local(
            lambda: GameServer(
                "practice", practice.address, PRACTICE_SLOTS, sessions=sessions.count, made=sessions.made
            )
        )

    async def _open_operators_port(self) -> IListeningPort:
        settings = self._settings
        access = Access(settings.operator_token, settings.servers.token)
        operators = site(Overview(self.node, self.ready, self._addresses, self.metrics), access, self._reactor)
        return await self._listen("http", settings.http or "", operators)

    def _start_workers(self, address: RedisAddress, players: IListeningPort) -> None:
        listening = with_port(self._settings.listen, players)
        settings = replace(
            self._settings,
            listen=listening,
            http=None,
            redis=address,
            workers=1,
            warnings=(),
            modes=dict(self._settings.modes),
        )
        self._workers = Workers(self._reactor, self._background, self._settings.workers - 1, settings)
        self._workers.start()
        self._on_stop(self._workers.stop)

    async def _listen(self, option: str, description: str, factory: IProtocolFactory) -> IListeningPort:
        shared = option == "listen" and self._shares_port
        port = await listen(self._reactor, option, description, factory, shared)
        self._on_stop(port.stopListening)
        return port

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) or self._draining:
            return  # told to stop while it still started
        if failure.check(MatchdError):
            exits.fail(self._reactor, failure.getErrorMessage())
        else:
            log.failure("matchd could not start", failure)
            exits.fail(self._reactor, f"could not start: {failure.getErrorMessage()}")

    def _say_what_runs_where(self, players: IListeningPort, operators: IListeningPort | None) -> None:
        settings = self._settings
        log.info("players: {url}/ws/", url=url("ws", settings.listen, players))
        if operators is not None:
            log.info("operators, game servers: {url}/", url=url("http", settings.http or "", operators))
        log.info("store: {store}", store=str(settings.redis or "a private Valkey"))
        if settings.nothing_configured:
            log.info("a practice game server runs here too. Now try, in a second terminal: python -m client")

    # running

    def ready(self) -> str | None:
        """Why players can't be served now, or None."""
        if self._draining:
            return "draining"
        problems = [f"redis: {link.trouble}" for link in self._links if link.trouble]
        if self._authority is not None and self._authority.problem:
            problems.append(self._authority.problem)
        problems += (f"worker {number}: {word.problem}" for number, word in self._words().items() if word.problem)
        return problems[0] if problems else None

    def metrics(self) -> bytes:
        """The metrics of this process, and of those beside it."""
        own, words = self.node.metrics.render(), self._words()
        return merged({0: own} | {number: word.metrics for number, word in words.items()}) if self._workers else own

    def word(self) -> Word | None:
        """What a worker has to tell the first process; nothing before it has started."""
        return Word(self.ready(), self.metrics()) if self._started else None

    def _words(self) -> dict[int, Word]:
        return self._workers.words() if self._workers else {}

    # stopping

    def _on_stop(self, stop: Callable[[], object]) -> None:
        self._stops.append(stop)

    def terminate(self) -> None:
        """Drain, then stop the reactor; asked again, go on doing so."""
        if self._draining:
            return
        self._draining = True
        draining = Deferred.fromCoroutine(self._drain())
        draining.addErrback(lambda failure: log.failure("the drain failed", failure))
        draining.addBoth(lambda _: exits.stop(self._reactor))

    async def _drain(self) -> None:
        workers_gone = maybeDeferred(self._workers.stop) if self._workers else None
        if self._started:
            await self._leave_shared_port()
            await drain(self._reactor, self.node, self.gateway)
        if workers_gone is not None:
            await workers_gone

    async def _leave_shared_port(self) -> None:
        """Listen no more where others may: the kernel would go on to deal connections out to this process as well."""
        if self._shares_port and self._players is not None:
            await maybeDeferred(self._players.stopListening)

    def _hurry(self) -> None:
        if self._workers is not None:
            self._workers.kill()

    async def _send_everybody_away(self) -> None:
        await self.gateway.close_all(CloseCode.DRAINING, REASON)
        await self.gateway.vacant()

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await self._starting
        while self._stops:
            try:
                await maybeDeferred(self._stops.pop())
            except Exception:
                log.failure("something did not stop well")
