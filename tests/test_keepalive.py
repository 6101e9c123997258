"""Pings, and what becomes of those who say nothing."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from matchd.websocket.limits import Limits
from tests.support.wire import CLOSE, PING, PONG, Client, Port, PortCase, frame


class KeepaliveTests(PortCase):
    def watch(self, port: Port, client: Client, seconds: int, answer: bool = True) -> list[int]:
        """The seconds at which the client was pinged, whether it answers or not."""
        pinged = []
        for second in range(seconds):
            port.pass_time(1)
            pings = client.heard(PING)
            client.wire.clear()
            client.wire.write(b"\r\n\r\n")
            pinged += [second] * len(pings)
            if pings and answer:
                client.feed(frame(b"", PONG))
        return pinged

    def test_a_silent_client_is_pinged_every_forty_seconds(self) -> None:
        """First when it has been silent for twenty to forty; as long as it answers it may stay."""
        port = self.port()
        client, listener = port.open()
        listener.enqueued = True
        pings = self.watch(port, client, 400)
        self.assertTrue(19 <= pings[0] <= 40, pings)
        self.assertEqual([later - earlier for earlier, later in pairwise(pings)], [40] * 9)
        self.assertEqual(port.gateway.connections, 1)

    def test_who_does_not_answer_in_twenty_seconds_is_closed(self) -> None:
        """The connection can't be of use any more, whatever TCP believes; nor can it answer our close."""
        port = self.port()
        client, listener = port.open()
        listener.enqueued = True
        while not client.heard(PING):
            port.pass_time(0.25)
        port.pass_time(19.75)
        self.assertIsNone(client.closed)
        port.pass_time(0.25)
        self.assertEqual(client.closed, (4009, "no pong"))
        port.pass_time(2)
        self.assertTrue(client.wire.aborted)

    def test_who_talks_is_not_pinged(self) -> None:
        """Any message shows that it is there."""
        port = self.port()
        client, listener = port.open()
        listener.enqueued = True
        for _ in range(30):
            port.pass_time(19)
            client.say(b"m")
        self.assertEqual(client.heard(PING), [])

    def test_any_sign_of_life_is_an_answer(self) -> None:
        """A pong with whatever in it, a ping, a message."""
        for sign in (frame(b"x", PONG), frame(b"", PING), frame(b"m")):
            port = self.port()
            client, listener = port.open()
            listener.enqueued = True
            while not client.heard(PING):
                port.pass_time(0.25)
            port.pass_time(19)
            client.feed(sign)
            port.pass_time(19)
            self.assertIsNone(client.closed)

    def test_the_answer_is_no_message(self) -> None:
        """What was asked for counts towards no limit; once, as it was asked for once."""
        for pongs, answered in ((1, 40), (2, 39)):
            port = self.port()
            client, listener = port.open()
            listener.enqueued = True
            while not client.heard(PING):
                port.pass_time(0.25)
            client.feed(frame(b"", PONG) * pongs + frame(b"x", PING) * 40)
            self.assertEqual(len(client.heard(PONG)), answered)

    def test_pings_do_not_come_in_bursts(self) -> None:
        """Though everyone connected at the same moment."""
        port = self.port(Limits(idle_seconds=3600))
        for _ in range(1000):
            port.open()
        when: Counter[int] = Counter()
        for turn in range(80):
            port.pass_time(0.5)
            for client in port.clients:
                if client.heard(PING):
                    when[turn] += 1
                    client.wire.clear()
                    client.wire.write(b"\r\n\r\n")
                    client.feed(frame(b"", PONG))
        self.assertEqual(when.total(), 1000)
        self.assertLess(max(when.values()), 60)

    def test_after_a_pause_of_the_whole_process_nobody_is_closed_before_he_is_heard(self) -> None:
        """The pongs may lie in the socket, unread."""
        port = self.port()
        client, listener = port.open()
        listener.enqueued = True
        while not client.heard(PING):
            port.pass_time(0.25)
        port.pass_time(19.75)
        port.clock.advance(60)
        self.assertIsNone(client.closed)
        client.feed(frame(b"", PONG))
        port.pass_time(19)
        self.assertIsNone(client.closed)

    def test_who_asks_for_no_place_in_thirty_seconds_is_closed(self) -> None:
        """Even if it answers every ping."""
        port = self.port()
        client, _ = port.open()
        for _ in range(119):
            port.pass_time(0.25)
            client.feed(frame(b"", PONG))
        self.assertIsNone(client.closed)
        port.pass_time(0.25)
        self.assertEqual(client.closed, (4009, "no enqueue in time"))

    def test_who_asks_for_a_place_may_stay(self) -> None:
        """Though that be in the last moment; and then be without one for as long as it likes."""
        port = self.port()
        client, listener = port.open()
        port.pass_time(5)
        idler, _ = port.open()
        for second in range(100):
            listener.enqueued = second > 20
            port.pass_time(1)
            client.feed(frame(b"", PONG))
        self.assertIsNone(client.closed)
        self.assertEqual(idler.closed and idler.closed[0], 4009)

    def test_the_times_can_be_set(self) -> None:
        """Also to fractions of a second."""
        port = self.port(Limits(idle_seconds=1, ping_seconds=0.4))
        client, listener = port.open()
        listener.enqueued = True
        port.pass_time(2, 0.005)
        self.assertEqual(client.closed, (4009, "no pong"))
        client, _ = port.open()
        for _ in range(11):
            client.feed(frame(b"", PONG))
            port.pass_time(0.1, 0.005)
        self.assertEqual(client.closed, (4009, "no enqueue in time"))

    def test_nobody_here_means_nothing_to_do(self) -> None:
        """No timer runs when no one is connected; it starts again with the next one."""
        port = self.port()
        for _ in range(2):
            self.assertEqual(port.clock.getDelayedCalls(), [])
            client, _ = port.open()
            self.assertEqual(len(port.clock.getDelayedCalls()), 1)
            client.feed(frame(b"", CLOSE))
            client.hang_up()
