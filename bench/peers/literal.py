"""The same flow as one would write it first: a Redis connection per player to hear by, and a command a step.

It loses players whenever anything dies: that is the point of it, not a flaw to be mended.
``python -m bench.peers.literal PORT REDIS_PORT GAME_SERVER``.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Coroutine
from typing import Any

import treq
import txredisapi
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.client import HTTPConnectionPool

TICK = 0.1
MODE = "Game"

log = Logger()
reactor: Any = _reactor


class Server:
    """What all players share: the commands to Redis, the way to the game server, and the tick."""

    def __init__(self, redis_port: int, game_server: str) -> None:
        self.redis_port = redis_port
        self.game_server = game_server
        self.http = HTTPConnectionPool(reactor)
        self.http.maxPersistentPerHost = 64

    async def start(self, port: int) -> None:
        """Connect to Redis, listen, and begin to tick."""
        self.redis = await txredisapi.ConnectionPool("127.0.0.1", self.redis_port, poolsize=10)
        reactor.listenTCP(port, Players(self), interface="127.0.0.1", backlog=1000)
        LoopingCall(self.draw).start(TICK)

    async def draw(self) -> None:
        """Take pairs from the queue until there is none."""
        while await self.redis.scard(f"queue:{MODE}") >= 2:
            first, second = await self.redis.spop(f"queue:{MODE}"), await self.redis.spop(f"queue:{MODE}")
            session = secrets.token_hex(8)
            await self.redis.hmset(f"loading:{session}", {first: "loading", second: "loading"})
            for player in (first, second):
                await self.tell(player, type="start_loading", loading_session_id=session)

    async def loaded(self, session: str, player: str) -> None:
        """A player has loaded; the last one gets the match its game server."""
        await self.redis.hset(f"loading:{session}", player, "ready")
        states = await self.redis.hgetall(f"loading:{session}")
        # Both may get here, having seen each other ready: only one of them takes the session away.
        if set(states.values()) != {"ready"} or not await self.redis.delete(f"loading:{session}"):
            return
        wanted = {"players": list(states), "game_mode": MODE, "loading_session_id": session}
        answer = await treq.post(f"http://{self.game_server}/session/create", json=wanted, pool=self.http)
        game = await answer.json()
        for member in states:
            await self.tell(member, type="match_found", **game)

    async def tell(self, player: str, **message: object) -> None:
        """Publish a message for a player."""
        await self.redis.publish(f"notifications:{player}", json.dumps(message))


class Player(WebSocketServerProtocol):  # type: ignore[misc]
    """One player's socket."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._name = ""
        self._hearing: Hearing | None = None
        self._matched = False

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        message = json.loads(payload)
        if message["type"] == "enqueue":
            self._name, self._mode = message["player_id"], message["game_mode"]
            reactor.connectTCP("127.0.0.1", self._server.redis_port, Hearings(self))
        elif message["type"] == "loading_complete":
            _begin(self._server.loaded(message["loading_session_id"], self._name))

    def hears(self, hearing: Hearing) -> None:
        """The connection to hear by is there."""
        self._hearing = hearing
        _begin(self._enqueue(hearing))

    def heard(self, message: str) -> None:
        """Something was published for the player."""
        self._matched = self._matched or '"match_found"' in message
        if self.state == self.STATE_OPEN:
            self.sendMessage(message.encode())

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        if self._hearing is not None:
            self._hearing.transport.loseConnection()
        if self._name and not self._matched:
            self._server.redis.srem(f"queue:{self._mode}", self._name)

    async def _enqueue(self, hearing: Hearing) -> None:
        await hearing.subscribe(f"notifications:{self._name}")
        await self._server.redis.sadd(f"queue:{self._mode}", self._name)
        await self._server.tell(self._name, type="queued")


class Players(WebSocketServerFactory):  # type: ignore[misc]
    """Makes the players' sockets."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> Player:
        player = Player(self._server)
        player.factory = self
        return player


class Hearing(txredisapi.SubscriberProtocol):  # type: ignore[misc]
    """A player's own connection to Redis."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player

    def connectionMade(self) -> None:
        super().connectionMade()
        self._player.hears(self)

    def messageReceived(self, pattern: None, channel: str, message: str | int) -> None:
        if isinstance(message, str):
            self._player.heard(message)


class Hearings(ClientFactory):
    """Makes one such connection."""

    noisy = False

    def __init__(self, player: Player) -> None:
        self._player = player

    def buildProtocol(self, addr: IAddress | None) -> Any:
        hearing = Hearing(self._player)
        hearing.factory = self
        return hearing


def _begin(work: Coroutine[Deferred[Any], Any, None]) -> None:
    Deferred.fromCoroutine(work).addErrback(lambda failure: log.failure("a step failed", failure))


if __name__ == "__main__":
    Deferred.fromCoroutine(Server(int(sys.argv[2]), sys.argv[3]).start(int(sys.argv[1])))
    reactor.run()
