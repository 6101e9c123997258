"""What the store does when matches are drawn, and when their players have loaded."""

from __future__ import annotations

from matchd.model import DEFAULT_MODE, GameMode, Reservation, Roster
from tests.support.keyspace import changes, session_record
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, TEAMS, outcome

LARGE = 100_000


class DrawTests(StoreTestCase):
    """Matches are drawn from a mode's queue."""

    def test_one_match(self) -> None:
        """Two players who wait become a loading session with all that it takes, and are told so."""
        self.server()
        for player in "ab":
            self.enqueue(player)
        drawn = self.draw()
        self.assertEqual((drawn.matches, drawn.waiting, drawn.short_of_servers), (1, 0, False))
        session = self.record("a")["session"]
        said = session_record(self.redis, session)
        self.assertEqual([said[it] for it in ("mode", "state", "teams", "roster")], ["Ranked", "loading", "0 1", "a b"])
        self.assertEqual(self.redis.ask("HMGET", f"loading:{session}", "a", "b"), [b"loading", b"loading"])
        self.assertEqual(self.told("b")[-1], {"type": "start_loading", "loading_session_id": session})
        self.assertEqual((self.queue(), self.state("a", "b")), ([], ["loading", "loading"]))

    def test_deadline(self) -> None:
        """The session has to be loaded within the mode's loading timeout."""
        self.server()
        for player in "abcd":
            self.enqueue(player, TEAMS)
        session = self.loading(*"abcd", mode=TEAMS)
        record = session_record(self.redis, session)
        created, deadline = int(record["created"]), int(record["deadline"])
        self.assertEqual(deadline - created, 20_000)
        self.assertEqual(int(self.redis.ask("ZSCORE", "loading", session)), deadline)

    def test_too_few(self) -> None:
        """With too few players, or none, nobody is drawn and nothing changes."""
        self.server()
        self.assertEqual(self.draw().waiting, 0)
        self.enqueue("a")
        self.draw()  # looks at the queue, which is not to be drawn then
        before = self.dump()
        drawn = self.draw()
        self.assertEqual((drawn.matches, drawn.waiting, drawn.short_of_servers), (0, 1, False))
        self.assert_unchanged(before)

    def test_first_come_first_served(self) -> None:
        """Where the mode has an order, those who came first are drawn first, match by match."""
        self.server()
        for player in "dacbfe":
            self.enqueue(player)
        self.assertEqual(self.draw(most=2).matches, 2)
        rosters = sorted(self._rosters(), key=lambda roster: self.record(roster[0])["since"])
        self.assertEqual(rosters, [["d", "a"], ["c", "b"]])
        self.assertEqual(self.queue(), ["f", "e"])

    def test_requeued_come_first(self) -> None:
        """Whose match fell through is drawn before all who came later."""
        self.server()
        for player in "abc":
            self.enqueue(player)
        self.loading("a", "b")
        self.enqueue("d")
        self.leave("a")
        self.loading("b", "c")
        self.assertEqual(self.queue(), ["d"])

    def test_anyone_may_meet_anyone(self) -> None:
        """In a random mode any two meet: of many draws not all are in the order of coming."""
        self.server(capacity=LARGE)
        players = [f"p{i}" for i in range(40)]
        for player in players:
            self.enqueue(player, DEFAULT_MODE)
        self.assertEqual(self.draw(DEFAULT_MODE).matches, 20)
        drawn = [player for roster in self._rosters() for player in roster]
        self.assertEqual(sorted(drawn), sorted(players))
        in_order = [[players[i], players[i + 1]] for i in range(0, 40, 2)]
        self.assertNotEqual(sorted(map(sorted, self._rosters())), sorted(map(sorted, in_order)))

    def test_at_most_100(self) -> None:
        """One call draws at most 100 matches, and says how many players still wait."""
        self.server(capacity=LARGE)
        for i in range(203):
            self.enqueue(f"p{i:03}")
        drawn = self.draw()
        self.assertEqual((drawn.matches, drawn.waiting, drawn.short_of_servers), (100, 3, False))
        self.assertEqual((self.draw().matches, self.queue()), (1, ["p202"]))

    def test_waits(self) -> None:
        """It says how long (ms) each drawn player had waited."""
        self.server()
        self.enqueue("a")
        self.pass_time(7)
        self.enqueue("b")
        waits = self.draw().waits_ms
        self.assertEqual([round(wait / 1000) for wait in waits], [7, 0])

    def test_modes_do_not_mix(self) -> None:
        """Players of different modes never meet, and a match has its mode's number of players."""
        self.server()
        for player, mode in (("a", FIFO), ("b", DEFAULT_MODE), ("c", TEAMS), ("d", TEAMS), ("e", TEAMS)):
            self.enqueue(player, mode)
        self.assertEqual([self.draw(mode).matches for mode in (FIFO, DEFAULT_MODE, TEAMS)], [0, 0, 0])
        self.enqueue("f", TEAMS)
        session = self.loading("c", "d", "e", "f", mode=TEAMS)
        self.assertEqual(session_record(self.redis, session)["teams"], "0 0 1 1")

    def test_two_nodes_draw(self) -> None:
        """However many nodes draw, each player is drawn once."""
        there = self.node("there")
        self.server()
        for player in "abcde":
            self.enqueue(player)
        drawn = [outcome(store.draw(FIFO)).matches for store in (self.store, there)]
        self.assertEqual((drawn, self.queue()), ([2, 0], ["e"]))

    def _rosters(self) -> list[list[str]]:
        sessions = [session.decode() for session in self.redis.ask("ZRANGE", "loading", 0, -1)]
        return [session_record(self.redis, session)["roster"].split() for session in sessions]


