"""What one player's WebSocket bears: floods, faults, clients that do not read, and errors of our own."""

from __future__ import annotations

import json
from unittest import mock

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket import fastframes
from matchd.websocket.conversation import Outlet
from matchd.websocket.limits import Limits
from tests.support.wire import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Port,
    PortCase,
    frame,
    request,
    server_frames,
)

TOO_FAST = {"type": "error", "code": "rate_limited", "message": "more than 20 messages a second"}
OUR_FAULT = {"type": "error", "code": "unavailable", "message": "something went wrong here: ask again"}


class RateTests(PortCase):
    def test_forty_at_once_are_heard(self) -> None:
        """The next is refused, and a twentieth of a second later one more is heard."""
        port = self.port()
        client, listener = port.open()
        client.say(*[b"m"] * 40)
        self.assertEqual((len(listener.received), client.texts), (40, []))
        client.say(b"m")
        self.assertEqual((len(listener.received), [json.loads(text) for text in client.texts]), (40, [TOO_FAST]))
        port.clock.advance(0.05)
        client.say(b"m")
        self.assertEqual((len(listener.received), len(client.texts)), (41, 1))

    def test_a_thousand_at_once_end_in_a_close(self) -> None:
        """Forty are heard and forty refused, in one chunk, in many, or right behind the request."""
        flood = frame(b'{"type":"dequeue"}') * 1000
        for chunk in (len(flood), 1000, 7):
            client, listener = self.port().open()
            for start in range(0, len(flood), chunk):
                client.feed(flood[start : start + chunk])
            self.assertEqual((len(listener.received), len(client.texts)), (40, 40))
            self.assertEqual(client.closed, (4008, "too many messages"))
        port = self.port()
        client = port.client()
        client.feed(request() + flood)
        self.assertEqual(client.closed, (4008, "too many messages"))
        self.assertEqual(len(port.listeners[0].received), 40)

    def test_a_flood_of_pieces_is_no_work_either(self) -> None:
        """Of what came with the one piece too many, little is still looked at; and that never garbled."""
        client, _ = self.port().open()
        client.feed(frame(b"a", first=0x01) + frame(b"", first=0x00) * 10_000)
        for _ in range(10):
            client.feed(frame(b"", first=0x00) * 1000)
        self.assertEqual(client.closed, (4008, "too many fragments"))
        self.assertFalse(client.wire.disconnecting)

    def test_refused_messages_are_no_work(self) -> None:
        """Once we close, a flood is thrown away unread, and what is left of it in memory with it."""
        client, _ = self.port().open()
        client.feed(frame(b"m") * 100)
        for _ in range(100):
            client.feed(frame(b"\x00" * 60_000, BINARY))
        self.assertLessEqual(len(client.connection.data), 64)
        self.assertFalse(client.wire.reads)

    def test_answers_to_many_at_once_go_out_at_once(self) -> None:
        """One write for all that came together, in order, and one for what comes alone."""
        client, listener = self.port().open()
        writes: list[bytes] = []
        with mock.patch.object(fastframes, "write", lambda transport, data: writes.append(data)):
            client.feed(frame(b"m") * 40 + frame(b"x", PING) + frame(b"m"))
            client.feed(frame(b"m"))
            listener.outlet.send(b"alone")
        self.assertEqual(len(writes), 3)
        self.assertEqual([json.loads(text) for _, text in server_frames(writes[0])], [TOO_FAST] * 2)

    def test_pings_and_pongs_are_messages_too(self) -> None:
        """Forty are answered."""
        for opcode, answers in ((PING, 40), (PONG, 0)):
            client, _ = self.port().open()
            client.feed(frame(b"x", opcode) * 100)
            self.assertEqual((len(client.heard(PONG)), len(client.texts)), (answers, 40))
            self.assertEqual(client.closed, (4008, "too many messages"))

    def test_twenty_bad_messages_are_forgiven(self) -> None:
        """The next one closes; but not if they come one a second."""
        port = self.port()
        client, _ = port.open()
        client.say(*[b"bad"] * 20)
        self.assertIsNone(client.closed)
        client.say(b"bad")
        self.assertEqual(client.closed, (4008, "too many bad messages"))
        client, listener = port.open()
        listener.enqueued = True
        for _ in range(100):
            port.clock.advance(1)
            client.say(b"bad")
        self.assertIsNone(client.closed)

    def test_a_fault_after_the_end_is_none(self) -> None:
        """A conversation may be late."""
        client, listener = self.port().open()
        client.hang_up()
        for _ in range(50):
            listener.outlet.fault()
        self.assertEqual(client.rest, b"")


