"""One connection to Redis, in memory: what is sent, what is waited for, and for how long."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import StoreError, StoreUnavailable
from matchd.store.address import parse
from matchd.store.connection import Connection


class ConnectionTestCase(SynchronousTestCase):
    """A connection whose other side is the test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = Connection(self.clock, 2.0)
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.connection
        self.connection.makeConnection(self.transport)

    def sent(self) -> bytes:
        """What has been sent since the last look."""
        sent: bytes = self.transport.value()
        self.transport.clear()
        return sent

    def unavailable(self, deferred: Deferred[Any]) -> str:
        """Why it failed with StoreUnavailable."""
        return str(self.failureResultOf(deferred, StoreUnavailable).value)


class CommandTests(ConnectionTestCase):
    """Commands go out, replies come back, in the same order."""

    def test_encoding(self) -> None:
        """A command may have texts, bytes and numbers."""
        self.connection.execute("SET", b"\xff", 12)
        self.assertEqual(self.sent(), b"*3\r\n$3\r\nSET\r\n$1\r\n\xff\r\n$2\r\n12\r\n")

    def test_replies(self) -> None:
        """Each reply answers the oldest command; nothing is guessed from its text."""
        replies = [self.connection.execute("GET", str(number)) for number in range(5)]
        self.connection.dataReceived(b"$3\r\n007\r\n:7\r\n$-1\r\n+QUEUED\r\n*2\r\n$1\r\na\r\n:1\r\n")
        self.assertEqual(list(map(self.successResultOf, replies)), [b"007", 7, None, b"QUEUED", [b"a", 1]])

    def test_reply_in_pieces(self) -> None:
        """A reply may come byte by byte."""
        reply = self.connection.execute("GET", "a")
        for byte in b"$5\r\nhello\r\n":
            self.connection.dataReceived(bytes([byte]))
        self.assertEqual(self.successResultOf(reply), b"hello")

    def test_library_commands(self) -> None:
        """The library's own methods take the same way."""
        reply = self.connection.ping()
        self.assertEqual(self.sent(), b"*1\r\n$4\r\nPING\r\n")
        self.connection.dataReceived(b"+PONG\r\n")
        self.assertEqual(self.successResultOf(reply), b"PONG")

    def test_cancelled_command(self) -> None:
        """Whoever does not want his reply any more does not shift those of others."""
        replies = [self.connection.execute("GET", "a"), self.connection.execute("GET", "b")]
        replies[0].cancel()
        self.connection.dataReceived(b"$1\r\na\r\n$1\r\nb\r\n")
        self.failureResultOf(replies[0])
        self.assertEqual(self.successResultOf(replies[1]), b"b")


class ErrorReplyTests(ConnectionTestCase):
    """Some error replies are about the command, some about the moment, some about the server."""

    def answer(self, error: str) -> Deferred[Any]:
        reply = self.connection.execute("SET", "a", "1")
        self.connection.dataReceived(f"-{error}\r\n".encode())
        return reply

    def test_refused(self) -> None:
        """A command that Redis does not take fails with what Redis said."""
        reply = self.answer("NOSCRIPT No matching script.")
        self.assertEqual(str(self.failureResultOf(reply, StoreError).value), "NOSCRIPT No matching script.")
        self.assertTrue(self.connection.connected)

    def test_not_now(self) -> None:
        """A server that can't do it now is unavailable, but the right one."""
        for code in ("OOM", "BUSY", "MISCONF", "NOREPLICAS"):
            self.assertEqual(self.unavailable(self.answer(f"{code} not now")), f"{code} not now")
        self.assertTrue(self.connection.connected)

    def test_wrong_server(self) -> None:
        """A replica, a server that loads or one that does not know us is left at once."""
        for code in ("READONLY", "LOADING", "MASTERDOWN", "NOAUTH"):
            self.setUp()
            self.assertEqual(self.unavailable(self.answer(f"{code} go away")), f"{code} go away")
            self.assertEqual((self.connection.connected, self.connection.reason), (0, f"{code} go away"))

    def test_others_follow(self) -> None:
        """With the connection goes whatever else waits on it."""
        replies = [self.connection.execute("SET", "a", "1"), self.connection.execute("SET", "b", "1")]
        self.connection.dataReceived(b"-READONLY no\r\n")
        expected = ["READONLY no", "the connection to Redis was lost: READONLY no"]
        self.assertEqual(list(map(self.unavailable, replies)), expected)


