"""One account that makes matches fall through for others, and hangs up before it is answered: it is soon kept out."""

from __future__ import annotations

import json
import socket
import time
from typing import ClassVar

from twisted.internet import reactor
from twisted.logger import Logger
from twisted.trial.unittest import SkipTest

from bench.frames import TEXT, frame, opening
from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import SharedFleetCase
from tests.support.players import MODE, Player
from tests.support.valkey import Valkey
from tests.support.waiting import eventually, pause, until

log = Logger()

MATCHES = 10
SECONDS = 8.0
BEFORE_HANGING_UP = 0.0, 0.001, 0.002, 0.004, 0.008
"""Seconds for which the connection stays after its question, in turns."""
FORGIVEN = 2
"""Failures to load within an hour that an account has before it has to wait: the default of ``cooldown.after``."""


class Dodger:
    """One account on raw sockets, so that no library waits for an answer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def connect(self, node: Node) -> socket.socket:
        """A connection that has shaken hands."""
        sock = socket.create_connection(("127.0.0.1", node.player_port), timeout=PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(opening(node.url))
        hear(sock, "\r\n\r\n")
        return sock

    def say(self, sock: socket.socket, kind: str) -> None:
        """Ask for a place or for the standing."""
        message = {"type": kind, "player_id": self.name, "game_mode": MODE}
        sock.sendall(frame(TEXT, json.dumps(message).encode()))

    async def ask_and_hang_up(self, node: Node, kind: str, seconds: float = 0.0) -> None:
        """Connect, ask, and be gone after so many seconds without having read anything."""
        with self.connect(node) as sock:
            self.say(sock, kind)
            if seconds:
                await pause(seconds)

    def is_asked_to_load(self, node: Node) -> socket.socket | None:
        """A connection that waits for a match until it is told to load; None for an account that has to wait."""
        sock = self.connect(node)
        self.say(sock, "enqueue")
        if hear(sock, "start_loading", "cooldown") == "start_loading":
            return sock
        sock.close()
        return None


def hear(sock: socket.socket, *texts: str) -> str:
    """The first of these texts that the socket brings."""
    heard = b""
    while True:
        for text in texts:
            if text.encode() in heard:
                return text
        data = sock.recv(65536)
        assert data, heard
        heard += data


class DodgingTests(SharedFleetCase):
    """An honest player who waits, and one account that spoils their matches, on two nodes with the default settings."""

    store: ClassVar[Valkey]
    nodes: ClassVar[list[Node]]

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        """Start two nodes on one store, and a game server."""
        cls.store = fleet.valkey()
        cls.nodes = [fleet.node("--redis", f"redis://127.0.0.1:{cls.store.port}/0") for _ in range(2)]
        await fleet.game_server(cls.nodes[0], "--capacity", "100").ready()
        await cls.nodes[1].ready()

    async def settle(self) -> None:
        """Nobody waits, and nothing contradicts itself."""
        await eventually(self.nodes[0].queued, lambda waiting: waiting == 0, PATIENCE)
        self.assertEqual((await self.nodes[0].get("/v1/invariants"))["contradictions"], [])

    async def assert_plays_on(self, honest: Player) -> None:
        """The next honest player to come is matched with this one."""
        other = await self.player("other", self.nodes[1].url).enqueue()
        for player in (honest, other):
            await until(lambda player=player: player.told[-1] == "start_loading", PATIENCE)  # type: ignore[misc]
            player.client.loading_complete()
        await until(lambda: honest.told[-1] == other.told[-1] == "match_found", PATIENCE)

    async def calm_is_over(self) -> str:
        """Wait until players are judged: not so for seconds after nobody swept. When that time ended."""
        await until(lambda: float(self.store.ask("GET", "calm_until") or "inf") < 1000 * time.time(), PATIENCE)
        return str(self.store.ask("GET", "calm_until"))

    def assert_kept_out(self, honest: Player, judged_since: str) -> None:
        """The account could spoil no more than it is forgiven, unless the machine stood still for seconds."""
        if self.spoilt(honest) > FORGIVEN and str(self.store.ask("GET", "calm_until")) != judged_since:
            raise SkipTest("nobody swept for a while: then nobody is blamed")
        self.assertLessEqual(self.spoilt(honest), FORGIVEN)

    def spoilt(self, honest: Player) -> int:
        """How many matches of the honest player fell through."""
        return honest.told.count("requeued")

    async def spoil_with_second_connections(self, kind: str, node: int) -> None:
        """While each match loads, ask on a second connection and hang up."""
        dodger = Dodger(f"{kind}-{node}")
        judged_since = await self.calm_is_over()
        honest = await self.player("honest", self.nodes[0].url).enqueue()
        for spoilt in range(1, MATCHES + 1):
            first = dodger.is_asked_to_load(self.nodes[0])
            if first is None:
                break
            with first:
                await self.spoil(honest, spoilt, dodger, kind, node)
        log.info(
            "measured: {spoilt} of {tried} matches spoilt by {kind} on node {node}",
            spoilt=self.spoilt(honest), tried=MATCHES, kind=kind, node=node,
        )  # fmt: skip
        self.assert_kept_out(honest, judged_since)
        await self.assert_plays_on(honest)

    async def spoil(self, honest: Player, spoilt: int, dodger: Dodger, kind: str, node: int) -> None:
        """Hang up on second connections until the match has fallen through; now and then one is too fast for that."""
        for turn in range(50):
            await dodger.ask_and_hang_up(self.nodes[node], kind, BEFORE_HANGING_UP[turn % len(BEFORE_HANGING_UP)])
            await pause(0.1)
            if self.spoilt(honest) == spoilt:
                return
        self.fail("the match could not be spoilt")

    async def test_resume_on_the_same_node(self) -> None:
        """A second connection says `resume` and is gone at once: after two matches the account has to wait."""
        await self.spoil_with_second_connections("resume", 0)

    async def test_resume_on_another_node(self) -> None:
        """The same where the second connection goes elsewhere."""
        await self.spoil_with_second_connections("resume", 1)

    async def test_enqueue_on_the_same_node(self) -> None:
        """The same where the second connection asks for a place once more."""
        await self.spoil_with_second_connections("enqueue", 0)

    async def test_enqueue_and_hang_up(self) -> None:
        """Eight seconds of `enqueue` and hanging up at once cost others two matches at most."""
        dodger = Dodger("dodger")
        judged_since = await self.calm_is_over()
        honest = await self.player("honest", self.nodes[0].url).enqueue()
        tries, end = 0, reactor.seconds() + SECONDS
        while reactor.seconds() < end:
            seconds = BEFORE_HANGING_UP[tries // 2 % len(BEFORE_HANGING_UP)]
            await dodger.ask_and_hang_up(self.nodes[tries % 2], "enqueue", seconds)
            tries += 1
            await pause(0.05)
        await until(lambda: honest.told[-1] in ("queued", "requeued"), PATIENCE)
        log.info(
            "measured: {spoilt} matches spoilt by {tries} times enqueue and hanging up in {seconds:g} s",
            spoilt=self.spoilt(honest), tries=tries, seconds=SECONDS,
        )  # fmt: skip
        self.assert_kept_out(honest, judged_since)
        await self.assert_plays_on(honest)
