"""What matchd asks of game servers, and what it makes of their answers."""

from __future__ import annotations

import json

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from matchd.dedicated.sessions import Sessions
from matchd.dedicated.site import GameServerResource
from matchd.matches.gameserver import GameServerClient
from matchd.model import GameSession
from tests.support.asking import ADDRESS, GAME, MADE, REQUEST, Asking, silence
from tests.support.network import ScriptedServer, ScriptedServers, always, response


class CreateSessionTests(Asking):
    def test_the_request_is_the_documented_one(self) -> None:
        """POST /session/create with players, mode, the idempotency key and the teams, and nothing else of note."""
        servers = self.serve(always(MADE))
        self.assertEqual(self.successResultOf(self.create()), GAME)
        head, body = servers.requests[0]
        self.assertEqual(
            sorted(head.split(b"\r\n")),
            [
                b"Accept-Encoding: identity",
                b"Content-Length: 94",
                b"Content-Type: application/json",
                b"Host: 127.0.0.1:7000",
                b"POST /session/create HTTP/1.1",
            ],
        )
        self.assertEqual(
            json.loads(body),
            {"players": ["a", "b"], "game_mode": "Normal_1v1", "loading_session_id": "s1", "teams": [["a"], ["b"]]},
        )

    def test_any_2xx_will_do(self) -> None:
        """A server may answer 201, and say more than was asked."""
        self.serve(always(response("201 Created", b'{"session_id":"g1","server_address":"[::1]:7","map":"m"}')))
        self.assertEqual(self.successResultOf(self.create()), GameSession("g1", "[::1]:7"))

    def test_connections_are_kept(self) -> None:
        """Sessions that are asked for one after another share a connection."""
        self.serve(always(MADE))
        for _ in range(5):
            self.successResultOf(self.create())
        self.assertEqual(self.network.connections, 1)

    def test_an_answer_of_unknown_length(self) -> None:
        """A server may end its answer by closing the connection."""
        self.serve(lambda server, *_: (server.say(MADE.replace(b"Content-Length", b"X")), server.hang_up()))
        self.assertEqual(self.successResultOf(self.create()), GAME)

    def test_the_reference_server(self) -> None:
        """The reference game server understands the request, and asked twice it answers the same session."""
        clock = Clock()
        resource = GameServerResource(clock, Sessions(1, 60.0), lambda: "10.0.0.4:7777", lambda: None)
        client = GameServerClient(clock, agent=RequestTraversalAgent(resource))
        games = [
            self.successResultOf(Deferred.fromCoroutine(client.create_session(ADDRESS, REQUEST))) for _ in range(2)
        ]
        self.assertEqual(games[0].server_address, "10.0.0.4:7777")
        self.assertEqual(games[0], games[1])
        self.assertEqual(clock.getDelayedCalls(), [])


class RefusedTests(Asking):
    """The game server certainly made no session."""

    def test_the_server_is_full(self) -> None:
        """Any clean answer but a 2xx is a no; what it says of the reason is passed on."""
        self.serve(always(response("503 Service Unavailable", b'{"error":"all 4 slots are taken"}\n')))
        self.assert_refused(
            self.create(), 'game server 127.0.0.1:7000: answered 503: {"error":"all 4 slots are taken"}'
        )

    def test_its_words_are_kept_short_and_plain(self) -> None:
        """A hundred characters on one line, whatever the server sends."""
        self.serve(always(response("500 Oops", b"Traceback\r\n\x1b[31m" + b"x" * 5000)))
        text = f"Traceback ?[31m{'x' * 85}"
        self.assert_refused(self.create(), f"game server 127.0.0.1:7000: answered 500: {text}")

    def test_what_is_no_address(self) -> None:
        """Nothing but host:port is connected to."""
        for address in ("", "host", "host:", "host:0", "host:65536", "u@host:1", "host:1/x", "host:1 ", "host:1\n"):
            self.assert_refused(self.create(address), f"game server {address!r}: not host:port")
        self.assertEqual(self.network.reactor.tcpClients, [])