class PlacesToPlayTests(StoreTestCase):
    """No more matches are drawn than game servers can take."""

    def players(self, count: int, mode: GameMode = FIFO) -> None:
        for i in range(count):
            self.enqueue(f"p{i:02}", mode)

    def test_no_server(self) -> None:
        """Without a game server everybody waits, and that is said."""
        self.players(4)
        self.draw()
        before = self.dump()
        drawn = self.draw()
        self.assertEqual((drawn.matches, drawn.waiting, drawn.short_of_servers), (0, 4, True))
        self.assertLessEqual(changes(before, self.dump()).keys(), {"looked_at"})

    def test_free_slots(self) -> None:
        """As many matches are drawn as slots are free over all servers, and no more until one gets free."""
        self.server("one", 2)
        self.server("two", 1)
        self.players(10)
        drawn = self.draw()
        self.assertEqual((drawn.matches, drawn.waiting, drawn.short_of_servers), (3, 4, True))
        self.assertEqual(self.draw().matches, 0)
        self.leave("p00", "p001")
        self.assertEqual(self.draw().matches, 1)

    def test_sessions_on_their_way(self) -> None:
        """A session that looks for a server counts as much as one that has it."""
        self.server("one", 2)
        self.players(6)
        session = self.loading("p00", "p01")
        self.load("p00")
        self.load("p01")
        self.assertEqual(self.draw().matches, 1)
        self.reserve(session)
        self.assertEqual(self.draw().matches, 0)

    def test_fixed_server(self) -> None:
        """A server from the settings counts as always free."""
        self.server("one", 1, fixed=True)
        self.players(10)
        self.assertEqual(self.draw().matches, 5)

    def test_many_servers(self) -> None:
        """However many servers there are, all their slots count."""
        for i in range(120):
            self.server(f"s{i}", 1)
        self.players(60, DEFAULT_MODE)
        self.assertEqual(self.draw(DEFAULT_MODE).matches, 30)
        self.assertEqual(self.redis.ask("SCARD", "unplaced"), 30)

    def test_expired_server(self) -> None:
        """A server whose heartbeats stopped does not count, even before anybody has swept."""
        self.server("one", 5)
        self.pass_time(14)
        self.server("two", 1)
        self.pass_time(2)
        self.players(4)
        self.assertEqual(self.draw().matches, 1)


