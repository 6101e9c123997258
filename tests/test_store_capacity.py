"""However nodes and game servers come and go: no server ever has more sessions than its capacity."""

from __future__ import annotations

import random
from collections.abc import Callable

from matchd.model import GameServer, Reservation, Roster
from matchd.store.store import Store
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, outcome

SEED = 0
CAPACITY = {"one": 1, "two": 2, "three": 3}


class Fleet:
    """Game servers as they really are: which sessions each runs, whatever the store believes.

    If they ``serve_others``, they say how many they have made for matchd.
    """

    def __init__(self, case: StoreTestCase, dice: random.Random, serve_others: bool) -> None:
        self.case, self.dice, self.serve_others = case, dice, serve_others
        self.stores = [case.store, case.node("there"), case.node("yonder")]
        self.runs: dict[str, set[str]] = {server: set() for server in CAPACITY}
        self.made = dict.fromkeys(CAPACITY, 0)
        self.others = 0
        self.held: list[tuple[Store, Reservation]] = []
        self.players = 0
        self.matched = 0

    def heartbeat(self) -> None:
        """A server says how many sessions it runs."""
        self._beat(self.dice.choice(list(CAPACITY)))

    def serve_another(self) -> None:
        """A server that has room runs a session that matchd knows nothing of, and says so."""
        server = self.dice.choice(list(CAPACITY))
        if self.serve_others and self.load_of(server) < CAPACITY[server]:
            self.others += 1
            self.runs[server].add(f"other-{self.others}")
            self._beat(server)

    def restart(self) -> None:
        """A server ends, and says so."""
        server = self.dice.choice(list(CAPACITY))
        outcome(self.case.store.deregister_server(server))
        self.runs[server].clear()
        self.made[server] = 0

    def reserve(self) -> None:
        """Two new players have loaded, on any node, which takes a slot for them."""
        store = self.dice.choice(self.stores)
        names = [f"p{self.players + i}" for i in range(2)]
        self.players += 2
        for name in names:
            self.case.enqueue(name, store=store)
        outcome(store.draw(FIFO))
        for name in names:
            roster = self.case.load(name, store=store)
            if isinstance(roster, Roster):
                reservation = outcome(store.reserve(roster.loading_session_id))
                if isinstance(reservation, Reservation):
                    self.held.append((store, reservation))
                else:
                    outcome(store.abandon(roster.loading_session_id))
        for name in names:
            outcome(store.leave(name, f"{name}1", 0))

    def make(self) -> None:
        """A server makes a session; its answer is on its way."""
        if self.held:
            self._make(self.dice.choice(self.held)[1])

    def settle(self) -> None:
        """A server has made the session it was asked for, and the node is told."""
        if taken := self._take():
            store, reservation = taken
            self._make(reservation)
            if outcome(store.settle(reservation, '{"type":"match_found"')) == "server_gone":
                self._give_back(store, reservation, True)
            else:
                self.matched += 1

    def refuse(self) -> None:
        """A server makes no session, and the node is told."""
        if taken := self._take():
            _, reservation = taken
            made = reservation.loading_session_id in self.runs[reservation.server_id]
            self._give_back(*taken, uncertain=made)

    def fall_silent(self) -> None:
        """A server made the session, or did not, and the node hears nothing."""
        if taken := self._take():
            if self.dice.random() < 0.5:
                self._make(taken[1])
            self._give_back(*taken, uncertain=True)

    def finish(self) -> None:
        """A match is over."""
        server = self.dice.choice(list(CAPACITY))
        if played := sorted(self.runs[server] - self._asked_of(server)):
            self.runs[server].remove(self.dice.choice(played))

    def pass_time(self) -> None:
        """Time passes, the nodes live and sweep, and servers end what they are asked to end."""
        self.case.pass_time(self.dice.choice((0.1, 0.5, 1.9, 3)))
        for store in self.stores:
            outcome(store.heartbeat())
            for orphan in self.case.sweep(store).orphans:
                session, server = orphan.split()
                self.runs[server].discard(session)
                outcome(store.orphan_ended(orphan))

    def _make(self, reservation: Reservation) -> None:
        sessions = self.runs[reservation.server_id]
        self.made[reservation.server_id] += reservation.loading_session_id not in sessions
        sessions.add(reservation.loading_session_id)

    def _beat(self, server: str) -> None:
        made = self.made[server] if self.serve_others else None
        says = GameServer(server, server, CAPACITY[server], "", len(self.runs[server]), made=made)
        outcome(self.case.store.register_server(says))

    def _take(self) -> tuple[Store, Reservation] | None:
        return self.held.pop(self.dice.randrange(len(self.held))) if self.held else None

    def _give_back(self, store: Store, reservation: Reservation, uncertain: bool) -> None:
        outcome(store.release(reservation, uncertain))
        outcome(store.abandon(reservation.loading_session_id))

    def load_of(self, server: str) -> int:
        """The sessions that run or are asked for."""
        return len(self.runs[server] | self._asked_of(server))

    def _asked_of(self, server: str) -> set[str]:
        return {reservation.loading_session_id for _, reservation in self.held if reservation.server_id == server}


class CapacityTests(StoreTestCase):
    """Many steps, in an order that chance decides, by three nodes and three game servers."""

    def play(self, seed: int, steps: int, serve_others: bool = False) -> Fleet:
        dice = random.Random(seed)
        fleet = Fleet(self, dice, serve_others)
        moves: list[Callable[[], None]] = [
            fleet.reserve, fleet.make, fleet.settle, fleet.refuse, fleet.fall_silent, fleet.finish, fleet.heartbeat,
            fleet.pass_time, fleet.restart, fleet.serve_another,
        ]  # fmt: skip
        for step in range(steps):
            move = dice.choices(moves, (8, 4, 5, 1, 1, 4, 6, 6, 0.3, 2))[0]
            move()
            for server, capacity in CAPACITY.items():
                self.assertLessEqual(fleet.load_of(server), capacity, f"{server}, seed {seed}, step {step}: {move}")
        return fleet

    def test_never_exceeded(self) -> None:
        """In 1000 steps many matches are made, and no server ever has more than it can take."""
        self.assertGreater(self.play(SEED, 1000).matched, 40)

    def test_never_exceeded_with_sessions_of_others(self) -> None:
        """In 2000 steps neither where servers run others' sessions too, of which matchd hears by heartbeats alone."""
        fleet = self.play(SEED, 2000, serve_others=True)
        self.assertGreater(min(fleet.matched, fleet.others), 40)

    def test_all_free_at_the_end(self) -> None:
        """When all is over, every slot can be used again."""
        fleet = self.play(SEED + 1, 200)
        while fleet.held:
            fleet.settle()
        for running in fleet.runs.values():
            running.clear()
        self.pass_time(5)
        for server, capacity in CAPACITY.items():
            outcome(self.store.register_server(GameServer(server, server, capacity, "", 0)))
        self.assertEqual([self.server_fields(server)[1] for server in CAPACITY], [0, 0, 0])