class UncertainTests(Asking):
    """The game server may have made the session."""

    def test_bad_answers(self) -> None:
        """A 2xx that does not name a session and an address."""
        long = "x" * 129
        for body, reason in (
            (b"", "not JSON"),
            (b"{", "not JSON"),
            (b"\xff", "not JSON"),
            (b"[" * 9000, "Expected `object`, got `array`"),
            (b"[]", "Expected `object`, got `array`"),
            (b"{}", "Object missing required field `session_id`"),
            (b'{"session_id":7,"server_address":"h:1"}', "Expected `str`, got `int` - at `$.session_id`"),
            (b'{"session_id":"","server_address":"h:1"}', "Expected `str` of length >= 1 - at `$.session_id`"),
            (b'{"session_id":"g","server_address":null}', "Expected `str`, got `null` - at `$.server_address`"),
            (b'{"session_id":"g\\n","server_address":"h:1"}', "session_id is not printable"),
            (b'{"session_id":"g","server_address":"http://h:1"}', "server_address is not host:port"),
            (b'{"session_id":"g","server_address":"h"}', "server_address is not host:port"),
            (
                json.dumps({"session_id": long, "server_address": "h:1"}).encode(),
                "Expected `str` of length <= 128 - at `$.session_id`",
            ),
            (
                json.dumps({"session_id": "g", "server_address": "h" * 254 + ":1"}).encode(),
                "server_address is not host:port",
            ),
        ):
            self.serve(always(response("200 OK", body)))
            self.assert_uncertain(self.create(), f"game server 127.0.0.1:7000: bad answer: {reason}")
            self.client.close()
            self.network.settle()
            self.network.reactor.tcpServers.pop()


class EndSessionTests(Asking):
    def test_the_request_is_the_documented_one(self) -> None:
        """DELETE with the loading session's id, whatever it is made of."""
        servers = self.serve(always(response("204 No Content")))
        self.assertIsNone(self.successResultOf(self.end("a/b ?")))
        self.assertEqual(servers.requests[0][0].split(b"\r\n")[0], b"DELETE /session/a%2Fb%20%3F HTTP/1.1")
        self.assertEqual(servers.requests[0][1], b"")

    def test_any_answer_will_do(self) -> None:
        """A server that has no such session, or no way to end one, has none to end."""
        for status in ("200 OK", "404 Not Found", "405 Method Not Allowed", "500 Oops", "302 Found"):
            self.serve(always(response(status, b"whatever")))
            self.assertIsNone(self.successResultOf(self.end()))
            self.client.close()
            self.network.settle()
            self.network.reactor.tcpServers.pop()

    def test_no_answer(self) -> None:
        """Whether it heard is not known."""
        self.serve(silence)
        asked = self.end()
        self.network.advance(5)
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: no answer within 5 s")

    def test_nobody_listens(self) -> None:
        """The server may be back later with the session still running."""
        asked = self.end()
        self.network.refuse()
        self.assert_uncertain(asked, "game server 127.0.0.1:7000: connection refused")


