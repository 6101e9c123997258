"""The flow of matches of two, by scripts alone: one store, nobody who plays, and one question after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.internet.task import Clock

from matchd.model import DEFAULT_MODE, GameServer
from matchd.store.store import Store
from tests.support.blocking import BlockingCommands, BlockingConnection
from tests.support.valkey import Valkey
from tests.support.world import outcome

NODE = "bench"
LEASE_MS = 60_000
STEPS = "enqueue", "loading_complete", "settle"
MATCH = (
    '{"type":"match_found","session_id":"game-1","server_address":"10.0.0.1:7000","loading_session_id":"%s",'
    '"teams":[["a"],["b"]]'
)


class Flow:
    """Has ``scripts``, by their names, asked on an empty ``store``."""

    def __init__(self, store: Valkey, scripts: Mapping[str, bytes]) -> None:
        commands = BlockingCommands(store.path)
        node = Store(commands, Clock(), [DEFAULT_MODE], node=NODE)
        outcome(node.prepare(commands))
        outcome(node.register_server(GameServer("one", "10.0.0.1:7000", 1_000_000, fixed=True)))
        commands.close()
        self._connection, self._ears = BlockingConnection(store.path), BlockingConnection(store.path)
        self._digests = {name: self._connection.ask("SCRIPT", "LOAD", text) for name, text in scripts.items()}
        self._players = 0

    def play(self, together: int) -> dict[str, float]:
        """Match so many new players, all of them in one run of each script; us of each step for one of them."""
        players = [f"player-{self._players + n}" for n in range(together)]
        self._players += together
        self._hear("SUBSCRIBE", players)
        taken = {}
        terms = f"{players[0]} {together} 2 {LEASE_MS} 0 1"
        wishes = [(p, f"{NODE}:{p}", DEFAULT_MODE.name, DEFAULT_MODE.order.value, 0, 1, terms) for p in players]
        _, taken["enqueue"] = self._ask("enqueue", wishes)
        loaded = [(p, f"{NODE}:{p}", "", LEASE_MS) for p in players]
        answers, taken["loading_complete"] = self._ask("loading_complete", loaded)
        sessions = [answer[1].decode() for answer in answers if answer[0] == b"complete"]
        made = [(session, "one", MATCH % session, "10.0.0.1:7000") for session in sessions]
        answers, taken["settle"] = self._ask("settle", made)
        if answers != [b"matched"] * (together // 2):
            raise AssertionError(f"not everybody is matched: {answers}")
        self._hear("UNSUBSCRIBE", players)
        return {step: micros / together for step, micros in taken.items()}

    def close(self) -> None:
        """Leave the store."""
        self._connection.close()
        self._ears.close()

    def _ask(self, script: str, questions: list[tuple[str | int, ...]]) -> tuple[list[Any], float]:
        """The answers, and how long (us) Redis took for them by its own clock."""
        fields = [field for question in questions for field in question]
        self._connection.ask("CONFIG", "RESETSTAT")
        answers = self._connection.ask("EVALSHA", self._digests[script], 1, "", NODE, 0, *fields)
        told = re.search(rb"cmdstat_evalsha:calls=1,usec=(\d+)", self._connection.ask("INFO", "commandstats"))
        assert told is not None
        return answers, float(told[1])

    def _hear(self, command: str, players: list[str]) -> None:
        self._ears.send(command, *(f"notifications:{player}" for player in players))
        confirmed = 0
        while confirmed < len(players):
            confirmed += self._ears.reply()[0] == command.lower().encode()
