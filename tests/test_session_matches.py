"""Who meets whom, and where they play: the order of the queues, teams, and game servers that are full or fail."""

from __future__ import annotations

from typing import Any

from matchd.model import GameMode
from tests.support.conversations import match_found, queued, requeued, start_loading
from tests.support.world import MODES, Player
from tests.support.worlds import WorldTestCase


class Case(WorldTestCase):
    def setUp(self) -> None:
        self.service = self.world(2, modes={**MODES, "Hunt": GameMode("Hunt", (1, 3))})

    def enqueue(self, names: str, mode: str) -> list[Player]:
        """One player of each letter, on alternating nodes, each a little later than the one before."""
        players = []
        for number, name in enumerate(names):
            players.append(self.service.player(name, number % 2).enqueue(mode))
            self.service.advance(0.01)
        return players

    def load(self, *players: Player) -> None:
        for player in players:
            player.load()

    def rosters(self) -> list[str]:
        """Who was sent to a game server together, in the order of the requests."""
        return ["".join(request.players) for request in self.service.games.requests]


class FirstComeFirstServed(Case):
    def test_by_waiting_time(self) -> None:
        """Where the order is fifo those who waited longest are drawn first, whatever their nodes."""
        players = self.enqueue("gbeac", "Ranked")
        self.service.server()
        self.service.advance(1)
        self.load(*players[:4])
        self.assertEqual(self.rosters(), ["gb", "ea"])
        self.assertEqual(players[4].heard, [queued(1)])

    def test_again_does_not_cost_the_place(self) -> None:
        """To enqueue or resume again, on whatever connection, keeps one's place in line."""
        first, *others = self.enqueue("abcd", "Ranked")
        first.enqueue("Ranked")
        first = self.service.player("a", 1).resume()
        self.service.server()
        self.service.advance(1)
        self.load(first, *others)
        self.assertEqual(self.rosters(), ["ab", "cd"])

    def test_back_in_front(self) -> None:
        """Whose match fell through is ahead of all who came after him; no slot of a server is lost by it."""
        self.service.server(capacity=1)
        a, b, c, d = self.enqueue("abcd", "Ranked")
        self.assertEqual((c.types, d.types), (["queued"], ["queued"]))
        b.vanish()
        self.assertEqual(
            (a.types[2:], c.types[1:], d.types[1:]), (["requeued", "start_loading"], ["start_loading"], [])
        )
        self.load(a, c)
        self.assertEqual(self.rosters(), ["ac"])

    def test_leaving_does_cost_the_place(self) -> None:
        """Who dequeues and comes back is the last."""
        a, b, c = self.enqueue("abc", "Ranked")
        a.dequeue().enqueue("Ranked")
        self.service.server()
        self.service.advance(1)
        self.load(b, c)
        self.assertEqual((self.rosters(), a.types), (["bc"], ["queued", "dequeued", "queued"]))


class AnybodyMeetsAnybody(Case):
    def test_random(self) -> None:
        """Everybody is drawn, once, and not two by two as they came."""
        names = "".join(map(chr, range(ord("A"), ord("Z") + 1)))
        players = self.enqueue(names, "Normal_1v1")
        self.service.server()
        self.service.advance(1)
        self.load(*players)
        drawn = "".join(self.rosters())
        self.assertEqual(sorted(drawn), list(names))
        self.assertNotEqual(drawn, names)
        self.assertEqual({tuple(player.types) for player in players}, {("queued", "start_loading", "match_found")})

    def test_at_once(self) -> None:
        """With a free server the second player is the match."""
        self.service.server()
        a, b = self.enqueue("ab", "Normal_1v1")
        self.assertEqual((a.types, b.types), (["queued", "start_loading"], ["queued", "start_loading"]))


class Teams(Case):
    def test_two_against_two(self) -> None:
        """Four players, each told his team, the teams in the order in which they came; the server knows them too."""
        self.service.server()
        players = self.enqueue("abcd", "Duos")
        self.load(*players)
        session = players[0].heard[1]["loading_session_id"]
        for player, team in zip(players, (0, 0, 1, 1), strict=True):
            self.assertEqual(player.heard, [queued(1), start_loading(session, 2), match_found(session, team, 3)])
        (request,) = self.service.games.requests
        self.assertEqual((request.game_mode, request.teams), ("Duos", (("a", "b"), ("c", "d"))))

    def test_not_before_there_are_enough(self) -> None:
        """Three of four wait."""
        self.service.server()
        players = self.enqueue("abc", "Duos")
        self.service.advance(2)
        self.assertEqual([player.types for player in players], [["queued"]] * 3)

    def test_uneven_teams(self) -> None:
        """Teams need not be of one size."""
        self.service.server()
        players = self.enqueue("abcd", "Hunt")
        self.load(*players)
        self.assertEqual([player.last["team"] for player in players], [0, 1, 1, 1])

    def test_one_leaves(self) -> None:
        """The three others are back at once, and complete with the next who comes."""
        self.service.server()
        a, b, c, d = self.enqueue("abcd", "Duos")
        self.load(a, b)
        c.vanish()
        self.assertEqual([player.last for player in (a, b, d)], [requeued("player_left", 3)] * 3)
        (e,) = self.enqueue("e", "Duos")
        self.load(a, b, d, e)
        self.assertEqual(self.rosters(), ["abde"])

    def test_the_loading_timeout_of_the_mode(self) -> None:
        """Each mode has its own: who has loaded is requeued, each of the others is told."""
        self.service.server()
        a, b, c, d = self.enqueue("abcd", "Duos")
        self.load(a, b)
        self.service.advance(18)
        self.assertEqual(len(a.heard), 2)
        self.service.advance(4)
        self.assertEqual([player.types[2:] for player in (a, b, c, d)], [["requeued"]] * 2 + [["error"]] * 2)
        self.assertEqual((a.last["reason"], c.last["code"]), ("loading_timeout", "loading_timeout"))


