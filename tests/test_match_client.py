"""The client that tests and tools are made of, against a matchd that says what the test wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionRefusedError

from client.match_client import ConnectionClosed, MatchClient
from tests.support.fake_matchd import URL, WithMatchd


class MatchClientTests(WithMatchd):
    def client(self, url: str = URL) -> MatchClient:
        client = MatchClient(self.network.reactor)
        opening = client.connect(url)
        self.network.settle()
        self.successResultOf(opening)
        return client

    def settled(self, awaited: Any) -> Deferred[Any]:
        started = Deferred.fromCoroutine(awaited)
        self.network.settle()
        return started

    def test_what_it_says(self) -> None:
        """The four messages of the protocol, with what may be added to them."""
        client = self.client()
        client.enqueue("p1")
        client.enqueue("p1", "Ranked", rating=1500)
        client.resume("p1", token="t")
        client.dequeue()
        client.loading_complete()
        client.loading_complete("s1")
        client.send_frame(b'{"type":"anything"}')
        self.network.settle()
        self.assertEqual(
            self.players[0].heard,
            [
                {"type": "enqueue", "player_id": "p1", "game_mode": "Normal_1v1"},
                {"type": "enqueue", "player_id": "p1", "game_mode": "Ranked", "rating": 1500},
                {"type": "resume", "player_id": "p1", "token": "t"},
                {"type": "dequeue"},
                {"type": "loading_complete"},
                {"type": "loading_complete", "loading_session_id": "s1"},
                {"type": "anything"},
            ],
        )

    def test_messages_come_in_order(self) -> None:
        """Those that are there already, and those that are waited for."""
        client = self.client()
        self.players[0].say("queued")
        self.network.settle()
        self.assertEqual(self.successResultOf(self.settled(client.next_message())), {"type": "queued"})
        later = self.settled(client.next_message())
        self.assertNoResult(later)
        self.players[0].say("start_loading", loading_session_id="s1")
        self.network.settle()
        self.assertEqual(self.successResultOf(later), {"type": "start_loading", "loading_session_id": "s1"})

    def test_the_next_of_a_type(self) -> None:
        """What comes before it is skipped, but remembered."""
        client = self.client()
        found = self.settled(client.next_message("match_found"))
        for kind in ("queued", "start_loading", "match_found", "queued"):
            self.players[0].say(kind)
        self.network.settle()
        self.assertEqual(self.successResultOf(found), {"type": "match_found"})
        self.assertEqual(len(client.received), 4)
        self.assertEqual(self.successResultOf(self.settled(client.next_message())), {"type": "queued"})

    def test_nothing_comes(self) -> None:
        """The wait ends on time, and says what came instead."""
        client = self.client()
        found = self.settled(client.next_message("match_found", timeout=3))
        self.network.advance(1)
        self.players[0].say("queued")
        self.network.advance(1.75)
        self.assertNoResult(found)
        self.network.advance(0.25)
        self.assertEqual(
            str(self.failureResultOf(found, TimeoutError).value), "no match_found within 3 s; received: queued"
        )
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_the_server_closes(self) -> None:
        """Whoever waits learns the code; what came before can still be read."""
        client = self.client()
        self.players[0].say("queued")
        self.players[0].sendClose(4001, "superseded")
        self.network.settle()
        self.assertEqual(client.closed_code, 4001)
        self.successResultOf(self.settled(client.next_message()))
        failure = self.failureResultOf(self.settled(client.next_message()), ConnectionClosed)
        self.assertEqual(str(failure.value), "connection closed with code 4001: superseded")
        self.assertRaises(ConnectionClosed, client.dequeue)

    def test_the_connection_breaks(self) -> None:
        """That is code 1006."""
        client = self.client()
        waiting = self.settled(client.next_message())
        self.network.reset(self.network.pumps[0])
        self.assertEqual(self.failureResultOf(waiting, ConnectionClosed).value.code, 1006)

    def test_goodbye(self) -> None:
        """The client closes with code 1000, once, and nothing is left."""
        client = self.client()
        closed = client.close()
        self.network.settle()
        self.successResultOf(closed)
        self.assertEqual(client.closed_code, 1000)
        self.assertEqual(self.players[0].remoteCloseCode, 1000)
        self.successResultOf(client.close())
        self.assertEqual((self.network.open, self.network.reactor.getDelayedCalls()), (0, []))

    def test_goodbye_to_the_deaf(self) -> None:
        """A server that does not answer is waited for, but not for long."""
        client = self.client()
        self.players[0].dataReceived = lambda data: None
        closed = client.close()
        self.network.advance(2.5)
        self.successResultOf(closed)
        self.assertEqual((self.network.open, self.network.reactor.getDelayedCalls()), (0, []))

    def test_cut_off(self) -> None:
        """A client can vanish without a goodbye."""
        client = self.client()
        client.abort()
        self.network.settle()
        self.assertEqual((client.closed_code, self.players[0].remoteCloseCode, self.network.open), (1006, None, 0))

    def test_nobody_listens(self) -> None:
        """The reason is that of the network."""
        opening = MatchClient(self.network.reactor).connect("ws://127.0.0.1:9/ws/")
        self.network.refuse()
        self.network.advance(1)
        self.failureResultOf(opening, ConnectionRefusedError)

    def test_not_welcome(self) -> None:
        """A server that refuses the handshake says why."""
        opening = MatchClient(self.network.reactor).connect("ws://127.0.0.1:8080/elsewhere")
        self.network.settle()
        self.assertEqual(
            str(self.failureResultOf(opening, ConnectionClosed).value),
            "connection closed with code 1006: WebSocket connection upgrade failed [404]: Not Found",
        )

    def test_it_takes_too_long_to_connect(self) -> None:
        """The attempt ends on time."""
        opening = MatchClient(self.network.reactor).connect("ws://127.0.0.1:9/ws/", timeout=3)
        self.network.advance(3)
        self.assertEqual(str(self.failureResultOf(opening, TimeoutError).value), "no connection within 3 s")
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def test_no_url(self) -> None:
        """Only ws:// and wss:// will do."""
        self.failureResultOf(MatchClient(self.network.reactor).connect("http://127.0.0.1/"), ValueError)

    def test_not_connected(self) -> None:
        """A client that was never connected can be closed, but says nothing."""
        client = MatchClient(self.network.reactor)
        self.assertEqual(str(self.assertRaises(RuntimeError, client.dequeue)), "connect first")
        self.successResultOf(client.close())
