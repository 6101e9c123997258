"""Turns where game servers are short: the slots go to the players who wait longest, over all modes."""

from __future__ import annotations

from collections.abc import Sequence

from matchd.errors import StoreError
from matchd.model import DEFAULT_MODE, GameMode
from matchd.store.answers import Accepted, Drawn
from tests.support.keyspace import session_record
from tests.support.stores import StoreTestCase
from tests.support.world import CLOCK_STEP, FIFO, TEAMS, outcome

ALL = FIFO, DEFAULT_MODE, TEAMS


class TurnsTestCase(StoreTestCase):
    """Players who come as they do, and nodes that draw."""

    def come(self, players: Sequence[str], mode: GameMode = FIFO) -> list[Drawn | None]:
        """Players come, one after the other; what was drawn by that."""
        answers = [outcome(self.store.enqueue(name, f"{name}1", mode, 0, draws=True)) for name in players]
        assert all(isinstance(answer, Accepted) for answer in answers)
        return [answer.drawn for answer in answers]

    def draw_all(self, modes: Sequence[GameMode] = ALL) -> list[int]:
        """A node draws these modes; the matches of each."""
        return [drawn.matches for drawn in outcome(self.store.draw_in_turn(modes))]

    def undrawn(self) -> list[str]:
        return outcome(self.store.undrawn())  # type: ignore[no-any-return]

    def drawn(self, players: str) -> str:
        """Those of the players who wait no more."""
        return "".join(name for name in players if self.state(name) != ["queued"])


