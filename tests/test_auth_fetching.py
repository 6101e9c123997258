"""Keys of players' tokens from a URL or a file: rotated, kept while nothing comes, and never fetched for ever (T2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from matchd.auth.authority import Authority, authority
from matchd.auth.fetching import FetchedKeys
from matchd.auth.tokens import Identity, UnknownKey
from matchd.background import Background
from matchd.config.auth import Auth
from matchd.errors import StartupError
from matchd.matches.exchange import Answer, Unreachable
from tests.support.network import Network, ScriptedServer, ScriptedServers, response
from tests.support.tokens import NOW, jwks, signer
from tests.support.world import outcome

URL = "http://127.0.0.1:7000/jwks.json"
OLD, NEW = signer("ES256", "old"), signer("ES256", "new")


class Exchangeless:
    """Stands for Exchanges on a machine that gives no socket."""

    async def ask(self, *args: object, **kwargs: object) -> Answer:
        raise Unreachable("too many open files")


class Fetching(SynchronousTestCase):
    """A provider of keys in a network in memory, and somebody who believes in them."""

    def setUp(self) -> None:
        self.network = Network()
        self.background = Background(self.network.reactor)
        self.answer = response("200 OK", jwks(OLD).encode())
        self.provider = ScriptedServers(self.reply)
        self.network.listen(7000, self.provider)
        self.authority = self.believer()
        self.warnings: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def believer(self) -> Authority:
        auth = Auth(mode="jwt", algorithm="ES256", jwks_url=URL, jwks_refresh=300)
        made = authority(auth, self.background, lambda: NOW)
        assert made is not None
        return made

    def note(self, event: Any) -> None:
        if event["log_level"].name == "warn":
            self.warnings.append(event["log_format"].format(**event))

    def reply(self, server: ScriptedServer, head: bytes, body: bytes) -> None:
        server.say(self.answer)

    def start(self) -> Deferred[None]:
        started = Deferred.fromCoroutine(self.authority.start())
        self.network.settle()
        return started

    def started(self) -> None:
        self.successResultOf(self.start())
        self.addCleanup(self.stop)

    def stop(self) -> None:
        """Nothing stays behind."""
        self.successResultOf(Deferred.fromCoroutine(self.authority.stop()))
        self.background.cancel_all()
        self.network.settle()
        self.assertEqual(self.network.open, 0)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def identify(self, token: str) -> Deferred[Identity]:
        asked = Deferred.fromCoroutine(self.authority.identify(token))
        self.network.settle()
        return asked

    def assert_known(self, token: str) -> None:
        self.assertEqual(self.successResultOf(self.identify(token)).player_id, "ada")

    def assert_unknown(self, token: str) -> None:
        self.failureResultOf(self.identify(token), UnknownKey)

    @property
    def fetched(self) -> int:
        return len(self.provider.requests)

    def offer(self, *signers: Any) -> None:
        self.answer = response("200 OK", jwks(*signers).encode())


class StartTests(Fetching):
    """There are keys, or matchd does not start: what is wrong with them does not pass."""

    def test_keys(self) -> None:
        """They are fetched before anybody comes, with one request."""
        self.started()
        self.assert_known(OLD.token())
        self.assertEqual(self.fetched, 1)
        self.assertTrue(self.provider.requests[0][0].startswith(b"GET /jwks.json HTTP/1.1\r\n"))

    def test_no_keys(self) -> None:
        """One line says why, and names the key of the file."""
        for answer, why in (
            (response("404 Not Found"), " answered 404"),
            (response("302 Found", b"", "Location: http://127.0.0.1:7000/other"), " answered 302"),
            (response("200 OK", b"<html>"), " holds no JSON Web Key Set"),
            (response("200 OK", jwks(signer("RS256")).encode()), " holds no key that verifies ES256"),
        ):
            self.answer = answer
            failure = self.failureResultOf(self.start(), StartupError)
            self.assertEqual(failure.getErrorMessage(), f"auth.jwks_url: {URL}{why}")
        self.assertEqual(self.fetched, 4)

    def test_large_set(self) -> None:
        """Large providers have many keys, with certificates."""
        self.answer = response("200 OK", jwks(OLD).encode().ljust(60 * 1024))
        self.started()
        self.assert_known(OLD.token())


class AbsenceTests(Fetching):
    """The provider of keys is out of reach when matchd starts: it waits, since that passes."""

    def waits(self, answer: bytes, why: str) -> Deferred[None]:
        """What fires when there are keys; they were asked for once."""
        self.answer = answer
        self.successResultOf(self.start())
        self.addCleanup(self.stop)
        self.assertEqual(self.authority.problem, f"auth.jwks_url: {URL}{why}")
        return Deferred.fromCoroutine(self.authority.ready())

    def test_keys_that_are_there(self) -> None:
        """Nobody waits for those."""
        self.started()
        self.assertIsNone(self.authority.problem)
        self.successResultOf(Deferred.fromCoroutine(self.authority.ready()))

    def test_until_it_is_back(self) -> None:
        """Asked again after 1, 2, 4 s and so on, half a minute at most; the first answer that will do ends it."""
        ready = self.waits(response("503 Service Unavailable"), " answered 503")
        asked = []
        for second in range(100):
            self.network.advance(1)
            asked += [second + 1] * (self.fetched - 1 - len(asked))
        self.assertEqual(asked, [1, 3, 7, 15, 31, 61, 91])
        self.assertNoResult(ready)
        self.offer(OLD)
        self.network.advance(21, 1)
        self.successResultOf(ready)
        self.assertIsNone(self.authority.problem)
        self.assert_known(OLD.token())

    def test_what_passes(self) -> None:
        """Whoever asks to be asked later, and an answer that is not read to its end."""
        for answer, why in (
            (response("408 Request Timeout"), " answered 408"),
            (response("429 Too Many Requests"), " answered 429"),
            (response("500 Internal Server Error"), " answered 500"),
            (response("200 OK", jwks(OLD).encode().ljust(64 * 1024 + 1)), ": more than 65536 bytes"),
        ):
            ready = self.waits(answer, why)
            self.successResultOf(Deferred.fromCoroutine(self.authority.stop()))
            self.failureResultOf(ready, CancelledError)
            self.authority = self.believer()

    def test_no_answer(self) -> None:
        """Five seconds are enough for all of it."""
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"
        starting = self.start()
        self.network.advance(4.75)
        self.assertNoResult(starting)
        self.network.advance(0.25)
        self.successResultOf(starting)
        self.addCleanup(self.stop)
        self.assertEqual(self.authority.problem, f"auth.jwks_url: {URL}: no whole answer within 5 s")

    def test_what_it_is_now(self) -> None:
        """The reason is the last one, and a line in the log each time; a set that is no use is a reason too."""
        ready = self.waits(response("503 Service Unavailable"), " answered 503")
        self.answer = response("200 OK", b"<html>")
        self.network.advance(1)
        problem = f"auth.jwks_url: {URL} holds no JSON Web Key Set"
        self.assertEqual(self.authority.problem, problem)
        self.assertEqual(self.warnings, [f"no keys of players' tokens yet: {problem}"])
        self.assertNoResult(ready)
        self.successResultOf(Deferred.fromCoroutine(self.authority.stop()))
        self.failureResultOf(ready, CancelledError)

    def test_stopped_meanwhile(self) -> None:
        """Between two questions, or in the midst of one: nothing goes on."""
        for wait, answer in ((0.5, b""), (1, b"")):
            ready = self.waits(response("503 Service Unavailable"), " answered 503")
            self.answer = answer
            self.network.advance(wait)
            stopped = Deferred.fromCoroutine(self.authority.stop())
            self.network.settle()
            self.successResultOf(stopped)
            self.failureResultOf(ready, CancelledError)
            self.assertEqual(self.network.reactor.getDelayedCalls(), [])
            self.authority = self.believer()


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


class FileTests(SynchronousTestCase):
    """A key set in a file, which somebody exchanges."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.offer(OLD)
        auth = Auth(mode="jwt", algorithm="ES256", jwks_file=self.path, jwks_refresh=300)
        made = authority(auth, Background(self.clock), lambda: NOW)
        assert made is not None
        self.authority: Authority = made

    def offer(self, *signers: Any) -> None:
        self.path.write_text(jwks(*signers))

    def start(self) -> None:
        outcome(self.authority.start())
        self.addCleanup(lambda: outcome(self.authority.stop()))

    def knows(self, token: str) -> bool:
        try:
            return bool(outcome(self.authority.identify(token)))
        except UnknownKey:
            return False

    def test_a_new_key(self) -> None:
        """It counts once a token names it, ten seconds later at most; one taken out, until the file is read again."""
        self.start()
        self.assertEqual([self.knows(OLD.token()), self.knows(NEW.token())], [True, False])
        self.offer(NEW)
        self.assertEqual([self.knows(NEW.token()), self.knows(OLD.token())], [False, True])
        self.clock.advance(10)
        self.assertEqual([self.knows(NEW.token()), self.knows(OLD.token())], [True, False])
        self.offer(OLD)
        self.clock.advance(331)
        self.assertTrue(self.knows(OLD.token()))

    def test_gone(self) -> None:
        """The last one counts, and the log has why."""
        self.start()
        for spoil, why in (
            (lambda: self.path.write_text("{"), " holds no JSON Web Key Set"),
            (lambda: self.path.write_text(" " * 70_000), ": more than 65536 bytes"),
            (self.path.unlink, ": No such file or directory"),
        ):
            spoil()
            with capturedLogs() as events:
                self.clock.advance(331)
            self.assertTrue(self.knows(OLD.token()))
            self.assertEqual({event["reason"] for event in events}, {f"{self.path}{why}"})

    def test_gone_at_the_start(self) -> None:
        """matchd does not start without keys."""
        self.path.unlink()
        complaint = self.assertRaises(StartupError, self.start)
        self.assertEqual(str(complaint), f"auth.jwks_file: {self.path}: No such file or directory")
