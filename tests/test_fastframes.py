"""The short way for ordinary frames and Autobahn's own way must lead to the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.connection import PlayerConnection
from matchd.websocket.fastframes import FastFrames, cut, with_options
from tests.support.properties import patient
from tests.support.wire import BINARY, CLOSE, PING, PONG, TEXT, Client, Port, fragments, frame, request, server_frames

LONGEST = 300


class _Recorder:
    """Remembers what it is told, and does as it is told."""

    state: int
    transport: Any
    sendMessage: Any
    sendClose: Any

    def onOpen(self) -> None:
        self.events: list[object] = ["open"]

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        self.events.append((payload, is_binary))
        if payload == b"echo" and self.state == WebSocketServerProtocol.STATE_OPEN:
            self.sendMessage(payload)
        elif payload == b"close":
            self.sendClose(4000, "as you wish")
        elif payload == b"drop":
            self.transport.abortConnection()
            self.dropConnection(abort=True)  # type: ignore[attr-defined]

    def onPong(self, payload: bytes) -> None:
        self.events.append(("pong", payload))

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        self.events.append((was_clean, code, reason))


class Plain(_Recorder, WebSocketServerProtocol):  # type: ignore[misc]
    """Autobahn as it comes."""


class Fast(_Recorder, FastFrames):
    """The short way."""


class Unhurried(PlayerConnection):
    """A player's connection that never takes the short way."""

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)


def factory(protocol: type[Any]) -> WebSocketServerFactory:
    made = WebSocketServerFactory(server="", reactor=Clock())
    made.setProtocolOptions(
        maxFramePayloadSize=LONGEST, maxMessagePayloadSize=LONGEST, failByDrop=False, openHandshakeTimeout=0,
        closeHandshakeTimeout=0, webStatus=False,
    )  # fmt: skip
    made.protocol = with_options(protocol, made) if issubclass(protocol, FastFrames) else protocol
    return made


FACTORIES = {protocol: factory(protocol) for protocol in (Plain, Fast)}


def outcome(protocol: type[Any], chunks: list[bytes]) -> tuple[object, ...]:
    """All that can be seen of a connection to which these chunks came."""
    client = Client(FACTORIES[protocol])
    for chunk in chunks:
        client.feed(chunk)
    client.hang_up()
    wire = client.wire
    return client.connection.events, wire.value(), wire.disconnecting, wire.aborted