class TurnsTests(TurnsTestCase):
    def test_who_waits_longest(self) -> None:
        """Of two modes the one is drawn in which a player waits longer, match by match, whichever stands first."""
        self.come("ab", DEFAULT_MODE)
        self.come("cd", FIFO)
        self.come("ef", DEFAULT_MODE)
        self.server(capacity=1)
        self.assertEqual(self.draw_all(), [0, 1, 0])
        self.server(capacity=2)
        self.draw_all()
        self.server(capacity=3)
        self.draw_all()
        self.assertEqual((self.drawn("cd"), self.undrawn()), ("cd", []))

    def test_who_comes_later_leaves_the_slot(self) -> None:
        """A player who completes a match of another mode does not get the slot that others wait for."""
        self.come("ab", FIFO)
        self.server(capacity=1)
        [_, drawn] = self.come("cd", DEFAULT_MODE)
        self.assertEqual(drawn, Drawn(0, 2, False, (), others_first=True))
        self.assertEqual((self.undrawn(), self.drawn("abcd")), (["Ranked", "Normal_1v1"], ""))
        self.assertEqual(self.draw_all(), [1, 0, 0])
        self.assertEqual((self.undrawn(), self.drawn("abcd")), (["Normal_1v1"], "ab"))

    def test_a_busy_mode_starves_nobody(self) -> None:
        """While players come to one mode all the time, two of another are drawn after those who were here before."""
        self.come([f"early{n}" for n in range(8)], FIFO)
        self.come("ab", DEFAULT_MODE)
        rounds = 0
        while not self.drawn("ab"):
            rounds += 1
            self.server(capacity=rounds)
            self.come([f"late{rounds}-{n}" for n in range(2)], FIFO)
            self.draw_all()
            self.assertLess(rounds, 10)
        self.assertEqual(rounds, 5)

    def test_slots_for_all(self) -> None:
        """Where there are slots for all of them, all are drawn in one run."""
        self.come("ab", FIFO)
        self.come("cdef", TEAMS)
        self.come("gh", DEFAULT_MODE)
        self.server(capacity=9)
        self.assertEqual(self.draw_all(), [1, 1, 1])
        self.assertEqual(self.redis.ask("EXISTS", "undrawn", "looked_at"), 0)

    def test_as_many_as_were_here_before(self) -> None:
        """A mode gets as many matches as it has players who waited before the others', and no more."""
        self.come("abcdef", FIFO)
        self.come("gh", DEFAULT_MODE)
        self.come("ij", FIFO)
        self.server(capacity=4)
        self.assertEqual(self.draw_all(), [3, 1, 0])
        self.assertEqual(self.drawn("ghij"), "gh")

    def test_somebody_who_waits_longest_is_in_each_match(self) -> None:
        """Where slots are short a random mode's matches have those who wait longest, with anybody else."""
        self.come("abcdefgh", DEFAULT_MODE)
        self.come("ij", FIFO)
        self.server(capacity=2)
        self.assertEqual(self.draw_all(), [0, 2, 0])
        self.assertEqual(self.drawn("ab"), "ab")
        rosters = [
            session_record(self.redis, session.decode())["roster"].split()
            for session in self.redis.ask("ZRANGE", "loading", 0, -1)
        ]
        self.assertEqual(sorted(map(len, rosters)), [2, 2])

    def test_requeued(self) -> None:
        """Whose match falls through has the time already waited, and comes before the others."""
        self.server(capacity=1)
        self.come("abc", FIFO)
        self.come("de", DEFAULT_MODE)
        self.leave("a")
        self.assertEqual(self.undrawn()[0], "Ranked")
        self.assertEqual(self.draw_all(), [1, 0, 0])
        self.assertEqual(self.drawn("bcde"), "bc")

    def test_several_modes_in_one_run(self) -> None:
        """Players of several modes who come in one run are drawn for no more matches than there are slots."""
        self.server(capacity=1)
        fields: list[str | int] = []
        for name, mode in (("a", FIFO), ("b", DEFAULT_MODE), ("c", FIFO), ("d", DEFAULT_MODE)):
            terms = f"stem{mode.name} 100 2 1000 0 1"
            fields += [name, f"{name}1", mode.name, mode.order.value, 0, 1, terms]
        outcome(self.store.look("enqueue", *fields))
        self.assertEqual((self.redis.ask("SCARD", "unplaced"), self.drawn("abcd")), (1, "ac"))

    def test_since_the_same_moment(self) -> None:
        """Where players of two modes wait since the same moment, either is drawn."""
        self.contradictions_expected = True
        for name, mode in zip("abcd", (FIFO, FIFO, DEFAULT_MODE, DEFAULT_MODE), strict=True):
            self.come(name, mode)
        for mode in (FIFO, DEFAULT_MODE):
            line = f"order:{mode.name}"
            self.redis.ask(
                "ZADD", line, *(field for name in self.redis.ask("ZRANGE", line, 0, -1) for field in (7, name))
            )
        self.server(capacity=1)
        self.assertEqual(sum(self.draw_all()), 1)


