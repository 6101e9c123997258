"""What players and game servers do, and time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model.stage import Stage, behaviours, delivery, modes, one_of, players, somebody, which
from tests.model.world import LONGEST_STEP
from tests.support.world import MODES


class Players(Stage):
    """What clients do, be it sensible or not."""

    @rule(player=players, node=which, mode=modes, then=delivery)
    def arrives(self, player: str, node: int, mode: str, then: str) -> None:
        """A player connects and asks for a mode, whatever other connections he has."""
        if client := self.connect(player, node):
            client.enqueue(mode)
            self.deliver(then, client.node)

    @rule(node=which, mode=modes, then=delivery)
    def crowd_arrives(self, node: int, mode: str, then: str) -> None:
        """Everybody who is nowhere asks for the same."""
        self.crowd(node, mode)
        self.deliver(then)

    @rule(node=which, mode=modes, then=delivery)
    def crowd_plays(self, node: int, mode: str, then: str) -> None:
        """Everybody who is nowhere asks for the same, and loads."""
        self.crowd(node, mode)
        self.deliver("all")
        self.load()
        self.deliver(then)

    @rule(player=players, node=which, then=delivery)
    def comes_back(self, player: str, node: int, then: str) -> None:
        """A player connects and asks where he stands, while his other connections may still stand."""
        if client := self.connect(player, node):
            client.resume()
            self.deliver(then, client.node)

    @precondition(somebody("queued", "loading"))
    @rule(client=which, node=which, says=st.sampled_from(["load", "load", "dequeue", "vanish"]))
    def old_connection_speaks(self, client: int, node: int, says: str) -> None:
        """A player comes back elsewhere, and his old connection says something before it knows of that."""
        old = one_of([one for one in self.world.open_clients if one.place in ("queued", "loading")], client)
        if new := self.connect(old.player_id, node):
            new.resume()
            for _ in range(4):
                new.node.pump()
            getattr(old, says)()
            self.deliver("all")

    @rule(
        client=which, node=which, mode=modes, question=st.sampled_from(["resume", "enqueue"]), chain=st.integers(0, 2),
        turns=st.integers(0, 3), then=delivery,
    )  # fmt: skip
    def newer_connections_go(
        self, client: int, node: int, mode: str, question: str, chain: int, turns: int, then: str
    ) -> None:
        """A player whose match loads asks on newer connections, and hangs up on the last, often unanswered."""
        if not (loading := self.loading()):
            self.world.advance(5, step=LONGEST_STEP)  # nobody is judged at the beginning
            self.crowd(node, mode)
            self.deliver("all")
            loading = self.loading()
        if not loading:
            return
        old = one_of(loading, client)
        for offset in range(chain + 1):
            if new := self.connect(old.player_id, node + offset):
                new.enqueue(self.world.mode_of(old.player_id)) if question == "enqueue" else new.resume()
                self.turn(new.node, turns)
                if offset == chain:
                    new.vanish()
        self.deliver(then)

    @rule(player=players, node=which, mode=modes, turns=st.integers(0, 3), then=delivery)
    def asks_and_goes(self, player: str, node: int, mode: str, turns: int, then: str) -> None:
        """A player connects, asks for a mode and hangs up, most often before an answer."""
        if client := self.connect(player, node):
            client.enqueue(mode)
            self.turn(client.node, turns)
            client.vanish()
            self.deliver(then, client.node)

    @precondition(somebody())
    @rule(
        client=which, question=st.sampled_from(["dequeue", "resume", "enqueue", "no mode"]), mode=modes, then=delivery
    )
    def asks(self, client: int, question: str, mode: str, then: str) -> None:
        """A client asks for something."""
        asker = self.client(client)
        match question:
            case "dequeue":
                asker.dequeue()
            case "resume":
                asker.resume()
            case _:
                asker.enqueue(mode if question == "enqueue" else "Nonsense")
        self.deliver(then, asker.node)

    @precondition(somebody("loading"))
    @rule(then=delivery)
    def all_load(self, then: str) -> None:
        """Everybody who is asked to load has loaded."""
        self.load()
        self.deliver(then)

    @precondition(somebody("loading"))
    @rule(
        client=which,
        session=st.sampled_from(["own", "own", "own", "none named", "another's", "unknown"]),
        then=delivery,
    )
    def loads(self, client: int, session: str, then: str) -> None:
        """A client says that it has loaded: its own session, somebody else's, or one that never was."""
        loader = one_of([one for one in self.world.open_clients if one.place == "loading"], client)
        others = [one.transcript.session for one in self.world.open_clients if one.transcript.session]
        named = {"own": "", "none named": None, "another's": one_of(others, client), "unknown": "nowhere-1"}[session]
        loader.load(named)
        self.deliver(then, loader.node)

    @rule(node=which, mode=modes, ready=st.integers(0, 3))
    def some_do_not_load(self, node: int, mode: str, ready: int) -> None:
        """Everybody who is nowhere asks for the same, some load, and the others let the time for that pass."""
        self.crowd(node, mode)
        self.deliver("all")
        for client in [one for one in self.world.open_clients if one.place == "loading"][:ready]:
            client.load()
        self.world.advance(MODES[mode].loading_timeout + 1, step=LONGEST_STEP)

    @precondition(somebody())
    @rule(client=which, then=delivery)
    def vanishes(self, client: int, then: str) -> None:
        """A client's socket is gone."""
        one = self.client(client)
        one.vanish()
        self.deliver(then, one.node)

    @precondition(somebody())
    @rule(client=which)
    def hears_twice(self, client: int) -> None:
        """The last message of a player comes once more."""
        self.world.publish_again(self.client(client))
        self.deliver("all")


