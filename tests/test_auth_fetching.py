"""Keys of players' tokens from a URL, while matchd runs: rotated, kept in an outage, never fetched for ever (T2)."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from matchd.auth.fetching import FetchedKeys
from matchd.auth.tokens import UnknownKey
from matchd.matches.exchange import Answer, Unreachable
from tests.support.fetching import NEW, OLD, URL, Fetching
from tests.support.network import response


class Exchangeless:
    """Stands for Exchanges on a machine that gives no socket."""

    async def ask(self, *args: object, **kwargs: object) -> Answer:
        raise Unreachable("too many open files")


class RotationTests(Fetching):
    """Keys come and go."""

    def test_from_time_to_time(self) -> None:
        """After each interval the set is fetched; what is no longer in it no longer counts."""
        self.started()
        self.offer(NEW)
        self.assert_known(OLD.token())
        self.network.advance(331, 1)
        self.assertEqual(self.fetched, 2)
        self.assert_known(NEW.token())
        self.network.advance(11, 1)
        self.assert_unknown(OLD.token())

    def test_at_once(self) -> None:
        """A token that names a new key has the set fetched; both keys count while both are in it."""
        self.started()
        self.offer(OLD, NEW)
        self.assert_known(NEW.token())
        self.assert_known(OLD.token())
        self.assertEqual(self.fetched, 2)

    def test_many_at_once(self) -> None:
        """All who wait for the same key wait for one request."""
        self.started()
        self.offer(NEW)
        asked = [Deferred.fromCoroutine(self.authority.identify(NEW.token())) for _ in range(50)]
        self.network.settle()
        self.assertEqual({self.successResultOf(each).player_id for each in asked}, {"ada"})
        self.assertEqual(self.fetched, 2)

    def test_made_up_names(self) -> None:
        """Whoever makes names up has it fetched once in ten seconds, whatever he does."""
        self.started()
        for number in range(200):
            self.assert_unknown(OLD.token(header={"kid": f"made-up-{number}"}))
            self.network.advance(0.25)
        self.assertEqual(self.fetched, 1 + 5)
        self.assert_known(OLD.token())

    def test_a_failure_at_once(self) -> None:
        """A fetch that fails before anything was sent is an answer too: nobody waits for the next one."""
        source = FetchedKeys(URL, "ES256", 300, self.background, Exchangeless())  # type: ignore[arg-type]
        renewed = Deferred.fromCoroutine(source.renew())
        self.assertFalse(self.successResultOf(renewed))
        self.assertEqual(len(self.warnings), 1)

    def test_one_who_gives_up(self) -> None:
        """The others still get their answer."""
        self.started()
        self.offer(NEW)
        one, other = (Deferred.fromCoroutine(self.authority.identify(NEW.token())) for _ in range(2))
        one.cancel()
        self.failureResultOf(one)
        self.network.settle()
        self.assertEqual(self.successResultOf(other).player_id, "ada")


class OutageTests(Fetching):
    """The provider of keys can't be reached, or says nonsense."""

    def test_the_last_ones_count(self) -> None:
        """For as long as it takes, and the log says so, a line each time."""
        self.started()
        self.answer = response("503 Service Unavailable", b"s3cret\r\nforged")
        self.network.advance(1000, 1)
        self.assert_known(OLD.token())
        self.assertGreaterEqual(self.fetched, 3)
        line = f"the keys of players' tokens stay as they were: {URL} answered 503"
        self.assertEqual(self.warnings, [line] * (self.fetched - 1))
        self.offer(NEW)
        self.network.advance(331, 1)
        self.assert_known(NEW.token())

    def test_unknown_key_meanwhile(self) -> None:
        """Whoever has a new token is refused after five seconds at most."""
        self.started()
        self.answer = b""
        asked = self.identify(NEW.token())
        self.network.advance(4.75)
        self.assertNoResult(asked)
        self.network.advance(0.25)
        self.failureResultOf(asked, UnknownKey)

    def test_stopped_meanwhile(self) -> None:
        """A node that stops does not wait for it."""
        self.started()
        self.answer = b""
        asked = self.identify(NEW.token())
        self.background.cancel_all()
        self.network.settle()
        self.failureResultOf(asked, UnknownKey)
