"""The reference game server's HTTP side, byte by byte."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from matchd.dedicated.sessions import Sessions
from matchd.dedicated.site import GameServerResource, GameServerSite
from matchd.jointoken import JoinTokenCheck, JoinTokens
from tests.support.keys import SECRET

WANTED = {"players": ["a", "b"], "game_mode": "Normal_1v1", "loading_session_id": "s1", "teams": [["a"], ["b"]]}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """The status and the one-line reason of a refusal."""
        assert self.body.count(b"\n") == 1
        assert list(self.json) == ["error"]
        return self.status, self.json["error"]


class Serving(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions = Sessions(2, 60.0)
        self.changes = 0
        resource = GameServerResource(self.clock, self.sessions, lambda: "10.0.0.4:7777", self.changed)
        self.site = GameServerSite(resource, self.clock)

    def changed(self) -> None:
        self.changes += 1

    def raw(self, request: bytes) -> bytes:
        """What the site answers to these bytes on a connection of their own."""
        channel = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(request)
        channel.connectionLost(Failure(ConnectionDone()))
        return transport.value()

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        answer, rest = self.raw(head.encode() + body).split(b"\r\n\r\n", 1)
        status, *headers = answer.decode().split("\r\n")
        return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in headers), rest)

    def create(self, **changes: object) -> Answer:
        return self.ask("POST", "/session/create", json.dumps(WANTED | changes).encode())


class CreateTests(Serving):
    def test_a_session_is_made(self) -> None:
        """The answer names it, and where the players go."""
        answer = self.create()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(answer.json["server_address"], "10.0.0.4:7777")
        self.assertRegex(answer.json["session_id"], r"\A[0-9a-f]{16}\Z")
        self.assertEqual((self.sessions.count, self.changes), (1, 1))

    def test_asked_twice(self) -> None:
        """The same session is answered, and nothing has changed."""
        self.assertEqual(self.create().json, self.create().json)
        self.assertEqual((self.sessions.count, self.changes), (1, 1))

    def test_full(self) -> None:
        """503, with the reason."""
        for key in ("s1", "s2"):
            self.create(loading_session_id=key)
        self.assertEqual(self.create(loading_session_id="s3").error, (503, "all 2 slots are taken"))
        self.assertEqual(self.changes, 2)

    def test_unknown_fields(self) -> None:
        """What a later matchd may say more is ignored, and teams may be missing."""
        self.assertEqual(self.create(map="m").status, 200)
        self.assertEqual(self.create(teams=None).status, 200)

    def test_bad_fields(self) -> None:
        """The reason names the field."""
        name = "is not 1 to 64 of A-Z a-z 0-9 . _ -"
        for field, value, reason in (
            ("players", [], "Expected `array` of length >= 1 - at `$.players`"),
            ("players", "ab", "Expected `array`, got `str` - at `$.players`"),
            ("players", ["a", 7], "Expected `str`, got `int` - at `$.players[1]`"),
            ("players", ["a", "b c"], f"'b c' {name}"),
            ("players", ["a\n"], rf"'a\n' {name}"),
            ("game_mode", "a\nb", rf"'a\nb' {name}"),
            ("game_mode", "m" * 65, f"'{'m' * 64}' {name}"),
            ("game_mode", 1, "Expected `str`, got `int` - at `$.game_mode`"),
            ("loading_session_id", "", "Expected `str` of length >= 1 - at `$.loading_session_id`"),
            ("loading_session_id", "x" * 129, "Expected `str` of length <= 128 - at `$.loading_session_id`"),
        ):
            self.assertEqual(self.create(**{field: value}).error, (400, f"body: {reason}"))
        self.assertEqual((self.sessions.count, self.changes), (0, 0))

    def test_no_json(self) -> None:
        """Anything else that may come."""
        for body in (b"", b"{", b"\xff", b'{"x":' * 2500, b"players=a&players=b"):
            self.assertEqual(self.ask("POST", "/session/create", body).error, (400, "body: not JSON"))
        answer = self.ask("POST", "/session/create", b"[]")
        self.assertEqual(answer.error, (400, "body: Expected `object`, got `array`"))

    def test_too_long(self) -> None:
        """Up to 16 KiB are read."""
        body = json.dumps(WANTED).encode()
        self.assertEqual(self.ask("POST", "/session/create", body.ljust(16_384)).status, 200)
        for size in (16_385, 1_000_000):
            answer = self.ask("POST", "/session/create", body.ljust(size))
            self.assertEqual(answer.error, (413, "body: more than 16384 bytes"))

    def test_too_long_in_pieces(self) -> None:
        """A body of unknown length is not kept beyond the limit either."""
        head = b"POST /session/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = self.raw(head + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 100 + b"0\r\n\r\n")
        self.assertIn(b" 413 ", answer.split(b"\r\n")[0])
        content = self.site.getContentFile(None)
        for _ in range(100):
            content.write(b" " * 4096)
        self.assertEqual(len(content.getvalue()), 16_385)


class EndTests(Serving):
    def test_a_session_is_ended(self) -> None:
        """204, and the slot is free."""
        self.create()
        answer = self.ask("DELETE", "/session/s1")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual((self.sessions.count, self.changes), (0, 2))

    def test_none_to_end(self) -> None:
        """404."""
        self.assertEqual(self.ask("DELETE", "/session/s1").error, (404, "no such session"))
        self.assertEqual(self.changes, 0)

    def test_any_id(self) -> None:
        """An id may hold what a path has to quote."""
        self.create(loading_session_id="a/é ?")
        self.assertEqual(self.ask("DELETE", "/session/a%2F%C3%A9%20%3F").status, 204)


class OtherTests(Serving):
    def test_health(self) -> None:
        """How many sessions run, of how many."""
        self.create()
        answer = self.ask("GET", "/health")
        self.assertEqual((answer.status, answer.json), (200, {"status": "ok", "sessions": 1, "capacity": 2}))

    def test_wrong_methods(self) -> None:
        """405, and which one is right."""
        for method, path, right in (
            ("GET", "/session/create", "POST"),
            ("DELETE", "/session/create", "POST"),
            ("PUT", "/session/s1", "DELETE"),
            ("POST", "/health", "GET"),
        ):
            answer = self.ask(method, path)
            self.assertEqual(answer.error, (405, f"only {right} is allowed here"))
            self.assertEqual(answer.headers["Allow"], right)

    def test_other_pages(self) -> None:
        """404."""
        for path in ("/", "/session", "/session/s1/x", "/health/", "/metrics"):
            self.assertEqual(self.ask("GET", path).error, (404, "no such page"))


class JoinTests(Serving):
    def setUp(self) -> None:
        super().setUp()
        self.tokens = JoinTokens(SECRET.encode(), "HS256", 60.0, self.clock.seconds)
        check = JoinTokenCheck(SECRET.encode(), "HS256", self.clock.seconds)
        resource = GameServerResource(self.clock, self.sessions, lambda: "10.0.0.4:7777", self.changed, check)
        self.site = GameServerSite(resource, self.clock)
        self.session: str = self.create().json["session_id"]

    def join(self, token: object, session: str = "") -> Answer:
        return self.ask("POST", f"/session/{session or self.session}/join", json.dumps({"join_token": token}).encode())

    def test_a_player_joins(self) -> None:
        """By his token the server knows who he is."""
        answer = self.join(self.tokens.issue("a", self.session, 1))
        self.assertEqual((answer.status, answer.json), (200, {"player_id": "a", "team": 1}))

    def test_refused(self) -> None:
        """Whoever has no right to join is told why not."""
        used = self.tokens.issue("a", self.session, 0)
        self.join(used)
        forger = JoinTokens(b"another secret that is long enough too", "HS256", 60.0, self.clock.seconds)
        for token, why in (
            (used, "join_token: was used before"),
            (self.tokens.issue("z", self.session, 0), "join_token: z does not play here"),
            (self.tokens.issue("a", "another", 0), "join_token: is for another session"),
            (forger.issue("a", self.session, 0), "join_token: is not matchd's"),
            ("", "join_token: is not matchd's"),
        ):
            self.assertEqual(self.join(token).error, (403, why))
        old = self.tokens.issue("b", self.session, 0)
        self.clock.advance(70)
        self.assertEqual(self.join(old).error, (403, "join_token: has expired"))

    def test_no_such_session(self) -> None:
        """A session that was never made can't be joined, though the token would hold."""
        self.assertEqual(self.join(self.tokens.issue("a", "nope", 0), "nope").error, (403, "no such session"))

    def test_bad_requests(self) -> None:
        """What is no token at all is refused as such; nobody joins by GET."""
        for body in (
            b"",
            b"{}",
            b"[]",
            b'{"join_token":5}',
            b"\xff",
            b"[" * 5000,
            b'{"join_token":"%s"}' % (b"x" * 5000),
        ):
            answer = self.ask("POST", f"/session/{self.session}/join", body)
            self.assertEqual(answer.error, (400, 'body: not {"join_token": "..."}'))
        self.assertEqual(self.ask("GET", f"/session/{self.session}/join").error, (405, "only POST is allowed here"))


class NoJoinTests(Serving):
    def test_not_checked(self) -> None:
        """A server without a key lets nobody join by a token, and says what it lacks."""
        answer = self.ask("POST", "/session/g/join", b'{"join_token":"x"}')
        self.assertEqual(answer.error, (501, "join tokens are not checked: no --join-key-file"))