class NobodyInTheWayTests(TurnsTestCase):
    """Modes that can't be drawn keep no other waiting."""

    def setUp(self) -> None:
        super().setUp()
        self.come("ab", FIFO)
        self.server(capacity=1)

    def test_too_few(self) -> None:
        """Nor do players who wait for others to make up a match."""
        self.come("c", DEFAULT_MODE)
        outcome(self.store.dequeue("a", "a1"))
        [drawn] = self.come("d", DEFAULT_MODE)
        assert drawn is not None
        self.assertTrue(drawn.others_first)
        self.assertEqual(self.draw_all(), [0, 1, 0])
        self.assertEqual(self.undrawn(), [])

    def test_not_served(self) -> None:
        """A mode that no node has looked at for 2 s: nobody serves it. It is known until its queue is empty."""
        self.assertTrue(self.come("cd", DEFAULT_MODE)[1].others_first)  # type: ignore[union-attr]
        self.pass_time(1.5)
        self.assertEqual(self.draw_all([DEFAULT_MODE]), [0])
        self.pass_time(1)
        self.assertEqual((self.draw_all([DEFAULT_MODE]), self.undrawn()), ([1], ["Ranked"]))
        for player in "ab":
            outcome(self.store.dequeue(player, f"{player}1"))
        self.come("ef", DEFAULT_MODE)
        self.assertEqual(self.undrawn(), ["Normal_1v1"])

    def test_served_by_another(self) -> None:
        """A mode that another node looks at keeps its turn, however long that takes."""
        for _ in range(3):
            self.pass_time(1)
            self.assertEqual(outcome(self.node("there").draw(TEAMS)).matches, 0)
            self.redis.ask("ZADD", "looked_at", "XX", outcome(self.store.time()), "Ranked")
            self.assertEqual(self.draw_all([DEFAULT_MODE]), [0])
        self.come("cd", DEFAULT_MODE)
        self.assertEqual(self.draw_all([DEFAULT_MODE]), [0])
        self.assertEqual(self.draw_all([FIFO]), [1])

    def test_after_a_step_of_the_clock(self) -> None:
        """A store's clock that was set back gives a mode no turn for ever."""
        self.live(1)
        self.redis.ask("EVAL", CLOCK_STEP, 0, -3_600_000)
        self.live(4)
        self.come("cd", DEFAULT_MODE)
        self.assertEqual(self.drawn("cd"), "cd")

    def test_somebody_elses_key(self) -> None:
        """A mode whose line is another application's key fails by itself."""
        self.contradictions_expected = True
        self.redis.ask("SET", "order:Ranked", "foreign")
        self.come("cd", DEFAULT_MODE)
        self.redis.ask("ZADD", "looked_at", 1, "Ranked")  # long ago
        failed, drawn = outcome(self.store.draw_in_turn([FIFO, DEFAULT_MODE]))
        self.assertIsInstance(failed, StoreError)
        self.assertEqual(drawn.matches, 1)
        self.redis.ask("DEL", "order:Ranked")


class KnownTests(TurnsTestCase):
    """Whatever can be drawn is known, so that nobody has to ask mode by mode."""

    def test_who_comes_back(self) -> None:
        """A player who is back after an absence may complete a match."""
        self.server()
        self.come("ab")
        for player in "cd":
            self.enqueue(player)
        self.leave("d", grace=60)
        self.draw_all()
        self.assertEqual(self.undrawn(), [])
        outcome(self.store.resume("d", "d2"))
        self.assertEqual((self.undrawn(), self.draw_all()), (["Ranked"], [1, 0, 0]))

    def test_more_than_one_run_draws(self) -> None:
        """What one run leaves to the next is known, too."""
        self.server(capacity=9)
        for player in "abcd":
            self.enqueue(player)
        self.assertEqual((self.draw(FIFO, 1).matches, self.undrawn()), (1, ["Ranked"]))

    def test_a_node_that_starts(self) -> None:
        """It looks at the queues of its modes: one may have been too short for those who served it before."""
        self.come("a", FIFO)
        self.come("b", DEFAULT_MODE)
        self.assertEqual(self.undrawn(), [])
        self.node("there")
        self.assertEqual(self.undrawn(), ["Ranked", "Normal_1v1"])
        self.draw_all()
        self.assertEqual(self.undrawn(), [])

    def test_who_waited_before_there_were_lines(self) -> None:
        """Players of a random mode who entered its queue by an older matchd are given a place in line."""
        self.server()
        self.come("a", DEFAULT_MODE)
        since = self.redis.ask("ZSCORE", "order:Normal_1v1", "a")
        self.redis.ask("DEL", "order:Normal_1v1")
        self.draw_all()
        self.assertEqual(self.redis.ask("ZSCORE", "order:Normal_1v1", "a"), since)
        self.come("b", DEFAULT_MODE)
        self.assertEqual(self.drawn("ab"), "ab")

    def test_who_comes_back_to_those_who_waited_longer(self) -> None:
        """The mode is known by the player who waits longest, not by the one who has just come back."""
        for player in "ab":
            self.enqueue(player)
        since = self.record("a")["since"]
        self.leave("b", grace=60)
        self.draw_all()
        outcome(self.store.resume("b", "b2"))
        self.assertEqual(self.redis.ask("ZSCORE", "undrawn", "Ranked").decode(), since)
