"""Test cases that ask the store itself, as nodes without players: on a real Valkey, emptied for each test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.census import census
from matchd.model import GameMode, GameServer, Reservation, Roster
from matchd.store.answers import Accepted, AlreadyQueued, Cancelled, Claim, CoolingDown, Drawn, Finding, Swept
from matchd.store.store import Store
from tests.support.blocking import BlockingCommands, BlockingConnection
from tests.support.keyspace import dump, record, state
from tests.support.world import FIFO, MODES, TIME_TRAVEL, outcome
from tests.support.worlds import valkey_path

MATCH = '{"type":"match_found","session_id":"g","server_address":"one:7000"'

NODE_TIMEOUT_MS = 4_000


class Ear:
    """Hears everything that is published."""

    def __init__(self, path: str) -> None:
        self._connection = BlockingConnection(path)
        self._connection.ask("PSUBSCRIBE", "*")

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """What was published since the last time, as (channel, message)."""
        self._connection.send("PING", "pumped")
        heard = []
        while (reply := self._connection.reply())[0] == b"pmessage":
            heard.append((reply[2].decode(), json.loads(reply[3])))
        return heard

    def close(self) -> None:
        self._connection.close()


class StoreTestCase(SynchronousTestCase):
    """A test that asks the store as the node ``here``, or others; at its end nothing contradicts itself."""

    contradictions_expected = False

    def setUp(self) -> None:
        self.path = valkey_path()
        self.redis = BlockingConnection(self.path)
        self.redis.ask("FLUSHALL")
        self.redis.ask("SCRIPT", "FLUSH")
        self.addCleanup(self.redis.close)
        self.ear = Ear(self.path)
        self.addCleanup(self.ear.close)
        self.clock = Clock()
        self.slots: dict[str, Reservation] = {}
        self.store = self.node("here")
        self.addCleanup(self._assert_consistent)

    def node(self, name: str, prefix: str = "") -> Store:
        """A node's store, joined; what it asks is never late, unless the clock is set back."""
        commands = BlockingCommands(self.path)
        self.addCleanup(commands.close)
        store = Store(commands, self.clock, MODES.values(), prefix, name)
        outcome(store.prepare(commands))
        store.leeway_ms = 30_000
        return store

    def _assert_consistent(self) -> None:
        if not self.contradictions_expected:
            self.assertEqual(outcome(census(self.store))["contradictions"], [])

    # time and what is there

    def pass_time(self, seconds: float) -> None:
        """Service time goes on, and the nodes' clocks do."""
        self.redis.ask("EVAL", TIME_TRAVEL, 0, int(seconds * 1000))
        self.clock.advance(seconds)

    def dump(self) -> dict[str, Any]:
        return dump(self.redis)

    def record(self, player: str) -> dict[str, Any]:
        return record(self.redis, player)

    def state(self, *players: str) -> list[str]:
        return [state(self.redis, player) for player in players]

    def queue(self, mode: GameMode = FIFO) -> list[str]:
        """Who waits, in order, where the mode has one."""
        members = {member.decode() for member in self.redis.ask("SMEMBERS", f"queue:{mode.name}")}
        line = [member.decode() for member in self.redis.ask("ZRANGE", f"order:{mode.name}", 0, -1)]
        if mode.order == "fifo":
            self.assertEqual(members, set(line))
        return line or sorted(members)

    def told(self, player: str) -> list[dict[str, Any]]:
        """What was published for a player since anybody's last was asked for, without the numbers."""
        messages = [message for channel, message in self.ear.heard() if channel == f"notifications:{player}"]
        return [{name: value for name, value in message.items() if name != "seq"} for message in messages]

    def server_fields(self, server_id: str = "one") -> tuple[str, int]:
        status, sessions = self.redis.ask("HMGET", f"dedicated_server:{server_id}", "status", "sessions")
        return status.decode(), int(sessions)

    # what players, nodes and game servers do; a player p speaks by the connection p1 unless told otherwise

    def enqueue(
        self, player: str, mode: GameMode = FIFO, conn: str = "", store: Store | None = None, seq: int = 0
    ) -> Accepted | AlreadyQueued | CoolingDown:
        answer: Accepted | AlreadyQueued | CoolingDown = outcome(
            (store or self.store).enqueue(player, conn or f"{player}1", mode, seq)
        )
        return answer

    def leave(self, player: str, conn: str = "", grace: float = 0) -> tuple[Cancelled, ...]:
        """A player's connection is gone, by his own doing if he loads."""
        leaving = self.store.leave(player, conn or f"{player}1", int(grace * 1000), hung_up=True)
        cancelled: tuple[Cancelled, ...] = outcome(leaving)
        return cancelled

    def load(self, player: str, session: str = "", conn: str = "", store: Store | None = None) -> Roster | bool:
        progress: Roster | bool = outcome((store or self.store).loading_complete(player, conn or f"{player}1", session))
        if isinstance(progress, Roster) and progress.slot is not None:
            self.slots[progress.loading_session_id] = progress.slot
        return progress

    def server(
        self,
        server_id: str = "one",
        capacity: int = 10,
        sessions: int | None = None,
        fixed: bool = False,
        made: int | None = None,
    ) -> None:
        server = GameServer(server_id, f"{server_id}:7000", capacity, "eu", sessions, fixed, made)
        outcome(self.store.register_server(server))

    def draw(self, mode: GameMode = FIFO, most: int = 100) -> Drawn:
        drawn: Drawn = outcome(self.store.draw(mode, most))
        return drawn

    def loading(self, *players: str, mode: GameMode = FIFO) -> str:
        """The id of the session these players load, who had all enqueued before."""
        self.assertEqual(self.draw(mode, 1).matches, 1)
        sessions = {self.record(player)["session"] for player in players}
        self.assertEqual(len(sessions), 1)
        return sessions.pop()

    def allocating(self, *players: str, mode: GameMode = FIFO) -> str:
        """The id of a session for which these players have loaded; a game server is there."""
        if not self.redis.ask("ZCARD", "slots"):
            self.server()
        for player in players:
            self.enqueue(player, mode)
        session = self.loading(*players, mode=mode)
        progress = [self.load(player) for player in players]
        self.assertIsInstance(progress[-1], Roster)
        return session

    def unplaced(self, *players: str, gone: Callable[[], object] | None = None) -> str:
        """The id of a session for which these players, who are new, loaded when the only game server was ``gone``."""
        self.server()
        for player in players:
            self.enqueue(player)
        session = self.loading(*players)
        (gone or (lambda: outcome(self.store.deregister_server("one"))))()
        [*_, roster] = [self.load(player) for player in players]
        assert isinstance(roster, Roster)
        self.assertIsNone(roster.slot)
        return session

    def reserve(self, session: str, store: Store | None = None) -> Reservation:
        """Its slot: the one that it was given when it was complete, if nobody has asked for that yet."""
        reservation = self.slots.pop(session, None) or outcome((store or self.store).reserve(session))
        assert isinstance(reservation, Reservation), reservation
        return reservation

    def reserved(self, *players: str, mode: GameMode = FIFO) -> Reservation:
        """The slot of a session that these players play, who are new."""
        return self.reserve(self.allocating(*players, mode=mode))

    def settle(self, reservation: Reservation, store: Store | None = None) -> str:
        said: str = outcome((store or self.store).settle(reservation, MATCH))
        return said

    def sweep(self, store: Store | None = None, grace: float = 0, portion: int = 100) -> Swept:
        swept: Swept = outcome((store or self.store).sweep(NODE_TIMEOUT_MS, int(grace * 1000), portion))
        return swept

    def live(self, seconds: float, *stores: Store, grace: float = 0) -> list[Swept]:
        """Time passes, in which these nodes, or else ``here``, live and sweep each second; what they swept."""
        swept = []
        for _ in range(int(seconds)):
            self.pass_time(1)
            for store in stores or (self.store,):
                outcome(store.heartbeat())
                swept.append(self.sweep(store, grace))
        return swept

    def claim(self, player: str, **differs: Any) -> Claim:
        """What the node of a player believes who has heard everything, but for what differs."""
        record = self.record(player)
        believed = {
            "player_id": player, "connection_id": record["conn"], "place": record["state"], "mode": record["mode"],
            "order": record["order"], "since": record["since"], "session": record["session"],
            "seq": int(record["seq"]), "match": record["match"].partition(',"team"')[0],
        }  # fmt: skip
        return Claim(**{**believed, **differs})

    def compare(self, *claims: Claim, store: Store | None = None) -> list[Finding]:
        findings: list[Finding] = outcome((store or self.store).reconcile(claims))
        return findings

    def assert_unchanged(self, before: dict[str, Any]) -> None:
        """Nothing was written since the dump was taken."""
        self.assertEqual(self.dump(), before)