class LossTests(ConnectionTestCase):
    """A connection that ends takes everything with it, and nothing stays behind."""

    def test_waiting_commands(self) -> None:
        """Every command that waits fails; it may have run or not."""
        replies = [self.connection.execute("INCR", "a") for _ in range(3)]
        self.connection.connectionLost(Failure(ConnectionLost()))
        expected = ["the connection to Redis was lost: connection lost"] * 3
        self.assertEqual(list(map(self.unavailable, replies)), expected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_later_commands(self) -> None:
        """A command on a lost connection fails at once."""
        self.connection.drop("enough")
        self.assertEqual(self.unavailable(self.connection.execute("PING")), "the connection to Redis was lost: enough")

    def test_told_once(self) -> None:
        """Who made the connection is told once that it is lost."""
        lost: list[Connection] = []
        self.connection.on_lost = lost.append
        self.connection.drop("enough")
        self.connection.drop("more than enough")
        self.assertEqual((lost, self.connection.reason), ([self.connection], "enough"))

    def test_not_redis(self) -> None:
        """A web server is no Redis."""
        reply = self.connection.execute("PING")
        self.connection.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        reason = "the other side does not speak the Redis protocol"
        self.assertEqual(self.unavailable(reply), f"the connection to Redis was lost: {reason}")

    def test_unasked(self) -> None:
        """An error that answers no question is why the connection ends; any other reply is one too many."""
        self.connection.dataReceived(b"-DENIED protected mode\r\n")
        self.assertEqual(self.connection.reason, "DENIED protected mode")
        self.setUp()
        self.connection.dataReceived(b"+OK\r\n")
        self.assertEqual(self.connection.reason, "an answer to no question")


class PatienceTests(ConnectionTestCase):
    """No command waits much longer than the timeout."""

    def test_no_answer(self) -> None:
        """A server that is silent is given up after 2 s, a tick more or less."""
        reply = self.connection.execute("PING")
        self.clock.pump([0.25] * 8)
        self.assertNoResult(reply)
        self.clock.advance(0.25)
        self.assertEqual(self.unavailable(reply), "the connection to Redis was lost: no answer within 2 s")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow_answers(self) -> None:
        """A server that answers others, but not this command in time, is given up too."""
        replies = [self.connection.execute("INCR", "a") for _ in range(10)]
        for _ in range(10):
            self.connection.dataReceived(b":1\r\n" if self.connection.connected else b"")
            self.clock.advance(0.25)
        self.assertEqual(self.successResultOf(replies[8]), 1)
        self.unavailable(replies[9])

    def test_idle(self) -> None:
        """While nothing waits no timer runs, and time that passed so is nobody's fault."""
        for _ in range(3):
            reply = self.connection.execute("PING")
            self.clock.advance(0.25)
            self.connection.dataReceived(b"+PONG\r\n")
            self.clock.advance(0.25)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.clock.advance(60)
            self.successResultOf(reply)

    def test_stall_of_our_own(self) -> None:
        """When our process did not run for long, the answer that lies ready is still read."""
        reply = self.connection.execute("PING")
        self.clock.advance(60)
        self.connection.dataReceived(b"+PONG\r\n")
        self.assertEqual(self.successResultOf(reply), b"PONG")


class IntroductionTests(ConnectionTestCase):
    """Before a connection is of use, matchd says who it is and asks whom it talks to."""

    def introduce(self, url: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self.connection.introduce(parse(url)))

    def test_all_steps(self) -> None:
        """Log in, choose the database, ask for the role."""
        introduction = self.introduce("redis://me:secret@cache/3")
        self.assertEqual(self.sent(), b"*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n")
        self.connection.dataReceived(b"+OK\r\n")
        self.assertEqual(self.sent(), b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n")
        self.connection.dataReceived(b"+OK\r\n")
        self.assertEqual(self.sent(), b"*1\r\n$4\r\nROLE\r\n")
        self.connection.dataReceived(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
        self.successResultOf(introduction)

    def test_replica(self) -> None:
        """A replica is of no use."""
        introduction = self.introduce("redis://cache")
        self.connection.dataReceived(b"*2\r\n$5\r\nslave\r\n$1\r\nx\r\n")
        self.assertEqual(self.unavailable(introduction), "this is a replica, not the primary")

    def test_echoed_password(self) -> None:
        """A server that repeats what it was told does not bring the password into a log."""
        introduction = self.introduce("redis://:secret@cache")
        self.connection.dataReceived(b"-ERR unknown command 'AUTH', with args beginning with: 'secret'\r\n")
        complaint = str(self.failureResultOf(introduction, StoreError).value)
        self.assertEqual(complaint, "ERR unknown command 'AUTH', with args beginning with: '***'")
