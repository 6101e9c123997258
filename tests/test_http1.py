"""What comes back on one HTTP connection, in whatever pieces."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss

from matchd.matches.http1 import Connection, NoAnswer, StaleConnection

ANSWER = b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


class _Transport(StringTransport):
    """Remembers how it ended."""

    ended = ""

    def abortConnection(self) -> None:
        self.ended = "aborted"

    def loseConnection(self) -> None:
        self.ended = self.ended or "closed"


class _Reader(Protocol):
    def __init__(self) -> None:
        self.body = b""
        self.why: type[BaseException] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.body += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.why = reason.type


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.idle: list[Connection] = []
        self.lost: list[Connection] = []
        self.transport = _Transport()
        self.connection = Connection(self.idle.append, self.lost.append)
        self.connection.makeConnection(self.transport)

    def ask(self, *pieces: bytes) -> Deferred[Any]:
        asked: Deferred[Any] = self.connection.ask(b"GET / HTTP/1.1\r\n\r\n")
        for piece in pieces:
            self.connection.dataReceived(piece)
        return asked

    def read(self, asked: Deferred[Any]) -> _Reader:
        reader = _Reader()
        self.successResultOf(asked).deliverBody(reader)
        return reader

    def break_off(self) -> None:
        self.connection.connectionLost(Failure(ConnectionDone()))

    def test_status_and_headers(self) -> None:
        """An answer says what it says."""
        response = self.successResultOf(self.ask(ANSWER))
        self.assertEqual((response.code, response.phrase), (200, b"Fine"))
        self.assertEqual(response.headers.getRawHeaders(b"x-a"), [b"1", b"2"])

    @given(st.data(), st.sampled_from([ANSWER, CHUNKED]))
    def test_in_any_pieces(self, data: st.DataObject, answer: bytes) -> None:
        """However an answer is cut on its way, it is the same, and the connection can be asked again."""
        self.setUp()
        cuts = sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=6)))
        pieces = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
        reader = self.read(self.ask(*pieces))
        self.assertEqual((reader.body, reader.why), (b"hello", ResponseDone))
        self.assertEqual((self.idle, self.transport.ended), ([self.connection], ""))

    def test_asked_again(self) -> None:
        """One after the other on the same connection."""
        for _ in range(3):
            self.assertEqual(self.read(self.ask(ANSWER)).body, b"hello")
        self.assertEqual(len(self.idle), 3)

    def test_the_peer_keeps_no_connection(self) -> None:
        """It is not asked on it again."""
        self.read(self.ask(ANSWER.replace(b"X-A: 1", b"Connection: close")))
        self.assertEqual((self.idle, self.transport.ended), ([], "closed"))

    def test_an_interim_answer(self) -> None:
        """What is only said meanwhile is not the answer."""
        response = self.successResultOf(self.ask(b"HTTP/1.1 103 Early Hints\r\nX-B: 1\r\n\r\n", ANSWER))
        self.assertEqual((response.code, response.headers.hasHeader(b"x-b")), (200, False))

    def test_until_the_end(self) -> None:
        """A body of unknown length ends with the connection, which can't be told from one that broke."""
        reader = self.read(self.ask(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"))
        self.assertEqual((reader.body, reader.why), (b"hello", None))
        self.break_off()
        self.assertEqual(reader.why, PotentialDataLoss)

    def test_broken_off(self) -> None:
        """A body that is shorter than it was said to be is not whole."""
        reader = self.read(self.ask(ANSWER[:-1]))
        self.break_off()
        self.assertEqual((reader.body, reader.why), (b"hell", ResponseFailed))

    def test_more_than_was_asked_for(self) -> None:
        """A second answer to one question is not taken for that of the next."""
        self.assertEqual(self.read(self.ask(ANSWER + ANSWER)).body, b"hello")
        self.assertEqual((self.idle, self.transport.ended), ([], "closed"))

    def test_unasked(self) -> None:
        """Who speaks unasked is hung up on."""
        self.read(self.ask(ANSWER))
        self.connection.dataReceived(b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(self.transport.ended, "aborted")

    def test_two_lengths(self) -> None:
        """An answer that says two things of its length is none."""
        both = ANSWER.replace(b"X-A: 1", b"Transfer-Encoding: chunked")
        self.assertEqual(str(self.failureResultOf(self.ask(both), NoAnswer).value), "no HTTP answer")
        self.assertEqual(self.transport.ended, "aborted")

    def test_not_wanted_any_more(self) -> None:
        """To end the body ends the connection, but not when the body has ended before."""
        self.read(self.ask(ANSWER[:-1])).transport.loseConnection()
        self.assertEqual(self.transport.ended, "aborted")
        self.setUp()
        self.read(self.ask(ANSWER)).transport.loseConnection()
        self.assertEqual(self.transport.ended, "")

    def test_lost_unasked(self) -> None:
        """An idle connection that the peer closes is just gone."""
        self.read(self.ask(ANSWER))
        self.break_off()
        self.assertEqual(self.lost, [self.connection])

    def test_stale(self) -> None:
        """One that broke before any answer, when it had been kept, may only have been closed meanwhile."""
        self.read(self.ask(ANSWER))
        asked = self.ask()
        self.break_off()
        self.failureResultOf(asked, StaleConnection)
