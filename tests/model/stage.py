"""What all rules share: the world of a run, choosing somebody in it, delivering, and the check after each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tests.model.clients import Client
from tests.model.ending import finish
from tests.model.hosts import BEHAVIOURS, Host, Waiting
from tests.model.laboratory import Change
from tests.model.nodes import ModelNode
from tests.model.world import ModelWorld
from tests.support.worlds import valkey_path

T = TypeVar("T")

PLAYERS = [f"p{number}" for number in range(1, 7)]
MOST_CLIENTS = 14

which = st.integers(0, 7)
modes = st.sampled_from(["Ranked", "Normal_1v1", "Duos"])
players = st.sampled_from(PLAYERS)
behaviours = st.sampled_from(BEHAVIOURS)
delivery = st.sampled_from(["all", "all", "all", "none", "one node", "unheard"])
"""What arrives after a step: everything, nothing, what is for one node, or everything but the messages to one node."""
hosts = st.lists(st.tuples(st.integers(1, 3), behaviours), min_size=1, max_size=3)


class Stage(RuleBasedStateMachine):
    """A run: ``begin`` makes the world, ``teardown`` plays it to its end."""

    changes: tuple[Change, ...] = ()
    runs = steps = scripts = 0
    world: ModelWorld

    def __init__(self) -> None:
        super().__init__()
        self._begun = self._broken = False

    @initialize(nodes=st.integers(2, 3), grace=st.sampled_from([0.0, 3.0]), hosts=hosts)
    def begin(self, nodes: int, grace: float, hosts: list[tuple[int, str]]) -> None:
        """Some nodes, and some game servers of whatever behaviour."""
        cooldown = 5.0 if nodes == 2 else 0.0
        self.world = ModelWorld(valkey_path(), nodes, grace, type(self).changes, cooldown)
        self._begun = True
        type(self).runs += 1
        self.world.settle()
        for number, (capacity, behaviour) in enumerate(hosts):
            host = self.world.hosts.open(f"host{number}", capacity)
            host.behaviour = behaviour
            self.world.beat(host)
        self.world.settle()

    def check_invariants(self, *of_hypothesis: Any) -> None:
        """Called by Hypothesis after each step: nothing is broken."""
        super().check_invariants(*of_hypothesis)
        if self._begun:
            type(self).steps += 1
            self._broken = True
            self.world.check()
            self._broken = False

    def teardown(self) -> None:
        """Play on to the end, unless something is broken already."""
        if not self._begun:
            return
        try:
            if not self._broken:
                finish(self.world)
        finally:
            type(self).scripts += self.world.witness.runs
            self.world.close()
        if not self._broken:
            self.world.history.check()

    # doing

    def deliver(self, what: str, node: ModelNode | None = None) -> None:
        """Let come what is to come, see ``delivery``."""
        self.world.rested = False
        match what:
            case "all":
                self.world.settle()
            case "one node":
                (node or self.world.nodes[0]).pump()
            case "unheard":
                self.world.settle_unheard(node or self.world.nodes[0])

    def turn(self, node: ModelNode, turns: int) -> None:
        """Let one node do something, so many times, while nothing comes to the others."""
        self.world.rested = False
        for _ in range(turns):
            node.pump()

    def connect(self, player: str, node: int) -> Client | None:
        """A player connects to a node, if there is one for him."""
        if len(self.world.open_clients) >= MOST_CLIENTS or not self.world.open_nodes:
            return None
        return self.world.connect(player, one_of(self.world.open_nodes, node))

    def crowd(self, node: int, mode: str) -> None:
        """Everybody who is nowhere asks for the same, on a new connection if he has none."""
        for client in self.nowhere(node):
            client.enqueue(mode)

    def nowhere(self, node: int) -> list[Client]:
        """The players who are nowhere, on a new connection each if they have none."""
        newest = {client.player_id: client for client in self.world.open_clients}
        clients = [newest.get(player) or self.connect(player, node + n) for n, player in enumerate(PLAYERS)]
        return [client for client in clients if client and client.place in ("none", "matched")]

    def loading(self) -> list[Client]:
        """The connections that have been asked to load."""
        return [client for client in self.world.open_clients if client.place == "loading"]

    def load(self) -> None:
        """Everybody who is asked to load has loaded."""
        for client in self.world.open_clients:
            if client.place == "loading":
                client.load()

    def ask_somebody(self, node: int, mode: str) -> Waiting | None:
        """Have a match get as far as a game server that takes its time; None where that can't be now."""
        if not self.world.hosts.asked:
            for host in self.world.hosts:
                self.world.end_matches(host)
                host.behaviour = "slow"
            self.crowd(node, mode)
            self.deliver("all")
            self.load()
            self.deliver("all")
        return next((one for one in self.world.hosts.asked if one.asker.listens), None)

    # choosing

    def client(self, number: int) -> Client:
        """An open connection; the newest is the first."""
        return one_of(self.world.open_clients[::-1], number)

    def node(self, number: int) -> ModelNode:
        """A living node."""
        return one_of(self.world.living or [self.world.add_node()], number)

    def host(self, number: int) -> Host:
        """A game server."""
        return one_of(list(self.world.hosts), number)


def one_of(many: Sequence[T], number: int) -> T:
    """Whichever of them a number stands for."""
    return many[number % len(many)]


def somebody(*places: str) -> Any:
    """A precondition: a client is connected, in one of these places if any are named."""
    return lambda stage: any(not places or client.place in places for client in stage.world.open_clients)
