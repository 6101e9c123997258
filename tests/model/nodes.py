"""A node of the model: the whole product but for its sockets, with a clock and connections to tamper with."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from matchd.background import Background
from matchd.drain import drain
from matchd.errors import StoreUnavailable
from matchd.messages import CloseCode
from matchd.node import Node
from tests.model.hosts import HostsClient
from tests.model.wires import CommandWire, DirectWire, HearingWire, Sent
from tests.support.world import MODES, outcome

if TYPE_CHECKING:
    from tests.model.world import ModelWorld

PATIENCE = 2.25
"""Seconds after which a command without a reply has broken the connection."""
SUSPECTED = 2.25
"""Seconds after which a node that died is not heard of for so long that its players can't be blamed for anything."""


class ModelNode:
    """``pump`` is one turn of its reactor; what its sockets bring (``bring``) waits for that too.

    Its clock is its own, and started at another moment than the others'. A frozen node has no turns and
    no time; woken, it finds that all that time has passed at once.
    """

    def __init__(self, world: ModelWorld, number: int) -> None:
        self.world = world
        self.alive, self.frozen, self.draining = True, False, False
        self.given_up = 0
        self.well_since = 0.0
        """When the last fault ended that kept it from its work."""
        self.reachable = self.hearable = True
        self.unrun: list[Sent] = []
        self._brought: deque[Callable[[], object]] = deque()
        self.clock = Clock()
        self._ahead = 1000.0 * number
        self.clock.rightNow = world.now() + self._ahead
        self.commands = CommandWire(self._run, world.now)
        self.hearing = HearingWire(world.path, self._heard, lambda: world.changes)
        client = HostsClient(world.hosts, self)
        self.node = Node(Background(self.clock), self.commands, self.hearing, client, MODES, world.tempo)  # type: ignore[arg-type]
        self.node.store.on_fenced = self._lose_commands
        self._connect()
        self.node.start()

    def __str__(self) -> str:
        return self.node.store.node

    def _run(self, arguments: tuple[bytes | str | int, ...]) -> Any:
        return None if arguments[0] == "SCRIPT" else self.world.run(arguments)  # the world has loaded them

    def _heard(self, channel: bytes, frame: bytes) -> None:
        self.node.notifications.heard(channel, frame)

    # turns and time

    @property
    def listens(self) -> bool:
        """Whether it would read an answer now."""
        return self.alive and not self.frozen

    @property
    def well(self) -> bool:
        """Whether it lives, and both its connections to the store do."""
        held = self.commands.requests_held or self.commands.replies_held
        return self.listens and self.commands.up and self.hearing.up and not held

    def bring(self, event: Callable[[], object]) -> None:
        """Something has come on one of its sockets."""
        if self.alive:
            self._brought.append(event)

    def pump(self) -> int:
        """Do what there is to do; how much that was."""
        if not self.listens:
            return 0
        done = self._connect()
        while self._brought:
            self._brought.popleft()()
            done += 1
        self.clock.advance(0)
        return done + self.commands.flow() + self.hearing.pump()

    def pass_time(self) -> None:
        """It is now what the world says."""
        if self.listens:
            waits_since = self.commands.waits_since
            if waits_since is not None and self.world.now() - waits_since >= PATIENCE:
                self._lose_commands()
            self._catch_up_with_time()

    def _catch_up_with_time(self) -> None:
        self.clock.advance(self.world.now() + self._ahead - self.clock.seconds())

    # its connections to the store

    def _connect(self) -> int:
        """Make again what was lost, where that is possible."""
        held = self.commands.requests_held or self.commands.replies_held
        made = 0
        if (self.reachable and not self.commands.up) or (self.hearable and not self.hearing.up):
            self.world.trouble()
        if not self.commands.up and self.reachable and not held:
            self.unrun.clear()
            self._join()
            made += 1
        if not self.hearing.up and self.hearable:
            self.hearing.heal()
            self.node.hearing()
            made += 1
        return made

    def _join(self) -> None:
        name = self.node.store.node
        outcome(self.node.prepare(DirectWire(self._run)))
        self.commands.up = True
        self.well_since = self.world.lived()
        self.given_up += name != self.node.store.node
        self.node.connected()

    def _lose_commands(self) -> None:
        if self.commands.up:
            self.unrun += self.commands.cut()
            self.node.disconnected()

    def cut(self, commands: bool = True, hearing: bool = True) -> None:
        """Lose connections to the store, until ``heal``."""
        self.world.trouble()
        if commands:
            self.reachable = False
            self._lose_commands()
        if hearing:
            self.hearable = False
            self.hearing.cut()

    def hold(self, requests: bool = False) -> None:
        """From now on its requests do not reach the store, or else the replies do not reach it."""
        self.world.trouble()
        if requests:
            self.commands.requests_held = True
        else:
            self.commands.replies_held = True

    def lose_store(self) -> None:
        """The store has died: both connections are lost, and can be made again; noticed once awake."""

        def notice() -> None:
            reachable, hearable = self.reachable, self.hearable
            self.cut()
            self.unrun.clear()
            self.reachable, self.hearable = reachable, hearable
            self.commands.requests_held = False

        if self.frozen:
            self.commands.requests_held = True
            self._brought.appendleft(notice)
        else:
            notice()

    def heal(self) -> None:
        """All connections are, or can be made, good again."""
        if not self.well:
            self.world.trouble()
            self.well_since = self.world.lived()
        self.reachable = self.hearable = True
        self.commands.requests_held = self.commands.replies_held = False

    # its life

    def freeze(self) -> None:
        """SIGSTOP."""
        self.world.trouble()
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        if self.frozen:
            self.world.trouble()
            self.frozen = False
            self.well_since = self.world.lived()
            self._catch_up_with_time()

    def kill(self) -> None:
        """SIGKILL: nothing it does from here on reaches anybody, and its sockets are gone."""
        if self.alive:
            self.world.trouble()
            for client in self.world.clients_of(self):
                self.world.history.harm(client, known_from=self.world.now() + SUSPECTED)
                client.open = False
            self._brought.clear()
            self.alive = self.frozen = False
            self._lose_commands()
            self.hearing.cut()
            self.node.stop()

    def drain(self) -> None:
        """SIGTERM: it empties itself, and ends when it has."""
        if not self.draining:
            self.world.trouble()
            self.draining = True
            self._spawn(drain(self.clock, self.node, ModelGateway(self))).addCallback(lambda _: self.kill())

    def _spawn(self, work: Coroutine[Deferred[Any], Any, Any]) -> Deferred[None]:
        return self.node.background.spawn("model", work)

    def ask(self, work: Coroutine[Deferred[Any], Any, Any]) -> None:
        """What an operator or a game server asks of it; it may fail for want of the store."""

        async def asked() -> None:
            with suppress(StoreUnavailable):
                await work

        self._spawn(asked())


class ModelGateway:
    """What a drain needs of the players' port."""

    def __init__(self, node: ModelNode) -> None:
        self._node = node

    @property
    def connections(self) -> int:
        """The clients that are connected, as far as the node has heard."""
        return sum(client.node is self._node and not client.gone for client in self._node.world.history.clients)

    def refuse(self, code: CloseCode | None) -> None:
        """The model connects nobody to a node that drains."""

    async def close_all(self, code: CloseCode, reason: str, spare: Callable[[Any], bool] = lambda _: False) -> None:
        """Close every connection whose conversation is not spared."""
        for client in self._node.world.clients_of(self._node):
            if not spare(client.conversation):
                client.close(code, reason)
