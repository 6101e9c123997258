"""The players' port of a node, in memory: the real gateway, connections and sessions before a real Valkey.

Two clocks: the gateway's, by which connections are pinged and closed, and the node's, by which it works in the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from unittest import mock

from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from matchd.auth.authority import Authority
from matchd.background import Background
from matchd.model import GameMode
from matchd.store import runner
from matchd.websocket.gateway import Gateway
from matchd.websocket.limits import DEFAULTS
from tests.support.keyspace import dump
from tests.support.keyspace import state as where
from tests.support.tokens import signer
from tests.support.wire import PING, PONG, TEXT, Client, frame, request, server_frames
from tests.support.world import World
from tests.support.worlds import valkey_path

PLENTY = 10**9
PATIENT = replace(DEFAULTS, messages_per_second=PLENTY, burst=PLENTY, fragments=PLENTY, faults=PLENTY)
"""The limits of players, but for those of how often one may err: a connection here errs a thousand times."""

RANKED, DUEL = GameMode("Ranked"), GameMode("Duel")
STATES = ("absent", "queued", "loading", "loaded", "allocating", "matched")
RECORDED = {"absent": "", "loaded": "loading"}
"""What the store calls a state, where it has another word for it."""

Frames = list[tuple[int, bytes]]
"""What was answered: of each frame its opcode and its payload."""


class Guest(Client):
    """A client whose WebSocket is open."""

    def __init__(self, door: Door, player_id: str) -> None:
        super().__init__(door.gateway)
        self.player_id = player_id
        self._door = door
        self._past: Frames = []
        self.feed(request())
        assert self.status == "HTTP/1.1 101 Switching Protocols", self.status
        self.wire.clear()

    def send(self, data: bytes) -> Frames:
        """What is answered to these bytes, as frames."""
        self._past += server_frames(self.wire.value())
        self.wire.clear()
        self.feed(data)
        self._door.world.settle()
        return server_frames(self.wire.value())

    @property
    def session(self) -> str:
        """The loading session that he was told of last."""
        heard = [json.loads(text) for kind, text in self._past + server_frames(self.wire.value()) if kind == TEXT]
        return str([message["loading_session_id"] for message in heard if message["type"] == "start_loading"][-1])

    def tell(self, **message: object) -> Frames:
        """What is answered to this message."""
        return self.send(frame(json.dumps(message).encode()))

    @property
    def answers(self) -> bool:
        """Whether a ping is answered, with a pong and nothing else."""
        return self.send(frame(b"?", PING)) == [(PONG, b"?")]


class Door:
    """One node with a game server, and whoever knocks; ``close`` ends it. With ``authority`` players show a token."""

    def __init__(self, authority: Callable[[Clock], Authority] | None = None) -> None:
        self.world = World(valkey_path(), modes={mode.name: mode for mode in (RANKED, DUEL)}, authority=authority)
        self.world.server(capacity=10_000)
        self.asks_for_tokens = authority is not None
        self.clock = Clock()
        self.gateway = Gateway(Background(self.clock), self.world.nodes[0].node.open, PATIENT)
        self.complaints: list[LogEvent] = []
        self._clients: set[Client] = set()
        self._numbers = count()
        self._patience = mock.patch.object(runner, "PATIENCE_MS", PLENTY)
        self._patience.start()  # the node's clock stands still, the store's does not
        globalLogPublisher.addObserver(self._listen)

    def close(self) -> None:
        """Everybody goes; nothing may be left to do."""
        self.empty()
        globalLogPublisher.removeObserver(self._listen)
        self._patience.stop()
        self.world.close()
        assert self.clock.getDelayedCalls() == []

    def client(self) -> Client:
        """A new socket that has said nothing."""
        client = Client(self.gateway)
        self._clients.add(client)
        return client

    def empty(self) -> None:
        """Everybody goes, and nobody waits."""
        for client in tuple(self._clients):
            self.dismiss(client)

    def guest(self, state: str = "absent") -> Guest:
        """A new player who stands there, while nobody else waits; whoever else it takes is a new player too."""
        guest = self._bring_to(state)
        recorded = where(self.world.direct, guest.player_id)
        assert recorded == RECORDED.get(state, state), (state, recorded)
        return guest

    def _bring_to(self, state: str) -> Guest:
        guest = self._enter()
        if state == "absent":
            return guest
        self._wish(guest)
        if state == "queued":
            return guest
        other = self._enter()
        self._wish(other)
        if state == "loading":
            return guest
        self.world.games.behaviour["one:7000"] = "slow" if state == "allocating" else "ok"
        guest.tell(type="loading_complete")
        if state != "loaded":
            other.tell(type="loading_complete")
        return guest

    def _wish(self, guest: Guest) -> None:
        shown = {"token": signer().token(guest.player_id)} if self.asks_for_tokens else {}
        guest.tell(type="enqueue", player_id=guest.player_id, game_mode="Ranked", **shown)

    def dismiss(self, client: Client) -> None:
        """It goes."""
        client.hang_up()
        self._clients.remove(client)
        self.world.settle()

    def pass_time(self, *seconds: float) -> None:
        """Let time go by for the connections, in these steps."""
        for step in seconds:
            self.clock.advance(step)
            self.world.settle()

    # what must not change, and what must not be said

    @property
    def writes(self) -> int:
        """How often anything in the store was written."""
        info: bytes = self.world.direct.ask("INFO", "persistence")
        return int(info.partition(b"rdb_changes_since_last_save:")[2].split()[0])

    def dump(self) -> dict[str, object]:
        """All that is in the store."""
        return dump(self.world.direct)

    def _listen(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.warn:
            self.complaints.append(event)

    def _enter(self) -> Guest:
        guest = Guest(self, f"p{next(self._numbers)}")
        self._clients.add(guest)
        return guest
