"""One player's WebSocket, byte by byte, in memory: messages in, messages out, and the end."""

from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from matchd.messages import CloseCode
from matchd.websocket.fastframes import PIECES
from tests.support.properties import patient
from tests.support.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    Port,
    PortCase,
    fragments,
    frame,
    request,
)


class MessageTests(PortCase):
    def test_a_message_is_handed_over_as_it_came(self) -> None:
        """Of any length up to the limit, ASCII or not."""
        port = self.port()
        client, listener = port.open()
        messages = [b"", b"a", "ü€😀".encode(), b"b" * 125, b"c" * 126, b"d" * 4096]
        client.say(*messages)
        self.assertEqual(listener.received, messages)
        self.assertIsNone(client.closed)

    def test_one_byte_more_than_4096_is_too_big(self) -> None:
        """In one frame, in several, or only announced."""
        reason = "received WebSocket {} exceeds payload limit of 4096 octets"
        for data, what in (
            (frame(b"a" * 4097), "message size 4097"),
            (fragments(b"a" * 4096, b"b"), "message size 4097"),
            (b"\x81\xff" + (2**63 - 1).to_bytes(8, "big") + bytes(4), f"message size {2**63 - 1}"),
        ):
            client, listener = self.port().open()
            client.feed(data)
            self.assertEqual(client.closed, (1009, reason.format(what)))
            self.assertEqual(listener.received, [])

    def test_a_frame_that_is_broken(self) -> None:
        """Without a mask, with reserved bits or opcodes, out of order, of a length that is not the shortest."""
        for data, reason in (
            (b"\x81\x02hi", "unmasked client-to-server frame"),
            (frame(b"x", first=0xF1), "RSV = 7 and no extension negotiated"),
            (frame(b"x", first=0x83), "data frame using reserved opcode 3"),
            (frame(b"x", first=0x8B), "control frame using reserved opcode 11"),
            (frame(b"x", first=0x80), "received continuation data frame outside fragmented message"),
            (frame(b"x", first=0x09), "fragmented control frame"),
            (b"\x81\xfe\x00\x02" + bytes(6), "invalid data frame length (not using minimal length encoding)"),
        ):
            client, listener = self.port().open()
            client.feed(data)
            self.assertEqual(client.closed, (1002, reason))
            self.assertEqual(listener.received, [])

    def test_text_that_is_not_utf8(self) -> None:
        """In one frame or in several, at the first byte that can't be."""
        for data in (frame(b"ab\xff"), fragments(b"a", b"\xff", b"c"), frame(b"\xed\xa0\x80"), frame(b"\xc0\xaf")):
            client, listener = self.port().open()
            client.feed(data)
            self.assertEqual(client.closed and client.closed[0], 1007)
            self.assertEqual(listener.received, [])

    def test_a_binary_frame(self) -> None:
        """Is not spoken here."""
        client, listener = self.port().open()
        client.feed(frame(b"{}", BINARY))
        self.assertEqual(client.closed, (4002, "binary frame: only text is spoken here"))
        self.assertEqual(listener.received, [])

    def test_a_message_in_pieces_is_put_together(self) -> None:
        """With a character cut in two, empty pieces, and a ping in between."""
        client, listener = self.port().open()
        pieces = fragments(b"\xe2\x82", b"", b"\xac")
        client.feed(pieces[:8] + frame(b"still there?", PING) + pieces[8:])
        self.assertEqual(listener.received, ["€".encode()])
        self.assertEqual(client.heard(PONG), [b"still there?"])

    def test_sixty_four_frames_more_are_a_message_and_sixty_five_are_abuse(self) -> None:
        """Whoever needs so many means no good; nothing of it is kept."""
        client, listener = self.port().open()
        client.feed(fragments(*[b"a"] * 65))
        self.assertEqual(listener.received, [b"a" * 65])
        client, listener = self.port().open()
        client.feed(fragments(*[b""] * 66))
        self.assertEqual(client.closed, (4008, "too many fragments"))
        self.assertEqual(listener.received, [])

    def test_fragments_at_the_rate_of_messages_are_allowed_for_ever(self) -> None:
        """Empty ones, of a message that never ends, take up no memory."""
        port = self.port()
        client, listener = port.open()
        listener.enqueued = True
        client.feed(frame(b"a", first=1))
        for number in range(2000):
            port.clock.advance(0.05)
            client.feed(frame(b"", first=0) if number % 100 else frame(b"", PONG))
        self.assertIsNone(client.closed)
        self.assertLessEqual(len(client.connection.message_data), PIECES)

    def test_a_message_that_trickles_in_weighs_hardly_more_than_its_bytes(self) -> None:
        """Whatever pieces it is in, few of them are kept."""
        client, listener = self.port().open()
        data = frame(b"a" * 4000, first=0x01)
        for start in range(0, len(data) - 2, 2):
            client.feed(data[start : start + 2])
            self.assertLess(len(client.connection.frame_data or ()), PIECES)
        client.feed(data[-2:] + frame(b"b", first=0x00) + frame(b"c", first=0x00))
        self.assertLess(len(client.connection.message_data), PIECES)
        client.feed(frame(b"d", first=0x80))
        self.assertEqual(listener.received, [b"a" * 4000 + b"bcd"])

    @patient
    @given(st.lists(st.binary(max_size=12), max_size=12), st.booleans())
    def test_no_bytes_make_it_fail(self, chunks: list[bytes], framed: bool) -> None:
        """Neither raw ones nor ones in frames, before the handshake or after it: no exception, nothing left."""
        port = Port()
        for client in (port.client(), port.open()[0]):
            for chunk in chunks:
                client.feed(frame(chunk, first=chunk[0]) if framed and chunk else chunk)
        port.hang_up()
        self.assertEqual(port.clock.getDelayedCalls(), [])


