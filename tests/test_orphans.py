"""Sessions that nobody plays: how often and how many at a time game servers are asked to end them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import SessionUncertain, StoreUnavailable
from matchd.matches.orphans import FORGOTTEN_SECONDS, MOST_SERVERS, Orphans


class Asked:
    """The game servers and the store: what was asked, and what was confirmed."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str, Deferred[None]]] = []
        self.asked: list[tuple[str, str]] = []
        self.confirmed: list[str] = []
        self.store_is_away = False

    async def end_session(self, address: str, session: str) -> None:
        """What GameServerClient.end_session does."""
        answer: Deferred[None] = Deferred()
        self.asked.append((address, session))
        self.waiting.append((address, session, answer))
        await answer

    async def orphan_ended(self, orphan: str) -> None:
        """What Store.orphan_ended does."""
        if self.store_is_away:
            raise StoreUnavailable("away")
        self.confirmed.append(orphan)

    def under_way(self) -> list[str]:
        """The addresses that are being asked."""
        return sorted(address for address, _, answer in self.waiting if not answer.called)

    def answer(self, address: str, well: bool = True) -> None:
        """A server answers what it was asked, or did not in time."""
        [answer] = [answer for at, _, answer in self.waiting if at == address and not answer.called]
        if well:
            answer.callback(None)
        else:
            answer.errback(SessionUncertain("no answer"))


class OrphansTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked = Asked()
        self.orphans = Orphans(self.asked, self.asked, self.clock)  # type: ignore[arg-type]

    def end(self, *orphans: str) -> Sequence[Deferred[None]]:
        return [Deferred.fromCoroutine(self.orphans.end(orphan)) for orphan in orphans]

    def fail(self, address: str, orphan: str) -> None:  # type: ignore[override]
        """The server is asked, and does not answer."""
        self.end(orphan)
        self.asked.answer(address, well=False)

    def test_one_at_a_time_at_each_server(self) -> None:
        """A server that has many to end is asked for the next when it has answered; the others don't wait for it."""
        self.end("s1 a:1", "s2 a:1", "s3 b:1", "s1 a:1", "s2 a:1")
        self.assertEqual(self.asked.under_way(), ["a:1", "b:1"])
        self.asked.answer("a:1")
        self.asked.answer("a:1")
        self.assertEqual(self.asked.under_way(), ["b:1"])
        self.asked.answer("b:1")
        self.assertEqual(self.asked.asked, [("a:1", "s1"), ("b:1", "s3"), ("a:1", "s2")])
        self.assertEqual(self.asked.confirmed, ["s1 a:1", "s2 a:1", "s3 b:1"])

    def test_no_answer(self) -> None:
        """The rest is not asked of a server that did not answer, nor anything for five seconds."""
        self.end("s1 a:1", "s2 a:1")
        self.asked.answer("a:1", well=False)
        self.end("s1 a:1")
        self.assertEqual(self.asked.asked, [("a:1", "s1")])
        self.clock.advance(5)
        self.end("s2 a:1", "s1 a:1")
        self.asked.answer("a:1")
        self.asked.answer("a:1")
        self.assertEqual(self.asked.confirmed, ["s2 a:1", "s1 a:1"])

    def test_the_pauses_grow(self) -> None:
        """They grow to a minute; an answer ends that."""
        moments = []
        for _ in range(600):
            before = len(self.asked.asked)
            self.end("s1 a:1")
            if len(self.asked.asked) > before:
                moments.append(self.clock.seconds())
                self.asked.answer("a:1", well=False)
            self.clock.advance(1)
        pauses = [after - before for before, after in pairwise(moments)]
        self.assertEqual((pauses, pauses[0], pauses[-1]), (sorted(pauses), 5, 60))
        self.clock.advance(60)
        self.end("s1 a:1")
        self.asked.answer("a:1")
        self.fail("a:1", "s2 a:1")
        self.clock.advance(5)
        self.end("s2 a:1")
        self.assertEqual(self.asked.under_way(), ["a:1"])

    def test_servers_at_a_time(self) -> None:
        """With too many under way one more is dropped: the sweep names it again."""
        self.end(*(f"s1 a:{port}" for port in range(1, 2 * MOST_SERVERS)))
        self.assertEqual(len(self.asked.under_way()), MOST_SERVERS)

    def test_the_silent_leave_room(self) -> None:
        """Servers that did not answer last take half of that at most, however many they are."""
        silent = [f"a:{port}" for port in range(1, MOST_SERVERS + 1)]
        for address in silent:
            self.fail(address, f"s1 {address}")
        self.clock.advance(5)
        self.end(*(f"s1 {address}" for address in silent))
        self.end("s1 b:1")
        self.assertEqual(len(self.asked.under_way()), MOST_SERVERS // 2 + 1)
        self.assertIn("b:1", self.asked.under_way())

    def test_the_store_is_away(self) -> None:
        """What could not be written down is asked again when the sweep names it; the next one is asked all the same."""
        self.asked.store_is_away = True
        self.end("s1 a:1", "s2 a:1")
        self.asked.answer("a:1")
        self.asked.answer("a:1")
        self.asked.store_is_away = False
        self.end("s1 a:1")
        self.asked.answer("a:1")
        self.assertEqual(self.asked.confirmed, ["s1 a:1"])

    def test_the_node_stops(self) -> None:
        """Cancelled, it ends at once, and leaves nothing behind."""
        asked, _ = self.end("s1 a:1", "s2 a:1")
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual((self.asked.asked, self.orphans._lines), ([("a:1", "s1")], {}))

    def test_servers_that_are_gone_are_forgotten(self) -> None:
        """Nothing is kept of a server of which nothing was to be ended for ten minutes."""
        for port in range(1, 100):
            self.fail(f"a:{port}", f"s1 a:{port}")
        self.clock.advance(FORGOTTEN_SECONDS + 5)
        self.fail("b:1", "s1 b:1")
        self.assertEqual(list(self.orphans._silent), ["b:1"])