class ForeignTests(StoreTestCase):
    """Others put into a queue's set whom they like; only players who asked are drawn."""

    def plant(self, mode: GameMode, *players: str) -> None:
        self.redis.ask("SADD", f"queue:{mode.name}", *players)

    def test_random(self) -> None:
        """Ids without a record are dropped from a random queue; real players stay in it or are drawn."""
        self.server()
        self.plant(DEFAULT_MODE, *(f"foreign{i}" for i in range(9)))
        for player in "ab":
            self.enqueue(player, DEFAULT_MODE)
        for _ in range(10):
            self.draw(DEFAULT_MODE)
        self.assertEqual(self.state("a", "b"), ["loading", "loading"])
        self.assertLessEqual(len(self.queue(DEFAULT_MODE)), 1)
        self.redis.ask("DEL", "queue:Normal_1v1")

    def test_not_even_a_record(self) -> None:
        """Ids whose records are somebody else's keys, of whatever type, are dropped like any other."""
        self.server()
        self.redis.ask("SET", "player:foreign", "1")
        self.redis.ask("HSET", "player:stranger", "state", "queued")
        self.enqueue("a", DEFAULT_MODE)
        for player in ("foreign", "stranger"):
            self.plant(DEFAULT_MODE, player)
            self.assertEqual(self.draw(DEFAULT_MODE).matches, 0)
            self.assertEqual(self.queue(DEFAULT_MODE), ["a"])

    def test_ordered(self) -> None:
        """Ids without a place in line are dropped from an ordered queue at the next draw."""
        self.server()
        self.plant(FIFO, "foreign")
        for player in "abc":
            self.enqueue(player)
        self.assertEqual(self.draw().matches, 1)
        self.assertEqual(self.queue(), ["c"])

    def test_in_line(self) -> None:
        """Even an id with a place in line is not drawn without a record that it waits here."""
        self.server()
        self.plant(FIFO, "foreign")
        self.redis.ask("ZADD", "order:Ranked", 1, "foreign")
        for player in "ab":
            self.enqueue(player)
        for _ in range(2):
            self.draw()
        self.assertEqual(self.state("a", "b"), ["loading", "loading"])

    def test_elsewhere(self) -> None:
        """A player who waits in one mode is not drawn in another whose set he was put in."""
        self.server()
        self.enqueue("a")
        self.enqueue("b", DEFAULT_MODE)
        self.plant(DEFAULT_MODE, "a")
        self.assertEqual(self.draw(DEFAULT_MODE).matches, 0)
        self.assertEqual((self.queue(), self.queue(DEFAULT_MODE)), (["a"], ["b"]))


class LoadedTests(StoreTestCase):
    """A player has loaded."""

    def setUp(self) -> None:
        super().setUp()
        self.server()
        for player in "abcd":
            self.enqueue(player, TEAMS)
        self.session = self.loading(*"abcd", mode=TEAMS)

    def test_last_one_gets_the_roster(self) -> None:
        """The one who completes the roster gets it, with a slot, in the order in which they were drawn; others wait."""
        progress = [self.load(player, self.session) for player in "dbca"]
        slot = Reservation(self.session, "one", "one:7000")
        self.assertEqual(progress, [True, True, True, Roster(self.session, "Duos", ("a", "b", "c", "d"), slot)])
        self.assertEqual(self.state(*"abcd"), ["allocating"] * 4)
        self.assertEqual(self.redis.ask("SMEMBERS", "allocations:here"), [self.session.encode()])

    def test_without_the_session(self) -> None:
        """The session's id may be left out."""
        self.assertIs(self.load("a"), True)
        self.assertEqual(self.redis.ask("HGET", f"loading:{self.session}", "a"), b"ready")

    def test_twice(self) -> None:
        """Said twice it counts once, and the second who completes a roster does not get it again."""
        self.load("a")
        before = self.dump()
        self.assertIs(self.load("a"), True)
        self.assert_unchanged(before)
        for player in "bcd":
            self.load(player)
        before = self.dump()
        self.assertIs(self.load("d"), True)
        self.assert_unchanged(before)

    def test_two_nodes_see_it_complete(self) -> None:
        """Of two nodes whose players load at the same time, exactly one gets the roster."""
        there = self.node("there")
        for player in "ab":
            self.load(player)
        rosters = [self.load("c", store=there), self.load("d"), self.load("c", store=there)]
        self.assertEqual([isinstance(roster, Roster) for roster in rosters], [False, True, False])

    def test_not_in_session(self) -> None:
        """Who is not in that session, speaks by an old connection or is unknown is refused; nothing changes."""
        self.enqueue("e", TEAMS)
        before = self.dump()
        refused = [self.load("a", "other"), self.load("a", conn="a0"), self.load("e"), self.load("f", self.session)]
        self.assertEqual(refused, [False] * 4)
        self.assert_unchanged(before)

    def test_when_it_is_over(self) -> None:
        """After the match fell through or was found there is no session to complete."""
        self.leave("b")
        self.assertIs(self.load("a", self.session), False)