class SendingTests(PortCase):
    def test_a_message_is_one_text_frame(self) -> None:
        """Of any length, also one that a client might not send."""
        client, listener = self.port().open()
        messages = [b"", b"a" * 125, b"b" * 126, b"c" * 65_535, b"d" * 65_536]
        for message in messages:
            listener.outlet.send(message)
        self.assertEqual(client.texts, messages)

    def test_nothing_is_sent_when_it_is_closing_or_gone(self) -> None:
        """And nobody is told."""
        client, listener = self.port().open()
        listener.outlet.close(CloseCode.SUPERSEDED, "a newer connection of yours")
        sent = client.rest
        listener.outlet.send(b"late")
        client.hang_up()
        listener.outlet.send(b"too late")
        self.assertEqual(client.rest, sent)


class ClosingTests(PortCase):
    def test_each_of_our_close_codes_reaches_the_client(self) -> None:
        """With its reason, cut to what a close frame holds."""
        for code in CloseCode:
            port = self.port()
            client, listener = port.open()
            listener.outlet.close(code, "reason " * 40)
            self.assertEqual(client.closed, (code.value, ("reason " * 40)[:123]))
            client.hang_up()
            self.assertEqual(port.gateway.closed, {code: 1})

    def test_closing_twice_is_closing_once(self) -> None:
        """The first code counts."""
        client, listener = self.port().open()
        listener.outlet.close(CloseCode.SUPERSEDED, "first")
        listener.outlet.close(CloseCode.DRAINING, "second")
        self.assertEqual(client.closed, (4001, "first"))
        client.hang_up()
        listener.outlet.close(CloseCode.DRAINING, "third")

    def test_messages_behind_our_close_are_ignored(self) -> None:
        """In the same chunk or later."""
        client, listener = self.port().open()
        client.feed(frame(b"close") + frame(b"after"))
        client.feed(frame(b"later") + frame(b"ping", PING) + frame(b"x", BINARY))
        self.assertEqual(listener.received, [b"close"])
        self.assertEqual(client.closed, (4001, "as you wish"))
        self.assertEqual(client.heard(PONG), [])

    def test_the_answer_to_our_close_ends_the_connection(self) -> None:
        """In good order, not by a reset."""
        client, listener = self.port().open()
        listener.outlet.close(CloseCode.SUPERSEDED, "x")
        self.assertFalse(client.wire.disconnecting)
        client.feed(frame(b"m") * 10 + frame((4001).to_bytes(2, "big"), CLOSE))
        self.assertTrue(client.wire.disconnecting)
        self.assertFalse(client.wire.aborted)

    def test_an_answer_that_never_comes_is_waited_for_two_seconds(self) -> None:
        """Whatever else comes meanwhile."""
        port = self.port()
        client, listener = port.open()
        listener.outlet.close(CloseCode.SUPERSEDED, "x")
        port.clock.advance(1.99)
        client.feed(frame(b"m") * 5000)
        self.assertFalse(client.wire.disconnecting)
        port.clock.advance(0.01)
        self.assertTrue(client.wire.aborted)

    def test_a_client_may_close(self) -> None:
        """It is answered with 1000 and counted as that, whatever its code."""
        for payload in (b"", (1000).to_bytes(2, "big"), (1001).to_bytes(2, "big") + b"bye", (3999).to_bytes(2, "big")):
            port = self.port()
            client, listener = port.open()
            client.feed(frame(payload, CLOSE))
            self.assertEqual(client.closed, (1000, ""))
            self.assertTrue(client.wire.disconnecting)
            self.assertEqual(listener.times_lost, 0)
            client.hang_up()
            self.assertEqual((listener.times_lost, port.gateway.closed), (1, {1000: 1}))

    def test_a_client_that_closes_but_does_not_read_is_dropped(self) -> None:
        """Two seconds later."""
        port = self.port()
        client, _ = port.open()
        client.feed(frame(b"", CLOSE))
        port.clock.advance(2)
        self.assertTrue(client.wire.aborted)

    def test_a_client_that_closes_with_a_code_that_is_none_is_told(self) -> None:
        """And the frame that says so is sent, not thrown away with the socket."""
        client, _ = self.port().open()
        client.feed(frame((1005).to_bytes(2, "big"), CLOSE))
        self.assertEqual(client.closed, (1002, "invalid close code 1005"))
        self.assertFalse(client.wire.aborted)

    def test_a_socket_that_just_goes_counts_as_1006(self) -> None:
        """As clients call it too."""
        port = self.port()
        client, _ = port.open()
        client.hang_up()
        self.assertEqual(port.gateway.closed, {1006: 1})