class TurnsTests(Asking):
    """Only so many requests are under way at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.client = GameServerClient(self.network.reactor, per_server=2, overall=3)
        self.waiting: list[ScriptedServer] = []
        self.serve(lambda server, *_: self.waiting.append(server))
        self.network.listen(7001, ScriptedServers(lambda server, *_: self.waiting.append(server)))
        self.network.listen(7002, ScriptedServers(lambda server, *_: self.waiting.append(server)))

    def answer(self) -> None:
        """Let every server answer what it was asked."""
        waiting, self.waiting = self.waiting, []
        for server in waiting:
            server.say(MADE)
        self.network.settle()

    def test_at_one_server(self) -> None:
        """The third request waits until one of two is answered."""
        asked = [self.create() for _ in range(3)]
        self.assertEqual(len(self.waiting), 2)
        self.waiting.pop().say(MADE)
        self.network.settle()
        self.assertEqual(len(self.waiting), 2)
        self.answer()
        self.assertEqual([self.successResultOf(one) for one in asked], [GAME] * 3)

    def test_at_all_servers(self) -> None:
        """The fourth request waits, though its own server has time."""
        asked = [self.create(f"127.0.0.1:{port}") for port in (7000, 7000, 7001, 7002)]
        self.assertEqual(len(self.waiting), 3)
        self.answer()
        self.answer()
        self.assertEqual([self.successResultOf(one) for one in asked], [GAME] * 4)

    def test_waiting_is_bounded(self) -> None:
        """Whose turn does not come in five seconds is refused: nothing was sent."""
        self.client = GameServerClient(self.network.reactor, per_server=1)
        asked = [self.create() for _ in range(3)]
        self.network.advance(4.75)
        self.answer()
        self.assertEqual(self.successResultOf(asked[0]), GAME)
        self.network.advance(0.25)
        self.assert_refused(asked[2], "game server 127.0.0.1:7000: too many requests under way")
        self.network.advance(4.5)
        self.assertNoResult(asked[1])
        self.answer()
        self.assertEqual(self.successResultOf(asked[1]), GAME)

    def test_nobody_waits_for_a_server_that_hangs(self) -> None:
        """Once it has left a request without an answer, those who wait are refused, and who comes then, at once."""
        self.client = GameServerClient(self.network.reactor, per_server=2)
        first = self.create()
        self.network.advance(2)
        second, waiting = self.create(), self.create()
        self.network.advance(3)
        self.assert_uncertain(first, "game server 127.0.0.1:7000: no answer within 5 s")
        for asked in (waiting, self.create()):
            self.assert_refused(asked, "game server 127.0.0.1:7000: too many requests under way")
        self.answer()
        self.assertEqual(self.successResultOf(second), GAME)
        asked = self.create()
        self.answer()
        self.assertEqual(self.successResultOf(asked), GAME)

    def test_servers_that_hang_hold_nobody_up(self) -> None:
        """However many requests have no answer, after a second they take no turn of another server."""
        hung = [self.create(f"127.0.0.1:{port}") for port in (7000, 7000, 7001)]
        asked = self.create("127.0.0.1:7002")
        self.assertEqual(len(self.waiting), 3)
        self.network.advance(1)
        self.assertEqual(len(self.waiting), 4)
        self.waiting.pop().say(MADE)
        self.network.settle()
        self.assertEqual(self.successResultOf(asked), GAME)
        self.answer()
        self.assertEqual([self.successResultOf(one) for one in hung], [GAME] * 3)

    def test_late_requests_are_bounded(self) -> None:
        """There are at most four times as many that hang; with more, the next wait for one of them to end."""
        self.client = GameServerClient(self.network.reactor, overall=1, timeout=10)
        asked = []
        for _ in range(5):
            asked.append(self.create())
            self.network.advance(1)
        self.assertEqual(len(self.waiting), 5)
        last = self.create("127.0.0.1:7001")
        self.assertEqual(len(self.waiting), 5)
        self.answer()
        self.answer()
        self.assertEqual([self.successResultOf(one) for one in (*asked, last)], [GAME] * 6)

    def test_waiting_for_both_turns_is_bounded(self) -> None:
        """The time spent on a server's turn is not given again for a turn of all."""
        self.client = GameServerClient(self.network.reactor, per_server=1, overall=2)
        first = self.create("127.0.0.1:7000")
        self.network.advance(0.25)
        crowded = self.create("127.0.0.1:7000")
        self.network.advance(4.25)
        [answered, *_] = self.waiting
        others = [self.create(f"127.0.0.1:{port}") for port in (7001, 7002)]
        answered.say(MADE)
        self.network.settle()
        self.assertEqual(self.successResultOf(first), GAME)
        self.network.advance(0.5)
        self.assertNoResult(crowded)
        self.network.advance(0.25)
        self.assert_refused(crowded, "game server 127.0.0.1:7000: too many requests under way")
        self.waiting.remove(answered)
        self.answer()
        self.assertEqual([self.successResultOf(one) for one in others], [GAME] * 2)

    def test_cancelled_while_waiting(self) -> None:
        """Whoever cancels leaves the line, and holds nobody up."""
        asked = [self.create() for _ in range(4)]
        asked[2].cancel()
        self.failureResultOf(asked[2], CancelledError)
        self.answer()
        self.answer()
        self.assertEqual([self.successResultOf(asked[which]) for which in (0, 1, 3)], [GAME] * 3)

    def test_failures_give_their_turn_back(self) -> None:
        """Servers that fail again and again do not use the turns up."""
        for _ in range(10):
            self.failureResultOf(self.create("host:0"))
            asked = self.create("127.0.0.1:7009")
            self.network.refuse()
            self.failureResultOf(asked)
        self.assertEqual(self.client._turns._servers, {}, "servers that are gone are forgotten")
        asked = self.create()
        self.answer()
        self.assertEqual(self.successResultOf(asked), GAME)
