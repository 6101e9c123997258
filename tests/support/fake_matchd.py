"""A matchd that says what the test wants, for clients in a network in memory."""

from __future__ import annotations

import json
from typing import Any

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from twisted.trial.unittest import SynchronousTestCase

from tests.support.network import Network

URL = "ws://127.0.0.1:8080/ws/"


class FakeMatchd(WebSocketServerProtocol):
    """One connection of a matchd that does nothing by itself."""

    def onConnect(self, request: Any) -> None:
        if request.path != "/ws/":
            raise ConnectionDeny(404, "Not Found")

    def onOpen(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.factory.players.append(self)

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        self.heard.append(json.loads(payload))

    def say(self, type: str, **fields: object) -> None:
        self.sendMessage(json.dumps({"type": type, **fields}).encode())


class WithMatchd(SynchronousTestCase):
    """Clients can reach a fake matchd at ``URL``; ``players`` are the connections that it has seen."""

    def setUp(self) -> None:
        self.network = Network()
        self.patch(txaio.config, "loop", self.network.reactor)
        factory = WebSocketServerFactory(reactor=self.network.reactor)
        factory.noisy = False
        factory.protocol = FakeMatchd
        self.players: list[FakeMatchd] = []
        factory.players = self.players
        self.network.listen(8080, factory)
