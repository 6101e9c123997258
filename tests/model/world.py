"""The world of the model: nodes, clients, game servers and a real Valkey, with time that passes only when told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import count
from typing import Any

from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from matchd.census import census
from matchd.model import Cooldown
from matchd.node import Tempo
from matchd.store.store import Store
from tests.model.agreement import at_rest
from tests.model.clients import Client
from tests.model.history import KEPT, History
from tests.model.hosts import Host, Hosts
from tests.model.invariants import of_the_store
from tests.model.laboratory import CLOCK, START_US, Change, laboratory, scripts
from tests.model.nodes import ModelNode
from tests.model.snapshot import Snapshot, TextConnection
from tests.model.wires import DirectWire
from tests.model.witness import Arguments, Witness
from tests.support.blocking import BlockingConnection
from tests.support.world import FIFO, MODES, outcome

PASS_TIME = """
redis.call('INCRBY', 'clock', ARGV[1] * 1000)
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.ceil(left / 250) * 250 - ARGV[1]) end
end
"""
"""What runs out is a multiple of a quarter second; the little that really passed is made up for."""
HEARTBEAT = 5.0
LONGEST_STEP = 1.5
"""Seconds that may pass at once without anything being late for it: a lone node has swept before the gap rule holds."""


class ModelWorld:
    """Everything is done by calling; what is on its way arrives by ``settle``, time passes by ``advance``."""

    def __init__(
        self, path: str, nodes: int, grace: float = 0.0, changes: tuple[Change, ...] = (), cooldown: float = 0.0
    ) -> None:
        self.path = path
        self.tempo = Tempo(tick=5.0, reconnect_grace=grace, cooldown=Cooldown(first=cooldown, longest=30, window=KEPT))
        self.rested = True
        self.changes = 0
        """How often something was done to the store: as long as that is the same, nothing was published."""
        self._now = self._stood_still = 0.0
        self.clock_set_at = -KEPT
        self.was_emptied = False
        self._seen: Snapshot | None = None
        self._numbers = count(1)
        with ExitStack() as after:
            self._begin(after, nodes, changes)
            self._after = after.pop_all()

    def _begin(self, after: ExitStack, nodes: int, changes: tuple[Change, ...]) -> None:
        """Everything that has to be undone by ``after``, even if beginning fails half-way."""
        after.enter_context(laboratory(changes))
        self._direct = after.enter_context(closing(BlockingConnection(self.path)))
        self._reading = after.enter_context(closing(TextConnection(self.path)))
        self._direct.ask("FLUSHALL")
        self._direct.ask("SET", CLOCK, START_US)
        for script in scripts(changes).values():
            self._direct.ask("SCRIPT", "LOAD", script.text)
        self.hosts = Hosts(self.now)
        self.history = History(self.hosts, self.now)
        self.witness = Witness(scripts(changes), self._ask_all, self.snapshot, self.history, self.hosts, self.now)
        self._censor = Store(DirectWire(self.run), None, MODES.values(), node="censor")  # type: ignore[arg-type]
        self._watch_the_log(after)
        self.nodes = [ModelNode(self, number) for number in range(nodes)]
        self.history.is_well = lambda: all(node.well for node in self.living)

    def _watch_the_log(self, after: ExitStack) -> None:
        def watch(event: LogEvent) -> None:
            if event["log_level"] >= LogLevel.error:
                self.history.wrong(12, f"the log has {event.get('log_failure') or event}")

        globalLogPublisher.addObserver(watch)
        after.callback(globalLogPublisher.removeObserver, watch)

    # the store

    def run(self, arguments: Arguments, late: bool = False) -> Any:
        """A command of a node."""
        return self.witness.run(arguments, late)

    def _ask(self, *arguments: bytes | str | int) -> Any:
        self._seen = None
        self.changes += 1
        return self._direct.ask(*arguments)

    def _ask_all(self, commands: Sequence[Arguments]) -> list[Any]:
        """The answers to these commands, which are run one after the other with nothing in between."""
        self._seen = None
        self.changes += 1
        self._direct.send_all(commands)
        return [self._direct.reply() for _ in commands]

    def snapshot(self) -> Snapshot:
        """All that the store holds now."""
        if self._seen is None:
            self._seen = Snapshot.read(self._reading)
        return self._seen

    def run_late(self, node: ModelNode) -> None:
        """What a node sent before it lost the store is run after all."""
        unrun, node.unrun = node.unrun, []
        for sent in unrun:
            is_question = sent.arguments[0] == "EVALSHA" and int(sent.arguments[5]) > 0
            self.run(sent.arguments, late=is_question and self._now - sent.at > 2)

    def publish_again(self, client: Client) -> None:
        """What a client heard last comes by its channel once more, if the store still knows that it was sent."""
        numbered = [message for message in client.transcript.heard if "seq" in message]
        record = self.snapshot().players.get(client.player_id, {})
        if numbered and record.get("conn") == client.connection_id and numbered[-1]["seq"] <= int(record["seq"]):
            frame = str(numbered[-1]).replace("'", '"')
            self._ask("PUBLISH", f"notifications:{client.player_id}", frame)

    def trouble(self) -> None:
        """A node, or its way to the store, is not well any more, or is well again."""
        self.history.troubled |= self.snapshot().sessions.keys()

    def restart_empty(self, first: int) -> None:
        """Redis has died, and comes back with nothing; the nodes connect again, beginning with ``first``.

        Not in a run in which its clock was set: then nobody knows for sure what time it was.
        """
        if self.clock_set_at >= 0:
            return
        self.was_emptied = True
        self._lose_store(first)
        self._ask_to_forget()

    def _lose_store(self, first: int) -> None:
        self.history.forgiven |= self.hosts.requests.keys() | self.snapshot().sessions.keys()
        for client in self.history.clients:
            client.transcript.store_forgot = True
            self.history.harm(client)
        connected = Counter(client.player_id for client in self.open_clients)
        self.history.contested |= {player for player, connections in connected.items() if connections > 1}
        for node in self.living:
            node.lose_store()
        self.nodes = self.nodes[first:] + self.nodes[:first]

    def _ask_to_forget(self) -> None:
        now = self._ask("GET", CLOCK)
        self._ask("FLUSHALL")
        self._ask("SET", CLOCK, now)

    def set_clock(self, seconds: float) -> None:
        """The clock of Redis is set forward or back, which makes it no later and no earlier."""
        self._ask("INCRBY", CLOCK, int(seconds * 1_000_000))
        self.clock_set_at = self.lived()

    # time

    def now(self) -> float:
        """The time in seconds."""
        return self._now

    def lived(self) -> float:
        """The seconds in which anybody could do anything: those passed at once are no time to act in."""
        return self._now - self._stood_still

    def settle(self) -> None:
        """Let everything that is on its way arrive."""
        for _ in range(500):
            if not sum(node.pump() for node in self.nodes):
                self.rested = True
                return
        raise AssertionError("messages go on for ever")

    def settle_unheard(self, node: ModelNode) -> None:
        """Let everything arrive, but for the messages to this node: they are lost."""
        if node.listens and node.hearing.up:
            node.cut(commands=False)
            self.settle()
            node.hearable = True
        self.settle()

    def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass, and everything arrive meanwhile."""
        self.settle()
        while seconds > 0:
            self._pass(min(step, seconds))
            seconds -= step

    def _pass(self, seconds: float) -> None:
        self._now += seconds
        self._stood_still += seconds if seconds > LONGEST_STEP else 0
        self._ask("EVAL", PASS_TIME, 0, int(seconds * 1000))
        for node in self.nodes:
            node.pass_time()
        self.hosts.answer(late=True)
        for host in self.hosts:
            if host.beating and self._now - host.beat_at >= HEARTBEAT:
                self.beat(host)
        self.settle()

    # who takes part

    @property
    def living(self) -> list[ModelNode]:
        """The nodes that are not dead."""
        return [node for node in self.nodes if node.alive]

    @property
    def open_nodes(self) -> list[ModelNode]:
        """The nodes a client can connect to."""
        return [node for node in self.living if not node.draining]

    @property
    def open_clients(self) -> list[Client]:
        """The connections that stand, the oldest first."""
        return [client for client in self.history.clients if client.open]

    def clients_of(self, node: ModelNode) -> list[Client]:
        """The connections that stand to this node."""
        return [client for client in self.open_clients if client.node is node]

    def add_node(self) -> ModelNode:
        """A node starts."""
        self.nodes.append(ModelNode(self, next(self._numbers) + 10))
        return self.nodes[-1]

    def connect(self, player_id: str, node: ModelNode) -> Client:
        """A client connects."""
        if any(other.transcript.store_forgot for other in self.open_clients if other.player_id == player_id):
            self.history.contested.add(player_id)
        client = Client(self, node, player_id, next(self._numbers))
        self.history.clients.append(client)
        return client

    def beat(self, host: Host) -> None:
        """A game server sends its heartbeat to a node that can take it, if there is one."""
        for node in self.living:
            if node.well:
                host.beat_at = host.heard_of = self._now
                for description in host.descriptions():
                    node.ask(node.node.store.register_server(description))
                return

    def name_twice(self, host: Host) -> None:
        """A game server is known under another id too from now on."""
        host.second_id = f"{host.server_id}-too"
        self.beat(host)

    def end_matches(self, host: Host) -> None:
        """What is played on a game server is over, and its next heartbeat says so."""
        for session in host.sessions.keys() & self.history.settled.keys():
            del host.sessions[session]
        host.beating = True
        self.beat(host)

    def deregister(self, host: Host) -> None:
        """A game server says that it goes."""
        host.beating = False
        for node in self.living:
            if node.well:
                node.ask(node.node.store.deregister_server(host.server_id))
                return

    def mode_of(self, player_id: str) -> str:
        """The mode that a player was in last, by the store."""
        return str(self.snapshot().players.get(player_id, {}).get("mode") or FIFO.name)

    # what has to be true

    def check(self) -> None:
        """Raise Broken if anything is not as it has to be."""
        snapshot = self.snapshot()
        for invariant, text in of_the_store(snapshot, self.hosts):
            self.history.wrong(invariant, text)
        for player, record in snapshot.under_way.items():
            accepted = [self.witness.since.get(who) for who in (player, record["conn"])]
            if record["since"] not in accepted and player not in self.history.contested:
                self.history.wrong(8, f"{player} waits since {record['since']}, and was accepted at {accepted}")
        self.history.see_blames(snapshot)
        if self.rested:
            for invariant, text in at_rest(self, snapshot):
                self.history.wrong(invariant, text)
        self.history.check()

    def contradictions(self) -> Sequence[str]:
        """What the product itself finds that contradicts."""
        counted: dict[str, Any] = outcome(census(self._censor))
        found: Sequence[str] = counted["contradictions"]
        return found

    def close(self) -> None:
        """End everything; nothing may be left."""
        with self._after:
            for node in self.nodes:
                node.kill()
                leftovers = node.clock.getDelayedCalls()
                if leftovers:
                    self.history.wrong(12, f"{node} ended, and left {leftovers}")
