"""A whole service in one process: nodes, players, game servers, a real Valkey, and a Clock instead of time.

Every step is synchronous. ``settle`` hands over all messages that are on their way; ``advance`` lets time
pass, in the nodes by their Clock and in the store by making everything in it older.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from matchd.auth.authority import Authority
from matchd.background import Background
from matchd.census import census
from matchd.jointoken import JoinTokens
from matchd.messages import CloseCode
from matchd.model import DEFAULT_MODE, GameMode, GameServer
from matchd.node import Node, Tempo
from tests.support.blocking import BlockingCommands, BlockingConnection, BlockingSubscriber
from tests.support.games import FakeGameServers

TIME_TRAVEL = (Path(__file__).parent / "time_travel.lua").read_text()
FIFO = GameMode("Ranked")
TEAMS = GameMode("Duos", (2, 2), loading_timeout=20)
TEMPO = Tempo()
MODES = {mode.name: mode for mode in (DEFAULT_MODE, FIFO, TEAMS)}


def outcome(coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
    """The result of what ends without waiting for anything."""
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    if not results:
        raise AssertionError("it waits for something")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


class Player:
    """A client as one connection sees it: what it was sent, and how it was closed."""

    def __init__(self, world: World, node: TestNode, player_id: str) -> None:
        self.world, self.node, self.player_id = world, node, player_id
        self.frames: list[bytes] = []
        self.closed: CloseCode | None = None
        self.reason = ""
        self.faults = 0
        self.session = node.node.open(self)

    # the Outlet of its session

    def send(self, frame: bytes) -> None:
        if self.closed is None:
            self.frames.append(frame)

    def close(self, code: CloseCode, reason: str) -> None:
        if self.closed is None:
            self.closed, self.reason = code, reason
            self.session.lost(code)

    def fault(self) -> None:
        self.faults += 1

    # what a client does

    def say(self, **message: Any) -> Player:
        self.say_raw(json.dumps(message).encode())
        return self

    def say_raw(self, frame: bytes) -> None:
        self.session.receive(frame)
        self.world.settle()

    def enqueue(self, mode: str = DEFAULT_MODE.name) -> Player:
        return self.say(type="enqueue", player_id=self.player_id, game_mode=mode)

    def resume(self) -> Player:
        return self.say(type="resume", player_id=self.player_id)

    def dequeue(self) -> Player:
        return self.say(type="dequeue")

    def load(self, **fields: Any) -> Player:
        return self.say(type="loading_complete", **fields)

    def vanish(self) -> None:
        """The socket is gone."""
        if self.closed is None:
            self.closed = CloseCode.IDLE
            self.session.lost()
            self.world.settle()

    # what a client has heard

    @property
    def heard(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames]

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.heard]

    @property
    def last(self) -> dict[str, Any]:
        return self.heard[-1] if self.frames else {}


class TestNode:
    """A node with its connections to the store, which a test can cut."""

    __test__ = False

    def __init__(self, world: World, tempo: Tempo, modes: dict[str, GameMode], authority: Authority | None) -> None:
        self.world = world
        self.clock = Clock()
        self.clock.rightNow = world.clock.seconds()
        self.commands = BlockingCommands(world.path)
        self.subscriber = BlockingSubscriber(world.path, self._hear)
        self.node = Node(
            Background(self.clock), self.commands, self.subscriber, world.games, modes, tempo,  # type: ignore[arg-type]
            authority=authority, join_tokens=world.join_tokens,
        )  # fmt: skip
        self.node.store.on_fenced = self._fenced
        self.alive = True
        self.frozen = False
        self._was_fenced = False
        self.connect()
        self.node.start()

    def _hear(self, channel: bytes, payload: bytes) -> None:
        self.node.notifications.heard(channel, payload)

    def connect(self) -> None:
        """The connection to the store is new."""
        self.commands.down = False
        outcome(self.node.prepare(self.commands))
        # The node's clock stands still while the store's goes on: on a busy machine what it asks would be late.
        self.node.store._ahead_ms = (self.node.store._ahead_ms or 0) + 3_600_000
        self.node.connected()

    def disconnect(self) -> None:
        self.commands.down = True
        self.subscriber.cut()
        self.node.disconnected()

    def reconnect(self) -> None:
        self.commands.reopen(self.world.path)
        self.connect()
        self.subscriber.heal()
        self.node.hearing()
        self.world.settle()

    def cut_subscriber(self) -> None:
        self.subscriber.cut()

    def heal_subscriber(self) -> None:
        self.subscriber.heal()
        self.node.hearing()
        self.world.settle()

    def kill(self) -> None:
        """SIGKILL: nothing it does from here on reaches anybody, and its sockets are gone."""
        self.alive = False
        self.commands.down = True
        self.subscriber.cut()
        self.node.stop()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and what is sent to it waits."""
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT: to the node it is as if a moment had passed, until it looks at the clock."""
        self.frozen = False
        self.world.settle()

    def age(self, seconds: float) -> None:
        """What it remembers by the store's clock gets older with the store."""
        self.node.store.served_ms -= int(seconds * 1000)
        for session in self.node.presence:
            since = int(session.standing.since)
            session.standing.since = str(since and since - int(seconds * 1_000_000))

    def keep_time(self) -> None:
        if not self.frozen:
            self.clock.advance(self.world.clock.seconds() - self.clock.seconds())

    def _fenced(self) -> None:
        self._was_fenced = True

    def pump(self) -> int:
        if self.frozen:
            return 0
        if self._was_fenced and self.alive and not self.commands.down:
            self._was_fenced = False
            self.connect()
            return 1
        return self.subscriber.pump()

    def close(self) -> None:
        self.node.stop()
        self.commands.close()
        self.subscriber.close()


