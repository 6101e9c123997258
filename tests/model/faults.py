"""What goes wrong: nodes die and freeze, links are cut and held up, Redis comes back empty."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model.hosts import BEHAVIOURS
from tests.model.stage import Stage, behaviours, delivery, modes, one_of, players, somebody, which
from tests.model.world import LONGEST_STEP

MOST_NODES = 5
GOES_ON_AS = ("goes", "falls silent", "has two ids")


class Nodes(Stage):
    """Nodes that die, freeze, drain, and new ones."""

    @rule(node=which, then=delivery)
    def node_dies(self, node: int, then: str) -> None:
        """A node is killed, unless it is the last."""
        if len(self.world.living) > 1:
            self.node(node).kill()
        self.deliver(then)

    @precondition(lambda self: len(self.world.nodes) < MOST_NODES)
    @rule()
    def node_starts(self) -> None:
        """Another node."""
        self.world.add_node()
        self.deliver("all")

    @rule(node=which)
    def node_freezes(self, node: int) -> None:
        """A node stands still."""
        self.node(node).freeze()
        self.deliver("all")

    @rule()
    def nodes_wake(self) -> None:
        """Those that stand still go on."""
        for node in self.world.living:
            node.thaw()
        self.deliver("all")

    @rule(node=which, seconds=st.sampled_from([2.0, 6.0, 16.0]))
    def node_sleeps(self, node: int, seconds: float) -> None:
        """A node stands still for a while."""
        one = self.node(node)
        one.freeze()
        self.world.advance(seconds, step=1.0)
        one.thaw()
        self.deliver("all")

    @rule(node=which)
    def node_drains(self, node: int) -> None:
        """A node is told to go."""
        one = self.node(node)
        if not one.frozen and len(self.world.open_nodes) > 1:
            one.drain()
        self.deliver("all")

    @rule(node=which, mode=modes, ready=st.integers(0, 3), seconds=st.sampled_from([1.0, 19.0, 37.0]))
    def node_drains_under_loading(self, node: int, mode: str, ready: int, seconds: float) -> None:
        """A node is told to go while its players load: some do in time, the others are sent away."""
        self.crowd(node, mode)
        self.deliver("all")
        loading = [client for client in self.world.open_clients if client.place == "loading"]
        for client in loading[:ready]:
            client.load()
        if loading and loading[-1].node.listens and len(self.world.open_nodes) > 1:
            loading[-1].node.drain()
            self.world.advance(seconds, step=LONGEST_STEP)


class Allocations(Stage):
    """What befalls a match while a game server is sought for it. First one is brought so far, if there is none."""

    @rule(
        node=which, mode=modes, fault=st.sampled_from(["kill", "freeze", "cut", "hold"]), answered=st.booleans(),
        behaviour=behaviours, seconds=st.sampled_from([1.0, 6.0, 6.0, 16.0]), wakes=st.booleans(),
    )  # fmt: skip
    def asker_fails(
        self, node: int, mode: str, fault: str, answered: bool, behaviour: str, seconds: float, wakes: bool
    ) -> None:
        """The node that waits for an answer is gone, before it comes or after; others go on; it may wake."""
        if waiting := self.ask_somebody(node, mode):
            getattr(waiting.asker, fault)()
            if answered:
                self.world.hosts.answer()
            waiting.host.behaviour = behaviour
            self.world.advance(seconds, step=1.0)
            if wakes:
                waiting.asker.thaw()
                waiting.asker.heal()
            self.deliver("all")

    @rule(node=which, mode=modes, does=st.sampled_from([*GOES_ON_AS, *BEHAVIOURS]), answers=st.booleans())
    def asked_fails(self, node: int, mode: str, does: str, answers: bool) -> None:
        """The game server that is asked leaves, is not heard of any more, gets another id, or behaves otherwise."""
        if waiting := self.ask_somebody(node, mode):
            host = waiting.host
            match does:
                case "goes":
                    self.world.deregister(host)
                case "falls silent":
                    host.beating = False
                case "has two ids":
                    self.world.name_twice(host)
                case _:
                    host.behaviour = does
            self.deliver("all")
            self.world.advance(0 if answers else 6, step=1.0)
            self.world.hosts.answer()
            self.deliver("all")

    @rule(node=which, mode=modes, first=which, answers=st.booleans())
    def store_forgets_the_asked(self, node: int, mode: str, first: int, answers: bool) -> None:
        """Redis comes back empty while a game server is asked, whose answer comes before that or after."""
        if self.ask_somebody(node, mode):
            if answers:
                self.world.hosts.answer()
                self.deliver("one node")
            self.world.restart_empty(first % len(self.world.nodes))
            self.deliver("all")
            self.world.hosts.answer()
            self.deliver("all")


class Links(Stage):
    """Connections to the store that break, stall and heal, and the store itself."""

    @rule(node=which, what=st.sampled_from(["commands", "hearing", "both"]), then=delivery)
    def link_is_cut(self, node: int, what: str, then: str) -> None:
        """A node loses a connection to the store."""
        one = self.node(node)
        if not one.frozen:
            one.cut(what != "hearing", what != "commands")
        self.deliver(then)

    @rule(node=which, requests=st.booleans())
    def link_is_held(self, node: int, requests: bool) -> None:
        """A node's commands, or their replies, are held up on the way."""
        self.node(node).hold(requests)

    @rule(late=st.booleans())
    def links_heal(self, late: bool) -> None:
        """All links are good again; what was sent over the lost ones is run after all, or never."""
        if late:
            for node in self.world.nodes:
                self.world.run_late(node)
        for node in self.world.living:
            node.heal()
        self.deliver("all")

    @precondition(somebody())
    @rule(client=which, question=st.sampled_from(["dequeue", "resume", "load"]))
    def question_comes_too_late(self, client: int, question: str) -> None:
        """What a client asked reaches the store after it was told that it did not."""
        asker = self.client(client)
        asker.node.hold(requests=True)
        getattr(asker, question)()
        self.deliver("all")
        self.world.advance(3, step=1.0)
        self.links_heal(late=True)

    @precondition(somebody("queued"))
    @rule(client=which, player=players, node=which)
    def goodbye_comes_late(self, client: int, player: str, node: int) -> None:
        """A player who waits hangs up while the node can't tell the store, and another asks for the same meanwhile."""
        one = one_of([one for one in self.world.open_clients if one.place == "queued"], client)
        if one.node.frozen:
            return
        one.node.cut(hearing=False)
        one.vanish()
        self.deliver("all")
        if player != one.player_id and (other := self.connect(player, node)):
            other.enqueue(self.world.mode_of(one.player_id))
            self.deliver("all")
        one.node.heal()
        self.deliver("all")

    @rule(first=which)
    def store_restarts_empty(self, first: int) -> None:
        """Redis dies with all it knew; the nodes come back to it one after the other."""
        self.world.restart_empty(first % len(self.world.nodes))
        self.deliver("all")

    @rule(
        seconds=st.sampled_from([-3600.0, -60.0, -5.0, 5.0, 60.0, 3600.0]),
        fault=st.sampled_from(["none", "none", "kill", "freeze", "cut", "all are cut"]), node=which, then=delivery,
    )  # fmt: skip
    def clock_of_the_store_is_set(self, seconds: float, fault: str, node: int, then: str) -> None:
        """The clock of Redis is set, or another machine takes over; something else may happen at that moment.

        Not before the store is sure of its time, and only where some node is well: it has to correct the offset. Not in
        a run in which the store was emptied.
        """
        well = [one for one in self.world.living if one.well and one is not self.node(node)]
        if not well or self.world.was_emptied or not self.world.snapshot().is_sure:
            return
        self.world.set_clock(seconds)
        match fault:
            case "all are cut":
                for one in self.world.living:
                    if not one.frozen:
                        one.cut(hearing=False)
                        one.heal()
            case "none":
                pass
            case _ if len(self.world.living) > 1:
                getattr(self.node(node), fault)()
        self.deliver(then)
        self.world.advance(1)

    @rule()
    def next_is_run_twice(self) -> None:
        """The next script that may be run twice is."""
        self.world.witness.repeat = True
