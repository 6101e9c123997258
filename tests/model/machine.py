"""What may happen: the rules by which Hypothesis drives a world, and the check after each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.clients import Client
from tests.model.ending import finish, heal
from tests.model.hosts import BEHAVIOURS, Host
from tests.model.laboratory import Change
from tests.model.nodes import ModelNode
from tests.model.world import ModelWorld
from tests.support.worlds import valkey_path

T = TypeVar("T")

PLAYERS = [f"p{number}" for number in range(1, 7)]
MOST_NODES = 5
MOST_CLIENTS = 14

which = st.integers(0, 7)
modes = st.sampled_from(["Ranked", "Normal_1v1", "Duos"])
players = st.sampled_from(PLAYERS)
delivery = st.sampled_from(["all", "all", "all", "none", "one node"])


class MatchmakingMachine(RuleBasedStateMachine):
    """A run: ``initialize`` makes the world, ``teardown`` plays it to its end."""

    changes: tuple[Change, ...] = ()
    runs = steps = scripts = 0

    def __init__(self) -> None:
        super().__init__()
        self.world: ModelWorld | None = None
        self.broken = False

    @initialize(
        nodes=st.integers(2, 3),
        grace=st.sampled_from([0.0, 3.0]),
        slots=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    )
    def begin(self, nodes: int, grace: float, slots: list[int]) -> None:
        cooldown = 5.0 if nodes == 2 else 0.0
        self.world = world = ModelWorld(valkey_path(), nodes, grace, type(self).changes, cooldown)
        world.settle()
        for number, capacity in enumerate(slots):
            world.beat(world.hosts.open(f"host{number}", capacity))
        world.settle()
        type(self).runs += 1

    # players

    @rule(player=players, node=which, mode=modes, then=delivery)
    def arrives(self, player: str, node: int, mode: str, then: str) -> None:
        """A player connects and asks for a mode, whatever other connections he has."""
        if client := self._connect(player, node):
            client.enqueue(mode)
            self._deliver(then, client.node)

    @rule(node=which, mode=modes, then=delivery)
    def crowd_arrives(self, node: int, mode: str, then: str) -> None:
        """Everybody who has no connection connects and asks for the same."""
        absent = [player for player in PLAYERS if not any(c.player_id == player for c in self.world.open_clients)]
        for offset, player in enumerate(absent):
            if client := self._connect(player, node + offset):
                client.enqueue(mode)
        self._deliver(then)

    @rule(player=players, node=which, then=delivery)
    def comes_back(self, player: str, node: int, then: str) -> None:
        """A player connects and asks where he stands, while his other connections may still stand."""
        if client := self._connect(player, node):
            client.resume()
            self._deliver(then, client.node)

    @precondition(lambda self: self.world.open_clients)
    @rule(
        client=which,
        question=st.sampled_from(["dequeue", "enqueue", "resume", "other mode", "no mode"]),
        mode=modes,
        then=delivery,
    )
    def asks(self, client: int, question: str, mode: str, then: str) -> None:
        """A client asks for something, be it sensible or not."""
        asker = self._client(client)
        match question:
            case "dequeue":
                asker.dequeue()
            case "resume":
                asker.resume()
            case "no mode":
                asker.enqueue("Nonsense")
            case _:
                asker.enqueue(mode)
        self._deliver(then, asker.node)

    @precondition(lambda self: any(client.place == "loading" for client in self.world.open_clients))
    @rule(then=delivery)
    def all_load(self, then: str) -> None:
        """Everybody who is asked to load has loaded."""
        for client in self.world.open_clients:
            if client.place == "loading":
                client.load()
        self._deliver(then)

    @precondition(lambda self: any(client.place == "loading" for client in self.world.open_clients))
    @rule(
        client=which,
        session=st.sampled_from(["own", "own", "own", "none named", "another's", "unknown"]),
        then=delivery,
    )
    def loads(self, client: int, session: str, then: str) -> None:
        """A client says that it has loaded: its own session, somebody else's, or one that never was."""
        loader = _one_of([client for client in self.world.open_clients if client.place == "loading"], client)
        others = [other.transcript.session for other in self.world.open_clients if other.transcript.session]
        others = others or ["nowhere-2"]
        named = {"own": "", "none named": None, "another's": _one_of(others, client), "unknown": "nowhere-1"}[session]
        loader.load(named)
        self._deliver(then, loader.node)

    @precondition(lambda self: self.world.open_clients)
    @rule(client=which, then=delivery)
    def vanishes(self, client: int, then: str) -> None:
        """A client's socket is gone."""
        one = self._client(client)
        one.vanish()
        self._deliver(then, one.node)

    @precondition(lambda self: self.world.open_clients)
    @rule(client=which)
    def hears_twice(self, client: int) -> None:
        """The last message of a player comes once more."""
        self.world.publish_again(self._client(client))
        self._deliver("all")

    # time

    @rule(node=which, whole=st.booleans())
    def arrives_all(self, node: int, whole: bool) -> None:
        """What is on its way arrives, at one node or at all."""
        self._deliver("all" if whole else "one node", _one_of(self.world.living, node))

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5, 5.0]))
    def time_passes(self, seconds: float) -> None:
        """A little time passes."""
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from([16.0, 21.0, 61.0, 130.0]), at_once=st.booleans())
    def much_time_passes(self, seconds: float, at_once: bool) -> None:
        """Longer than one timeout or another; or everything, the store too, stands still for as long.

        Not for longer than a message can be told again while somebody may have missed one.
        """
        if at_once and not all(node.well for node in self.world.living):
            seconds = min(seconds, 61)
        self.world.advance(seconds, step=seconds if at_once else 2.0)

    # game servers

    @rule(host=which, behaviour=st.sampled_from(BEHAVIOURS))
    def host_changes(self, host: int, behaviour: str) -> None:
        """A game server behaves otherwise from now on."""
        _one_of(self._hosts, host).behaviour = behaviour

    @rule(host=which, what=st.sampled_from(["beats", "comes", "falls silent", "goes", "ends a session"]))
    def host_does(self, host: int, what: str) -> None:
        """A game server sends a heartbeat, comes, stops sending any, says goodbye, or a match there is over."""
        one = _one_of(self._hosts, host)
        match what:
            case "falls silent":
                one.beating = False
            case "goes":
                self.world.deregister(one)
            case "ends a session":
                for session in sorted(one.sessions.keys() & self.world.history.settled.keys())[:1]:
                    del one.sessions[session]
            case _:
                one.beating = True
                self.world.beat(one)
        self._deliver("all")

    @rule()
    def hosts_answer(self) -> None:
        """Those that were slow answer."""
        self.world.hosts.answer()
        self._deliver("all")

    # faults

    @rule(node=which, then=delivery)
    def node_dies(self, node: int, then: str) -> None:
        """A node is killed, or a new one started when few are left."""
        if len(self.world.living) > 1:
            _one_of(self.world.living, node).kill()
        self._deliver(then)

    @precondition(lambda self: len(self.world.nodes) < MOST_NODES)
    @rule()
    def node_starts(self) -> None:
        """Another node."""
        self.world.add_node()
        self._deliver("all")

    @rule(node=which, wakes=st.booleans())
    def node_freezes(self, node: int, wakes: bool) -> None:
        """A node stands still, or all that do wake up."""
        if wakes:
            for one in self.world.living:
                one.thaw()
        else:
            _one_of(self.world.living, node).freeze()
        self._deliver("all")

    @rule(node=which)
    def node_drains(self, node: int) -> None:
        """A node is told to go."""
        one = _one_of(self.world.living, node)
        if not one.frozen and len(self.world.open_nodes) > 1:
            one.drain()
        self._deliver("all")

    @rule(node=which, what=st.sampled_from(["commands", "hearing", "both"]), then=delivery)
    def link_is_cut(self, node: int, what: str, then: str) -> None:
        """A node loses a connection to the store."""
        one = _one_of(self.world.living, node)
        if not one.frozen:
            one.cut(what != "hearing", what != "commands")
        self._deliver(then)

    @rule(node=which, requests=st.booleans())
    def link_is_held(self, node: int, requests: bool) -> None:
        """A node's commands, or their replies, are held up on the way."""
        _one_of(self.world.living, node).hold(requests)

    @rule(late=st.booleans())
    def links_heal(self, late: bool) -> None:
        """All links are good again; what was sent over the lost ones is run after all, or never."""
        if late:
            for node in self.world.nodes:
                self.world.run_late(node)
        for node in self.world.living:
            node.heal()
        self._deliver("all")

    @precondition(lambda self: not os.environ.get("NOFLUSH"))
    @rule(first=which)
    def store_restarts_empty(self, first: int) -> None:
        """Redis dies with all it knew."""
        self.world.restart_empty(first % len(self.world.nodes))
        self._deliver("all")

    @rule()
    def next_is_run_twice(self) -> None:
        """The next script that may be run twice is."""
        self.world.witness.repeat = True

    # checks

    def check_invariants(self, *of_hypothesis: Any) -> None:
        """Called by Hypothesis after each step: nothing is broken."""
        super().check_invariants(*of_hypothesis)
        if self.world is not None:
            type(self).steps += 1
            self._guarded(self.world.check)

    def teardown(self) -> None:
        """Play on to the end, unless something is broken already."""
        if self.world is None:
            return
        try:
            if not self.broken:
                finish(self.world)
        finally:
            type(self).scripts += self.world.witness.runs
            self.world.close()
        if not self.broken:
            self.world.history.check()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            self.broken = True
            raise

    # choosing

    @property
    def _hosts(self) -> list[Host]:
        return list(self.world.hosts)

    def _client(self, number: int) -> Client:
        return _one_of(self.world.open_clients[::-1], number)

    def _connect(self, player: str, node: int) -> Client | None:
        if len(self.world.open_clients) >= MOST_CLIENTS or not self.world.open_nodes:
            return None
        return self.world.connect(player, _one_of(self.world.open_nodes, node))

    def _deliver(self, what: str, node: ModelNode | None = None) -> None:
        self.world.rested = False
        if what == "all":
            self.world.settle()
        elif what == "one node":
            (node or self.world.nodes[0]).pump()


def _one_of(many: Sequence[T], number: int) -> T:
    return many[number % len(many)]


__all__ = ["MatchmakingMachine", "heal"]