class GameServers(Case):
    def servers(self, **capacities: int) -> None:
        """Game servers by name; the one with the most room is asked first."""
        for server_id, capacity in capacities.items():
            self.service.server(server_id, capacity)

    def behave(self, how: str, *server_ids: str) -> None:
        self.service.games.behaviour.update({f"{server_id}:7000": how for server_id in server_ids})

    def asked(self) -> list[str]:
        return [address.removesuffix(":7000") for address, _ in self.service.games.asked]

    def play(self) -> tuple[Player, Player]:
        a, b = self.enqueue("ab", "Ranked")
        self.load(a, b)
        return a, b

    def test_none(self) -> None:
        """While there is no game server nobody is drawn; soon after one has come, they are."""
        a, b = self.enqueue("ab", "Ranked")
        self.service.advance(10)
        self.assertEqual((a.heard, b.heard), ([queued(1)], [queued(1)]))
        self.service.server()
        self.service.advance(1)
        self.assertEqual((a.types[1:], b.types[1:]), (["start_loading"], ["start_loading"]))

    def test_full(self) -> None:
        """No more matches are drawn than there are slots; a slot is free again when the server says so."""
        self.servers(one=1)
        a, b, c, d = self.enqueue("abcd", "Ranked")
        self.load(a, b)
        self.service.advance(2)
        self.assertEqual((a.types[-1], c.types, d.types), ("match_found", ["queued"], ["queued"]))
        self.service.advance(3)
        self.service.server("one", 1, sessions=1)
        self.service.advance(1)
        self.assertEqual((c.types, d.types), (["queued"], ["queued"]))
        self.service.server("one", 1, sessions=0)
        self.service.advance(1)
        self.assertEqual((c.types[1:], d.types[1:]), (["start_loading"], ["start_loading"]))

    def test_gone(self) -> None:
        """A server that sends no heartbeats is asked no more."""
        self.servers(one=5)
        self.service.advance(16)
        a, b = self.enqueue("ab", "Ranked")
        self.assertEqual((a.types, b.types), (["queued"], ["queued"]))

    def play_while_one_fails(self, how: str) -> None:
        self.servers(one=3, two=2)
        self.behave(how, "one")
        a, b = self.play()
        self.assertEqual(self.asked(), ["one", "two"])
        self.assertEqual(a.types, ["queued", "start_loading", "match_found"])
        self.assertEqual((a.last["server_address"], b.last["server_address"]), ("two:7000", "two:7000"))

    def test_one_that_refuses(self) -> None:
        """The next server is asked, and the players notice nothing."""
        self.play_while_one_fails("refuse")

    def test_one_that_does_not_answer(self) -> None:
        """The same where nobody knows what became of the question."""
        self.play_while_one_fails("lost")

    def test_three_times_in_all(self) -> None:
        """When three servers have failed the players are back in the queue, and are drawn anew for the fourth."""
        self.servers(one=5, two=4, three=3, four=2)
        self.behave("refuse", "one", "two", "three")
        a, b = self.play()
        self.assertEqual(self.asked(), ["one", "two", "three"])
        self.assertEqual(a.heard[2], requeued("allocation_failed", 3))
        self.assertEqual((a.types[3:], b.types[3:]), (["start_loading"], ["start_loading"]))
        self.load(a, b)
        self.assertEqual((a.last["server_address"], b.last["server_address"]), ("four:7000", "four:7000"))

    def test_no_other(self) -> None:
        """Where there is nothing left to ask, they wait in their old place until a server has rested, or comes."""
        self.servers(one=5)
        self.behave("refuse", "one")
        a, b = self.play()
        c, d = self.enqueue("cd", "Ranked")
        self.assertEqual([player.last["type"] for player in (a, b, c, d)], ["requeued", "requeued", "queued", "queued"])
        self.service.server("two", capacity=1)
        self.service.advance(1)
        self.load(a, b)
        self.assertEqual((self.rosters(), a.last["server_address"]), (["ab", "ab"], "two:7000"))

    def test_better_again(self) -> None:
        """A server that failed once is asked again after a few seconds of rest."""
        self.servers(one=5)
        self.behave("refuse", "one")
        a, b = self.play()
        self.behave("ok", "one")
        self.service.advance(4)
        self.assertEqual(a.types[-1], "requeued")
        self.service.advance(3)
        self.load(a, b)
        self.assertEqual(
            (a.types[3:], b.types[3:]), (["start_loading", "match_found"], ["start_loading", "match_found"])
        )

    def test_a_session_that_was_made_for_nobody(self) -> None:
        """Where the answer was lost the server may have made a session: it is asked to end it."""
        self.servers(one=3, two=2)
        self.behave("made but silent", "one")
        a, b = self.play()
        self.assertEqual((a.last["server_address"], b.last["server_address"]), ("two:7000", "two:7000"))
        (address, session), _ = self.service.games.asked
        self.behave("ok", "one")
        self.service.advance(8)
        self.assertEqual(self.service.games.ended, [(address, session)])
        self.assertEqual(self.service.games.sessions["one:7000"], {})

    def test_all_hear_the_same(self) -> None:
        """All players of a match are sent to the same session, and nobody twice."""
        self.servers(one=50)
        players = self.enqueue("abcdefghijklmnop", "Duos")
        self.load(*players)
        games: dict[Any, int] = {}
        for player in players:
            self.assertEqual(player.types, ["queued", "start_loading", "match_found"])
            games[player.last["session_id"]] = games.get(player.last["session_id"], 0) + 1
        self.assertEqual(list(games.values()), [4, 4, 4, 4])