def chopped(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


WORDS = st.sampled_from([b"", b"echo", b"close", b"drop", "ü€😀".encode(), b"\xff", b"a\xe2\x82", b"\xed\xa0\x80"])
SIZES = st.sampled_from([1, 5, 124, 125, 126, 127, LONGEST - 1, LONGEST, LONGEST + 1, 70_000])
PAYLOADS = st.one_of(WORDS, SIZES.map(lambda size: b"x" * size), st.binary(max_size=20))
MASKS = st.binary(min_size=4, max_size=4)
OPCODES = st.sampled_from([TEXT, TEXT, TEXT, BINARY, PING, PONG, CLOSE, 3, 11])
FRAMES = st.one_of(
    st.builds(frame, PAYLOADS, st.just(TEXT), mask=MASKS),
    st.builds(frame, PAYLOADS, OPCODES, mask=MASKS),
    st.builds(frame, PAYLOADS, first=st.integers(0, 255), mask=MASKS),
    st.lists(PAYLOADS, min_size=2, max_size=4).map(lambda payloads: fragments(*payloads)),
    st.integers(1000, 5000).map(lambda code: frame(code.to_bytes(2, "big") + b"bye", CLOSE)),
    st.binary(max_size=10),
)
STREAMS = st.lists(FRAMES, max_size=8).map(b"".join)
CUTS = st.lists(st.integers(0, 2000), max_size=8)


class SameAsAutobahnTests(SynchronousTestCase):
    @patient
    @given(STREAMS, CUTS)
    @example(frame(b"echo") + frame(b"close") + frame(b"after") + frame(b"", CLOSE), [])
    @example(frame(b"a\xff") + frame(b"after") + frame(b"", CLOSE), [])
    @example(frame(b"drop") + frame(b"after"), [])
    @example(frame(b"", PONG), [])
    @example(fragments(b"\xe2\x82", b"\xac") + frame(b"echo"), [8, 14])
    def test_whatever_comes_however_chopped(self, stream: bytes, cuts: list[int]) -> None:
        """The same messages in the same order, the same bytes sent, the same end."""
        chunks = [request(), *chopped(stream, cuts)]
        self.assertEqual(outcome(Fast, chunks), outcome(Plain, chunks))

    @patient
    @given(STREAMS, CUTS)
    @example(fragments("ü€😀".encode(), b""), [7])
    @example(fragments(b"a\xff", b""), [7])
    def test_also_right_behind_the_request(self, stream: bytes, cuts: list[int]) -> None:
        """In the chunk that ends the handshake."""
        first, *rest = chopped(stream, cuts) or [b""]
        chunks = [request() + first, *rest]
        self.assertEqual(outcome(Fast, chunks), outcome(Plain, chunks))

    @patient
    @given(STREAMS, CUTS)
    def test_also_with_all_the_limits_of_a_players_connection(self, stream: bytes, cuts: list[int]) -> None:
        """Rates, faults, closes."""
        seen = []
        for protocol in (PlayerConnection, Unhurried):
            port = Port()
            port.gateway.protocol = (
                with_options(protocol, port.gateway) if protocol is Unhurried else port.gateway.protocol
            )
            client, listener = port.open()
            for chunk in chopped(stream, cuts):
                client.feed(chunk)
            port.clock.pump([1] * 5)
            client.hang_up()
            seen.append((client.wire.value(), client.wire.aborted, listener.received, port.gateway.closed))
        self.assertEqual(*seen)


class PingTests(SynchronousTestCase):
    def test_a_ping_is_the_same_as_autobahns(self) -> None:
        """While the connection is open; one that closes is asked nothing any more."""
        wires = []
        for protocol, ping in ((Fast, Fast.ping), (Plain, Plain.sendPing)):
            client = Client(FACTORIES[protocol])
            client.feed(request())
            ping(client.connection)
            client.connection.sendClose(4000)
            ping(client.connection)
            wires.append(client.rest)
        self.assertEqual(*wires)
        self.assertEqual([opcode for opcode, _ in server_frames(wires[0])], [PING, CLOSE])


class CutTests(SynchronousTestCase):
    def test_an_ordinary_frame_is_cut_out(self) -> None:
        """With its payload, and where the next one begins."""
        for payload in (b"", b"hello", "€".encode(), b"x" * 125, b"x" * 126, b"x" * LONGEST):
            data = frame(payload)
            self.assertEqual(cut(b"..." + data + b"...", 3, LONGEST), (0x81, payload, 3 + len(data)))
        self.assertEqual(cut(frame(b"\xff", PING), 0, LONGEST), (0x89, b"\xff", 7))
        self.assertEqual(cut(frame(b"", PONG), 0, LONGEST), (0x8A, b"", 6))

    def test_anything_else_is_not(self) -> None:
        """Autobahn knows what to do with it."""
        for data in (
            b"", frame(b"hello")[:-1], frame(b"x" * 200)[:5], frame(b"x" * 200)[:7],  # not whole
            frame(b"x" * (LONGEST + 1)), frame(b"x" * 70_000),  # too long
            frame(b"\xff"), frame(b"\xe2\x82"),  # not UTF-8
            frame(b"x", BINARY), frame(b"", CLOSE), frame(b"x", first=0x01), frame(b"x", first=0xC1),
            b"\x81\x04text" * 2,  # not masked
            b"\x81\xfe\x00\x05" + bytes(9), frame(b"x" * 126, PING),  # of no valid length
        ):  # fmt: skip
            self.assertIsNone(cut(data, 0, LONGEST), data[:10])


class WeightTests(SynchronousTestCase):
    def test_an_idle_connection_carries_nothing_of_its_handshake(self) -> None:
        """And nothing that is the same for all."""
        port = Port()
        client, _ = port.open("X-Padding: " + "x" * 4000)
        self.assertLess(len(vars(client.connection)), 20)
        self.assertNotIn("xxx", repr(vars(client.connection)))
        before = set(vars(client.connection))
        client.say(b"m" * 100)
        client.feed(frame(b"", PONG))
        self.assertLessEqual(set(vars(client.connection)) - before, {"silence"})
        port.hang_up()

    def test_the_options_are_on_the_class(self) -> None:
        """Of each factory its own."""
        first, second = factory(Fast), factory(Fast)
        self.assertIsNot(first.protocol, second.protocol)
        self.assertEqual(first.protocol.maxMessagePayloadSize, LONGEST)
        self.assertNotIn("maxMessagePayloadSize", vars(first.buildProtocol(None)))
