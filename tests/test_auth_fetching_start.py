"""Keys of players' tokens from a URL, when matchd starts: it has some, waits for them, or says what is wrong (T2)."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from matchd.errors import StartupError
from tests.support.fetching import OLD, URL, Fetching
from tests.support.network import response
from tests.support.tokens import jwks, signer


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