class LostTests(PortCase):
    def test_the_conversation_is_told_once_when_the_socket_goes(self) -> None:
        """However it came to that."""
        for end in (b"", frame(b"", CLOSE), frame(b"close"), frame(b"x", BINARY), b"\x81\x00", frame(b"m") * 100):
            client, listener = self.port().open()
            client.feed(end)
            self.assertEqual(listener.times_lost, 0)
            client.hang_up()
            self.assertEqual(listener.times_lost, 1)

    def test_also_when_it_goes_at_once(self) -> None:
        """Right after the handshake."""
        client, listener = self.port().open()
        client.hang_up()
        self.assertEqual((listener.received, listener.times_lost), ([], 1))

    def test_never_when_the_handshake_failed(self) -> None:
        """There was no conversation."""
        port = self.port()
        for data in (b"", b"GET", request("/nope"), b"\r\n\r\n"):
            client = port.client()
            client.feed(data)
            client.hang_up()
        self.assertEqual(port.listeners, [])

    def test_a_connection_that_is_gone_leaves_no_cycle(self) -> None:
        """Its memory is free at once, not when the garbage collector comes by."""
        port = Port()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for end in (b"", frame(b"", CLOSE), frame(b"close"), frame(b"m") * 100, b"\x81\x00"):
            client, _ = port.open()
            client.feed(end)
            connection = weakref.ref(client.connection)
            client.hang_up()
            client.connection.transport = None  # as a real transport lets go of its protocol
            port.clients.clear()
            port.listeners.clear()
            del client, _
            self.assertIsNone(connection())
