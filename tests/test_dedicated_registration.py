"""How a game server keeps itself known to matchd."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.dedicated.registration import Heartbeat, Registration
from matchd.errors import StartupError
from tests.support.network import Network, ScriptedServer, ScriptedServers, response

DONE = response("204 No Content")


class RegistrationTests(SynchronousTestCase):
    """A registration and a matchd that answers as the test wants."""

    def setUp(self) -> None:
        self.network = Network()
        self.answer = DONE
        self.hold = False
        self.matchd = ScriptedServers(self.script)
        self.network.listen(8081, self.matchd)
        self.sessions = 0
        self.registration = self.registered()

    def script(self, server: ScriptedServer, head: bytes, body: bytes) -> None:
        if not self.hold:
            server.say(self.answer)

    def registered(self, url: str = "http://127.0.0.1:8081", token: str = "") -> Registration:
        reactor = self.network.reactor
        return Registration(reactor, Background(reactor), url, "server-1", self.describe, token=token)

    def describe(self) -> Heartbeat:
        if self.sessions < 0:
            raise StartupError("the game server has no address yet")
        return Heartbeat("10.0.0.4:7777", 4, "eu", self.sessions, 17)

    def start(self) -> None:
        self.registration.startService()
        self.network.settle()

    def stop(self) -> Deferred[None]:
        stopped = self.registration.stopService()
        self.network.settle()
        return stopped

    @property
    def lines(self) -> list[bytes]:
        """The request lines that matchd has seen."""
        return [head.split(b"\r\n")[0].removesuffix(b" HTTP/1.1") for head, _ in self.matchd.requests]

    @property
    def said(self) -> list[int]:
        """The numbers of sessions that matchd was told."""
        return [json.loads(body)["sessions"] for _, body in self.matchd.requests if body]

    def test_at_the_start(self) -> None:
        """It registers at once, with all that matchd wants to know."""
        self.start()
        self.assertEqual(self.lines, [b"PUT /v1/servers/server-1"])
        head, body = self.matchd.requests[0]
        said = {"address": "10.0.0.4:7777", "capacity": 4, "region": "eu", "sessions": 0, "sessions_made": 17}
        self.assertEqual(json.loads(body), said)
        self.assertIn(b"Content-Type: application/json", head)
        self.assertNotIn(b"Authorization", head)
        self.stop()

    def test_heartbeats(self) -> None:
        """Every five seconds, over one connection."""
        self.start()
        self.network.advance(20)
        self.assertEqual(self.lines, [b"PUT /v1/servers/server-1"] * 5)
        self.assertEqual(self.network.connections, 1)
        self.stop()

    def test_changes(self) -> None:
        """When a session begins or ends, matchd is told at once, and the five seconds begin anew."""
        self.start()
        self.network.advance(2)
        self.change(1)
        self.assertEqual(self.said, [0, 1])
        self.network.advance(4.75)
        self.assertEqual(self.said, [0, 1])
        self.network.advance(0.25)
        self.assertEqual(self.said, [0, 1, 1])
        self.stop()

    def change(self, sessions: int) -> None:
        self.sessions = sessions
        self.registration.changed()
        self.network.settle()

    def test_changes_while_a_heartbeat_is_under_way(self) -> None:
        """However many there are, one more heartbeat follows, with the last state."""
        self.hold = True
        self.start()
        for sessions in (1, 2, 3):
            self.change(sessions)
        self.hold = False
        self.network.pumps[0].server.say(DONE)
        self.network.settle()
        self.assertEqual(self.said, [0, 3])
        self.network.advance(1)
        self.assertEqual(self.said, [0, 3])
        self.stop()

    def test_matchd_is_away(self) -> None:
        """It is asked every second, changes or not; one line says so, and one that it is back."""
        self.answer = response("503 Service Unavailable", b'{"error":"redis"}')
        with capturedLogs() as events:
            self.start()
            for sessions in range(4):
                self.change(sessions)
            self.network.advance(3)
            self.assertEqual(len(self.lines), 4)
            self.answer = DONE
            self.network.advance(1)
            self.assertEqual(self.said[-1], 3)
            self.network.advance(4.75)
            self.assertEqual(len(self.lines), 5)
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                'not registered with http://127.0.0.1:8081: answered 503: {"error":"redis"}; trying again every 1 s',
                "registered with http://127.0.0.1:8081 as server-1",
            ],
        )
        self.stop()

    def test_matchd_does_not_answer(self) -> None:
        """Two seconds are waited for an answer."""
        self.hold = True
        self.start()
        with capturedLogs() as events:
            self.network.advance(2)
        self.assertIn("no answer within 2 s", formatEvent(events[0]) or "")
        self.network.advance(1)
        self.assertEqual(len(self.lines), 2)
        self.hold = False
        self.network.advance(3)
        self.stop()

    def test_not_listening_yet(self) -> None:
        """A game server without an address has nothing to say, and tries again."""
        self.sessions = -1
        self.start()
        self.assertEqual(self.lines, [])
        self.sessions = 0
        self.network.advance(1)
        self.assertEqual(self.said, [0])
        self.stop()

    def test_goodbye(self) -> None:
        """When it stops, matchd is told, and nothing is left."""
        self.start()
        self.network.advance(2)
        self.successResultOf(self.stop())
        self.assertEqual(self.lines, [b"PUT /v1/servers/server-1", b"DELETE /v1/servers/server-1"])
        self.network.settle()
        self.assertEqual(self.network.open, 0)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_goodbye_comes_last(self) -> None:
        """A heartbeat that is under way is waited for: after the goodbye it would register the server again."""
        self.hold = True
        self.start()
        stopped = self.stop()
        self.assertEqual(self.lines, [b"PUT /v1/servers/server-1"])
        self.hold = False
        self.network.pumps[0].server.say(DONE)
        self.network.settle()
        self.successResultOf(stopped)
        self.assertEqual(self.lines[1:], [b"DELETE /v1/servers/server-1"])

    def test_nobody_to_say_goodbye_to(self) -> None:
        """Two seconds at most are spent on it."""
        self.start()
        self.hold = True
        with capturedLogs() as events:
            stopped = self.stop()
            self.network.advance(1.75)
            self.assertNoResult(stopped)
            self.network.advance(0.25)
            self.successResultOf(stopped)
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["http://127.0.0.1:8081 was not told goodbye; it will miss us in 15 s"],
        )
        self.assertEqual(self.network.open, 0)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_never_started(self) -> None:
        """Then there is nothing to say."""
        self.successResultOf(self.stop())
        self.assertEqual(self.lines, [])

    def test_token(self) -> None:
        """Every request carries the operators' token, and no log does."""
        self.registration = self.registered(token="very-secret")
        with capturedLogs() as events:
            self.start()
            self.successResultOf(self.stop())
        for head, _ in self.matchd.requests:
            self.assertIn(b"Authorization: Bearer very-secret", head)
        self.assertNotIn("very-secret", repr(events))

    def test_a_url_with_a_path(self) -> None:
        """matchd's port may stand behind a proxy."""
        self.registration = self.registered("http://127.0.0.1:8081/matchd/")
        self.start()
        self.assertEqual(self.lines, [b"PUT /matchd/v1/servers/server-1"])
        self.stop()