class StalledClientTests(PortCase):
    def test_who_does_not_read_is_not_read_either(self) -> None:
        """Until it reads again."""
        client, listener = self.port().open()
        client.wire.producer.pauseProducing()
        self.assertFalse(client.wire.reads)
        listener.outlet.send(b"x" * 65_000)
        client.wire.producer.resumeProducing()
        self.assertTrue(client.wire.reads)
        client.wire.producer.pauseProducing()
        listener.outlet.send(b"x" * 65_000)
        self.assertFalse(client.wire.aborted)

    def test_who_does_not_read_for_ten_seconds_is_dropped(self) -> None:
        """The conversation learns of it when the socket is gone."""
        port = self.port()
        client, listener = port.open()
        client.wire.producer.pauseProducing()
        port.clock.advance(9.99)
        self.assertFalse(client.wire.aborted)
        port.clock.advance(0.01)
        self.assertTrue(client.wire.aborted)
        client.hang_up()
        self.assertEqual((listener.times_lost, port.gateway.closed), (1, {1006: 1}))

    def test_reading_again_in_time_starts_the_clock_anew(self) -> None:
        """Ten seconds each time."""
        port = self.port()
        client, _ = port.open()
        for _ in range(3):
            client.wire.producer.pauseProducing()
            port.clock.advance(9)
            client.wire.producer.resumeProducing()
        port.clock.advance(9)
        self.assertFalse(client.wire.aborted)

    def test_64_kib_more_are_too_much_for_who_does_not_read(self) -> None:
        """It is dropped at once."""
        client, listener = self.port().open()
        client.wire.producer.pauseProducing()
        listener.outlet.send(b"x" * 65_536)
        self.assertFalse(client.wire.aborted)
        listener.outlet.send(b"x")
        self.assertTrue(client.wire.aborted)
        size = len(client.wire.value())
        listener.outlet.send(b"x")
        self.assertEqual(len(client.wire.value()), size)

    def test_being_paused_twice_is_being_paused_once(self) -> None:
        """A transport says so at every write."""
        port = self.port()
        client, _ = port.open()
        client.wire.producer.pauseProducing()
        port.clock.advance(5)
        client.wire.producer.pauseProducing()
        port.clock.advance(5)
        self.assertTrue(client.wire.aborted)
        client.connection.stopProducing()


class OurFaultTests(PortCase):
    def test_an_error_in_the_conversation_is_told_and_logged_and_the_connection_lives(self) -> None:
        """The player may ask again."""
        client, listener = self.port().open()
        client.feed(frame(b"break") + frame(b"next"))
        self.assertEqual([json.loads(text) for text in client.texts], [OUR_FAULT])
        self.assertEqual(listener.received, [b"break", b"next"])
        self.assertIsNone(client.closed)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_again_and_again_it_ends_the_connection(self) -> None:
        """So that nobody fills the log."""
        client, _ = self.port().open()
        client.say(*[b"break"] * 30)
        self.assertEqual(client.closed, (4008, "too many bad messages"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 21)

    def test_without_a_conversation_there_is_no_connection(self) -> None:
        """The client is told to come again."""
        port = self.port()

        def broken(outlet: Outlet) -> None:
            raise RuntimeError("broken")

        port.gateway.converse = broken
        client = port.visitor()
        client.say(b"m")
        self.assertEqual(client.closed, (4013, "something went wrong here: try again later"))
        self.assertEqual(port.gateway.connections, 0)
        client.hang_up()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_an_error_at_the_end_is_logged(self) -> None:
        """And everything else still ends."""
        port = self.port()
        client, listener = port.open()
        listener.__class__ = type("Broken", (type(listener),), {"lost": lambda self, code: 1 / 0})
        client.hang_up()
        self.assertEqual(port.gateway.connections, 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_clients_do_wrong_is_not_logged(self) -> None:
        """Nobody can fill the log from outside."""
        events: list[object] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        port = self.port()
        for data in (request("/nope"), b"\r\n\r\n", request("/ws/", "Origin: x"), request() + b"\x81\x00", request()):
            client = port.client()
            client.feed(data)
            client.feed(frame(b"\xff") + frame(b"m") * 100)
            port.clock.advance(2)
            client.hang_up()
        self.assertEqual(events, [])


class OtherLimitsTests(SynchronousTestCase):
    def test_every_limit_can_be_set(self) -> None:
        """Two ports in one process keep theirs apart."""
        small, usual = Port(Limits(message_bytes=10, burst=2, refusals=1, messages_per_second=1)), Port()
        client, listener = small.open()
        client.say(b"a" * 10, b"b", b"c", b"d")
        self.assertEqual(len(listener.received), 2)
        self.assertEqual(json.loads(client.texts[0])["message"], "more than 1 messages a second")
        self.assertEqual(client.closed, (4008, "too many messages"))
        client, _ = small.open()
        client.say(b"a" * 11)
        self.assertEqual(client.closed and client.closed[0], 1009)
        client, listener = usual.open()
        client.say(b"a" * 11)
        self.assertEqual(listener.received, [b"a" * 11])
        self.assertEqual(client.heard(TEXT), [])
        small.hang_up()
        usual.hang_up()
