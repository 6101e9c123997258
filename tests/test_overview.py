"""What operators see of a node and of the whole service."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from matchd import overview as overview_module
from matchd.errors import StoreUnavailable
from matchd.matches.addressbook import AddressBook
from matchd.matches.addresses import AddressRefused, Allowed
from matchd.model import GameServer
from matchd.overview import Overview, Row
from matchd.store.store import Store
from tests.support.names import Names
from tests.support.world import World, outcome
from tests.support.worlds import WorldTestCase


class OverviewTests(WorldTestCase):
    """Rows as the operators' port shows them."""

    def overview(self) -> tuple[World, Overview]:
        world = self.world()
        names = Names({"one": ["10.0.0.1"], "two": ["10.0.0.2"]})
        node = world.nodes[0].node
        return world, Overview(node, lambda: None, AddressBook(names, Allowed()), node.metrics.render)

    def test_modes_with_those_who_wait(self) -> None:
        """Every mode stands there with its rules and its queue."""
        world, overview = self.overview()
        world.player("p").enqueue("Ranked")
        rows = {row["name"]: row for row in outcome(overview.modes())}
        self.assertEqual(
            rows["Ranked"],
            {"name": "Ranked", "teams": [1, 1], "order": "fifo", "loading_timeout_s": 60.0, "players": {"queued": 1}},
        )
        self.assertEqual(rows["Normal_1v1"]["players"], {"queued": 0})

    def test_servers_with_their_slots(self) -> None:
        """A game server stands there with its slots; a fixed one has none to count."""
        world, overview = self.overview()
        outcome(overview.register_server(GameServer("one", "one:7000", 4, "eu", 1)))
        outcome(overview.register_server(GameServer("two", "two:7000", fixed=True)))
        one, two = sorted(outcome(overview.servers()), key=lambda row: str(row["id"]))
        self.assertLess(one.pop("heartbeat_age_s"), 5)
        self.assertEqual(
            one,
            {"id": "one", "address": "10.0.0.1:7000", "status": "idle", "sessions": 1, "capacity": 4, "region": "eu"},
        )
        self.assertEqual((two["capacity"], two["status"]), (None, "idle"))
        world.advance(16)
        self.assertEqual(outcome(overview.servers()), [])

    def test_server_that_may_not_be_there(self) -> None:
        """A game server at a guarded address is not entered, and counted (T28, T31)."""
        _, overview = self.overview()
        rogue = overview.register_server(GameServer("one", "169.254.169.254:80"))
        self.assertRaises(AddressRefused, outcome, rogue)
        self.assertEqual(outcome(overview.servers()), [])
        self.assertIn(b'registrations_refused_total{reason="address"} 1.0', overview.metrics())

    def test_session_with_who_is_ready(self) -> None:
        """A loading session shows who has loaded."""
        world, overview = self.overview()
        world.server()
        a, _ = world.player("a").enqueue(), world.player("b").enqueue()
        a.load()
        world.advance(3)
        (row,) = outcome(overview.sessions(10))
        self.assertEqual(row.pop("id"), a.heard[1]["loading_session_id"])
        self.assertIn(int(row.pop("age_s")), (3, 4))
        self.assertEqual(
            row, {"mode": "Normal_1v1", "state": "loading", "players": {"a": "ready", "b": "loading"}, "server": None}
        )
        self.assertEqual(outcome(overview.sessions(0)), [])

    def test_new_game_server_is_used_at_once(self) -> None:
        """Players who waited for a game server are drawn when one registers, not a tick later."""
        world, overview = self.overview()
        a, _ = world.player("a").enqueue(), world.player("b").enqueue()
        outcome(overview.register_server(GameServer("one", "one:7000", 4, "", 0)))
        world.settle()
        self.assertEqual(a.types, ["queued", "start_loading"])

    def test_one_census_at_a_time(self) -> None:
        """Who asks for the invariants while they are looked for waits for the next look, which is for all of them."""
        _, overview = self.overview()
        begun: list[Deferred[Row]] = []

        async def census(_: Store) -> Row:
            begun.append(Deferred())
            return await begun[-1]

        self.patch(overview_module, "census", census)
        asked = [Deferred.fromCoroutine(overview.invariants()) for _ in range(4)]
        self.assertEqual(len(begun), 1)
        begun[0].callback({"look": 1})
        self.assertEqual(self.successResultOf(asked[0]), {"look": 1})
        self.assertEqual(len(begun), 2)
        self.assertNoResult(asked[1])
        begun[1].errback(StoreUnavailable("away"))
        for each in asked[1:]:
            self.failureResultOf(each, StoreUnavailable)
        asked.append(Deferred.fromCoroutine(overview.invariants()))
        begun[2].callback({"look": 3})
        self.assertEqual(self.successResultOf(asked[-1]), {"look": 3})

    def test_everybody_is_counted_cheaply(self) -> None:
        """The totals say who waits, mode by mode, and who plays."""
        world, overview = self.overview()
        world.server()
        for name in "abc":
            world.player(name).enqueue()
        counted = outcome(overview.totals())
        self.assertEqual(counted["players"]["queued"], {"Normal_1v1": 1, "Ranked": 0, "Duos": 0})
        self.assertEqual((counted["players"]["in_sessions"], counted["sessions"]["loading"]), (2, 1))

    def test_everybody_is_counted(self) -> None:
        """The invariants count the players by place, and have nothing to complain of."""
        world, overview = self.overview()
        world.player("p").enqueue()
        counted = outcome(overview.invariants())
        self.assertEqual(counted["players"]["queued"]["Normal_1v1"], 1)
        self.assertEqual(counted["contradictions"], [])
        self.assertIn(b"matchd_players", overview.metrics())