class Time(Stage):
    """Time, and the order in which what is on its way arrives."""

    _stood_still = 0.0
    """Seconds for which nobody could do anything since all nodes were well."""

    @rule(node=which)
    def one_node_turns(self, node: int) -> None:
        """What is on its way to one node arrives there."""
        self.deliver("one node", self.node(node))

    @rule()
    def all_nodes_turn(self) -> None:
        """All that is on its way arrives."""
        self.deliver("all")

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5, 5.0]))
    def time_passes(self, seconds: float) -> None:
        """A little time passes."""
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from([16.0, 21.0, 61.0]))
    def much_time_passes(self, seconds: float) -> None:
        """Longer than one timeout or another."""
        self.world.advance(seconds, step=LONGEST_STEP)

    @rule(seconds=st.sampled_from([16.0, 61.0, 130.0]))
    def all_stands_still(self, seconds: float) -> None:
        """Time passes for everybody, the store too, and nobody can do anything meanwhile.

        Not for longer, in all, than a message can be told again while somebody may have missed one.
        """
        if all(node.well for node in self.world.living):
            self._stood_still, longest = 0.0, 130.0
        else:
            longest = 61.0 - self._stood_still
        seconds = min(seconds, longest)
        if seconds > 0:
            self._stood_still += seconds
            self.world.advance(seconds, step=seconds)


class GameServers(Stage):
    """What game servers do."""

    @rule(host=which, behaviour=behaviours)
    def host_changes(self, host: int, behaviour: str) -> None:
        """A game server behaves otherwise from now on."""
        self.host(host).behaviour = behaviour

    @rule(host=which, does=st.sampled_from(["beats", "falls silent", "goes", "ends its matches"]))
    def host_does(self, host: int, does: str) -> None:
        """A game server sends a heartbeat, stops sending any, says goodbye, or the matches there are over."""
        one = self.host(host)
        match does:
            case "beats":
                one.beating = True
                self.world.beat(one)
            case "falls silent":
                one.beating = False
            case "goes":
                self.world.deregister(one)
            case "ends its matches":
                self.world.end_matches(one)
        self.deliver("all")

    @rule(node=which, order=st.permutations(["Ranked", "Normal_1v1"]), then=delivery)
    def hosts_are_short(self, node: int, order: list[str], then: str) -> None:
        """Players of two modes wait for the slots of all game servers; when those are back one more player comes."""
        for host in self.world.hosts:
            self.world.deregister(host)
        self.deliver("all")
        *players, last = self.nowhere(node) or [None]
        for number, client in enumerate(players):
            client.enqueue(order[number > 1])
            self.deliver("all")
        for host in self.world.hosts:
            self.world.end_matches(host)
        if last:
            last.enqueue(order[1])
        self.deliver(then)

    @rule()
    def hosts_answer(self) -> None:
        """Those that were slow answer."""
        self.world.hosts.answer()
        self.deliver("all")