class World:
    """Nodes, players and game servers on one store, at ``path``, which is emptied first.

    ``authority`` makes what identifies players, whose time of day is the clock's.
    """

    def __init__(
        self, path: str, nodes: int = 1, tempo: Tempo = TEMPO, modes: dict[str, GameMode] = MODES,
        authority: Callable[[Clock], Authority] | None = None, join_tokens: JoinTokens | None = None,
    ) -> None:  # fmt: skip
        self.path = path
        self.join_tokens = join_tokens
        self.clock = Clock()
        self.games = FakeGameServers(self.clock)
        self.direct = BlockingConnection(path)
        self.direct.ask("FLUSHALL")
        self._tempo, self._modes = tempo, modes
        self._authority = authority(self.clock) if authority else None
        self.players: list[Player] = []
        self.nodes = [TestNode(self, tempo, modes, self._authority) for _ in range(nodes)]

    def add_node(self) -> TestNode:
        self.nodes.append(TestNode(self, self._tempo, self._modes, self._authority))
        return self.nodes[-1]

    def server(self, server_id: str = "one", capacity: int = 100, sessions: int | None = None) -> str:
        """A game server registers, or sends a heartbeat; its address."""
        address = f"{server_id}:7000"
        outcome(self.alive[0].node.provider.register(GameServer(server_id, address, capacity, "", sessions)))
        self.settle()
        return address

    def player(self, player_id: str, node: int = 0) -> Player:
        self.players.append(Player(self, self.nodes[node], player_id))
        return self.players[-1]

    @property
    def alive(self) -> list[TestNode]:
        return [node for node in self.nodes if node.alive]

    def settle(self) -> None:
        """Let everything that is on its way arrive."""
        for _ in range(200):
            self.clock.advance(0)
            for node in self.alive:
                node.keep_time()
            if not sum(node.pump() for node in self.alive):
                return
        raise AssertionError("messages go on for ever")

    def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass."""
        while seconds > 0:
            now = min(step, seconds)
            self.direct.ask("EVAL", TIME_TRAVEL, 0, int(now * 1000))
            for node in self.nodes:
                node.age(now)
            self.clock.advance(now)
            self.settle()
            seconds -= now

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        """Let time pass until the condition holds."""
        waited = 0.0
        while not condition():
            if waited > seconds:
                raise AssertionError(f"not within {seconds} s")
            self.advance(0.25)
            waited += 0.25

    def invariants(self) -> dict[str, Any]:
        counted: dict[str, Any] = outcome(census(self.alive[0].node.store))
        return counted

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        self.direct.close()
        leftovers = [
            call for clock in (self.clock, *(node.clock for node in self.nodes)) for call in clock.getDelayedCalls()
        ]
        assert leftovers == [], leftovers
