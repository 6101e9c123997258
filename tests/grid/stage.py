"""The stage: two nodes, a store and two game servers, real processes all, with a proxy on every link between them.

It outlives a cell: what a fault broke is mended before the next. Node ``a`` is the one that is struck.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from tests.grid.players import Guest
from tests.grid.proxy import Link
from tests.grid.sightings import GameServerTap, RedisTap, Sighting
from tests.grid.wire import http, resp
from tests.support.fleet import Fleet, GameServer, Node
from tests.support.loopback import ask

SETTINGS = """
[limits]
ping_seconds = 2.5
"""
SLOTS = 100
GAME_SECONDS = 15


class Stage:
    """Everything but the players. ``on_sight`` is called with what goes by, just before it goes on."""

    def __init__(self) -> None:
        self.journal: list[Sighting] = []
        self.on_sight: Callable[[Sighting], None] = lambda sighting: None
        self.fleet = Fleet()
        self.valkey = self.fleet.valkey("--appendonly", "yes")
        config = self.fleet.file("matchd.toml", SETTINGS)
        self.redis_links: dict[str, Link] = {}
        self.nodes = {name: self._node(name, config) for name in "ab"}
        self.servers: dict[str, GameServer] = {}
        self.server_links = {name: self._server(self.nodes[name]) for name in "ab"}

    def _node(self, name: str, config: str) -> Node:
        link = Link(f"redis-{name}", self.valkey.port, resp, lambda link: RedisTap(link, self._report))
        self.redis_links[name] = link
        return self.fleet.node("--config", config, "--redis", f"redis://127.0.0.1:{link.port}/0")

    def _server(self, node: Node) -> Link:
        link = Link("server", 0, http, lambda link: GameServerTap(link, self._report))
        server = self.fleet.game_server(
            node,
            "--address",
            f"127.0.0.1:{link.port}",
            "--capacity",
            str(SLOTS),
            "--session-seconds",
            str(GAME_SECONDS),
        )
        self.servers[server.server_id] = server
        link.name, link.target = f"server {server.server_id}", server.port
        return link

    @property
    def a(self) -> Node:
        """The node that is struck."""
        return self.nodes["a"]

    @property
    def b(self) -> Node:
        """The node that survives."""
        return self.nodes["b"]

    async def ready(self) -> None:
        """Wait until everything runs."""
        for node in self.nodes.values():
            if node.child.status is not None:
                node.start()
        for parts in (self.nodes, self.servers):
            await gatherResults([Deferred.fromCoroutine(part.ready()) for part in parts.values()], consumeErrors=True)

    def guest(self, name: str, home: str, dice: random.Random) -> Guest:
        """A player whose home is one of the nodes; the other is where he goes when that one fails him."""
        homes = home, "a" if home == "b" else "b"
        route = tuple(Link(f"{name}-{node}", self.nodes[node].player_port) for node in homes)
        return Guest(name, route, dice)

    def freeze(self) -> None:
        """Nothing goes through between the nodes and the others any more."""
        for link in self.inner_links:
            link.hold()

    @property
    def inner_links(self) -> tuple[Link, ...]:
        """The links of the nodes to the store and to the game servers."""
        return (*self.redis_links.values(), *self.server_links.values())

    def thaw(self) -> None:
        """Whatever is still stopped or held goes on."""
        for node in self.nodes.values():
            node.thaw()
        for link in self.inner_links:
            link.release()

    def forget_store(self) -> None:
        """What the store has kept on disk is lost; to be called while it is down."""
        shutil.rmtree(Path(self.valkey.folder, "appendonlydir"), ignore_errors=True)

    async def end_game(self, loading_session: str, link: Link) -> None:
        """A game is over, by the word of its own server."""
        await ask(link.target, "DELETE", f"/session/{loading_session}")

    def close(self) -> None:
        """End everything."""
        for link in self.inner_links:
            link.close()
        for node in self.nodes.values():
            node.thaw()
        self.fleet.close()

    def _report(self, sighting: Sighting) -> None:
        self.journal.append(sighting)
        self.on_sight(sighting)
