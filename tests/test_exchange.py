"""Everything that can go wrong between matchd and a game server, and what is known of the session then."""

from __future__ import annotations

import gzip
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from matchd.matches.addressbook import AddressBook
from matchd.matches.addresses import Allowed
from matchd.matches.gameserver import GameServerClient
from tests.support.asking import GAME, MADE, Asking, silence
from tests.support.names import Names
from tests.support.network import Script, ScriptedServer, ScriptedServers, always, response


class RefusedTests(Asking):
    """The game server certainly made no session."""

    def test_nobody_listens(self) -> None:
        """A refused connection."""
        asked = self.create()
        self.network.refuse()
        self.assert_refused(asked, "game server 127.0.0.1:7000: connection refused")

    def test_the_connection_is_never_made(self) -> None:
        """A host that swallows packets: nothing was sent, so nothing was made; five seconds are spent on it."""
        asked = self.create()
        self.network.advance(4.75)
        self.assertNoResult(asked)
        self.network.advance(0.25)
        self.assert_refused(asked, "game server 127.0.0.1:7000: no connection within 5 s")
        self.network.reactor.tcpClients.clear()

    def test_a_no_without_an_end(self) -> None:
        """The status is the answer, though its body never ends."""
        self.serve(always(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno"))
        asked = self.create()
        self.network.advance(5)
        self.assert_refused(asked, "game server 127.0.0.1:7000: answered 404: no")

    def test_redirects_are_not_followed(self) -> None:
        """A game server can't send matchd anywhere else (T29)."""
        other = ScriptedServers(always(MADE))
        self.network.listen(7001, other)
        for status in (301, 302, 303, 307, 308):
            network = self.serve(always(response(f"{status} Moved", b"", "Location: http://127.0.0.1:7001/")))
            self.assert_refused(self.create(), f"game server 127.0.0.1:7000: answered {status}")
            self.assertEqual(len(network.requests), 1)
            self.client.close()
            self.network.settle()
            self.network.reactor.tcpServers.pop()
        self.assertEqual(other.requests, [])


class UncertainTests(Asking):
    """The game server may have made the session."""

    def test_no_answer(self) -> None:
        """After five seconds it is given up, and the connection with it."""
        self.serve(silence)
        asked = self.create()
        self.network.advance(4.75)
        self.assertNoResult(asked)
        self.network.advance(0.25)
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: no answer within 5 s")
        self.assertEqual(self.network.open, 0)

    def test_an_answer_that_drips(self) -> None:
        """A byte a second does not buy time: five seconds are for everything together (T30)."""

        def drip(server: ScriptedServer, head: bytes, body: bytes) -> None:
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
            for second in range(1, 5):
                self.network.reactor.callLater(second, server.say, b"{")

        self.serve(drip)
        asked = self.create()
        self.network.advance(4.75)
        self.assertNoResult(asked)
        self.network.advance(0.25)
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: no whole answer within 5 s")
        self.assertEqual(self.network.open, 0)

    def test_headers_that_drip(self) -> None:
        """The time spent on the headers is not given to the body again."""

        def late(server: ScriptedServer, head: bytes, body: bytes) -> None:
            self.network.reactor.callLater(4, server.say, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")

        self.serve(late)
        asked = self.create()
        self.network.advance(5)
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: no whole answer within 5 s")

    def test_an_endless_answer(self) -> None:
        """It is cut off after 16 KiB, at once (T30)."""
        chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
        self.serve(always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 5))
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: more than 16384 bytes")
        self.assertEqual(self.network.open, 0)

    def test_a_packed_answer(self) -> None:
        """What was packed unasked is not unpacked, so it can't grow (T30)."""
        bomb = gzip.compress(b" " * 10_000_000)
        self.serve(always(response("200 OK", bomb[:16_000], "Content-Encoding: gzip")))
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: bad answer: not JSON")

    def test_a_huge_header(self) -> None:
        """A megabyte of header is not read to its end (T30)."""
        self.serve(always(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000))
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: connection lost before an answer")
        self.assertEqual(self.network.open, 0)

    def test_endless_headers(self) -> None:
        """Header after header, or one interim answer after another: after 64 KiB it is enough."""
        interim = b"HTTP/1.1 100 Continue\r\n"
        for start, line in ((b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 1000 + b"\r\n"), (interim, b"\r\n" + interim)):
            self.serve(self.endlessly(start, line))
            asked = self.create()
            self.network.advance(1)
            self.assert_uncertain(asked, "game server 127.0.0.1:7000: connection lost before an answer")
            self.assertEqual(self.network.open, 0)
            self.network.reactor.tcpServers.pop()

    def endlessly(self, start: bytes, line: bytes) -> Script:
        """The script of a server that says a thousand such lines every quarter of a second."""

        def begin(server: ScriptedServer, head: bytes, body: bytes) -> None:
            server.say(start)
            for turn in range(1, 40):
                calls.append(self.network.reactor.callLater(turn / 4, server.say, line * 1000))

        calls: list[Any] = []
        self.addCleanup(lambda: [call.cancel() for call in calls if call.active()])
        return begin

    def test_an_answer_that_sends_players_astray(self) -> None:
        """A game server can't send players where no game server may be (T31)."""
        self.client = GameServerClient(self.network.reactor, addresses=AddressBook(Names(), Allowed()))
        for address in ("169.254.169.254:80", "0xa9fea9fe:80", "[::ffff:169.254.169.254]:80"):
            body = f'{{"session_id":"g","server_address":"{address}"}}'
            self.serve(always(response("200 OK", body.encode())))
            asked = self.create("10.0.0.9:7000")
            why = "169.254.169.254 is a link-local address, and servers.networks does not list it as one"
            self.assert_uncertain(asked, f"game server 10.0.0.9:7000: bad answer: server_address: {why}")
            self.client.close()
            self.network.settle()
            self.network.reactor.tcpServers.pop()

    def test_it_does_not_speak_http(self) -> None:
        """Something else listens there."""
        self.serve(always(b"-ERR unknown command 'POST'\r\n"))
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: no HTTP answer")

    def test_the_connection_is_lost_before_an_answer(self) -> None:
        """On a new connection it is not tried again."""
        servers = self.serve(lambda server, *_: server.hang_up())
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: connection lost before an answer")
        self.assertEqual(len(servers.requests), 1)

    def test_the_connection_is_lost_in_the_middle_of_an_answer(self) -> None:
        """Half an answer is none."""
        self.serve(lambda server, *_: (server.say(MADE[:-5]), server.hang_up()))
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: the answer broke off")


class StaleConnectionTests(Asking):
    """A kept connection that the server has closed meanwhile, which shows only when it is used."""

    def after_one_session(self, script: Script) -> ScriptedServers:
        """A server that has made one session and kept the connection; what comes later is up to ``script``."""

        def first_well(server: ScriptedServer, head: bytes, body: bytes) -> None:
            answer = always(MADE) if len(servers.requests) == 1 else script
            answer(server, head, body)

        servers = self.serve(first_well)
        self.successResultOf(self.create())
        return servers

    def test_it_is_asked_again_on_a_new_one(self) -> None:
        """The session is made, because asking twice with the same key is safe."""

        def script(server: ScriptedServer, head: bytes, body: bytes) -> None:
            if len(servers.requests) == 2:
                server.hang_up()
            else:
                server.say(MADE)

        servers = self.after_one_session(script)
        self.assertEqual(self.successResultOf(self.create()), GAME)
        self.assertEqual(len(servers.requests), 3)
        self.assertEqual(servers.requests[1][1], servers.requests[2][1])
        self.assertEqual(self.network.connections, 2)

    def test_a_reset_counts_too(self) -> None:
        """However the connection broke."""
        servers = self.after_one_session(lambda server, *_: None if len(servers.requests) == 2 else server.say(MADE))
        asked = self.create()
        self.network.reset(self.network.pumps[0])
        self.assertEqual(self.successResultOf(asked), GAME)

    def test_only_once(self) -> None:
        """A server that hangs up on the new connection too is left alone."""
        servers = self.after_one_session(lambda server, *_: server.hang_up())
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: connection lost before an answer")
        self.assertEqual(len(servers.requests), 3)

    def test_not_after_a_part_of_an_answer(self) -> None:
        """A server that had begun to answer was alive."""
        servers = self.after_one_session(lambda server, *_: (server.say(b"HTTP/1.1 2"), server.hang_up()))
        self.assert_uncertain(self.create(), "game server 127.0.0.1:7000: connection lost before an answer")
        self.assertEqual(len(servers.requests), 2)

    def test_not_when_it_took_too_long(self) -> None:
        """Silence is no broken connection; and both tries share the five seconds."""
        servers = self.after_one_session(silence)
        asked = self.create()
        self.network.advance(5)
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: no answer within 5 s")
        self.assertEqual(len(servers.requests), 2)

    def test_the_new_connection_is_refused(self) -> None:
        """The server may have made the session with its last breath."""
        self.after_one_session(lambda server, *_: server.hang_up())
        self.network.reactor.tcpServers.clear()
        asked = self.create()
        self.network.refuse()
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: connection refused")

    def test_the_new_connection_is_never_made(self) -> None:
        """The same for a host that swallows packets."""
        self.after_one_session(lambda server, *_: server.hang_up())
        self.network.reactor.tcpServers.clear()
        asked = self.create()
        self.network.advance(5)
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: no answer within 5 s")
        self.network.reactor.tcpClients.clear()

    def test_idle_connections_are_closed(self) -> None:
        """After twenty seconds, before the server is likely to."""
        self.serve(always(MADE))
        self.successResultOf(self.create())
        self.network.advance(19.75)
        self.assertEqual(self.network.open, 1)
        self.network.advance(0.25)
        self.assertEqual(self.network.open, 0)


class CookieTests(Asking):
    def test_cookies_are_not_kept(self) -> None:
        """A game server can't mark matchd."""
        servers = self.serve(always(MADE.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n")))
        for _ in range(2):
            self.successResultOf(self.create())
        self.assertNotIn(b"cookie", servers.requests[1][0].lower())


class CancelTests(Asking):
    """Whoever no longer wants the answer cancels, and the request is gone."""

    def assert_cancelled(self, asked: Deferred[Any]) -> None:
        asked.cancel()
        self.network.settle()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.network.open, 0)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_while_connecting(self) -> None:
        """The attempt is given up."""
        asked = self.create()
        self.assert_cancelled(asked)
        self.network.reactor.tcpClients.clear()

    def test_while_waiting_for_the_answer(self) -> None:
        """The connection is closed."""
        self.serve(silence)
        self.assert_cancelled(self.create())

    def test_in_the_middle_of_the_answer(self) -> None:
        """The connection is closed, though the status had come."""
        for status in ("200 OK", "503 Service Unavailable"):
            self.serve(always(response(status, b"{}")[:-1]))
            self.assert_cancelled(self.create())
            self.network.reactor.tcpServers.pop()

    def test_on_a_kept_connection(self) -> None:
        """It is not mistaken for a stale one."""
        servers = self.serve(lambda server, *_: server.say(MADE) if len(servers.requests) == 1 else None)
        self.successResultOf(self.create())
        self.assert_cancelled(self.create())
        self.assertEqual(len(servers.requests), 2)
