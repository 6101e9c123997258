"""The short way through the opening handshake and Autobahn's own must lead to the same."""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.fastframes import FastFrames, with_options
from matchd.websocket.opening import ordinary
from tests.support.properties import patient
from tests.support.wire import HEADERS, Wire, frame, request

SEEN = ("headers", "host", "path", "params", "version", "origin", "protocols", "extensions", "peer")


class _Recorder:
    """Remembers what it is asked, and answers as its factory says."""

    factory: Any

    def onConnect(self, request: ConnectionRequest) -> Any:
        self.factory.asked = {name: getattr(request, name) for name in SEEN}
        if isinstance(self.factory.answer, Exception):
            raise self.factory.answer
        return self.factory.answer

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        self.factory.heard.append(payload)


class Plain(_Recorder, WebSocketServerProtocol):  # type: ignore[misc]
    """Autobahn as it comes."""


class Fast(_Recorder, FastFrames):
    """The short way."""


def open_with(protocol: type, pieces: list[bytes], answer: Any = None, peer: Any = None, most: int = 0) -> Any:
    """What a server of this kind makes of the request: state, response, what it was asked, and what it heard."""
    clock = Clock()
    factory = WebSocketServerFactory(reactor=clock, server="")
    factory.setProtocolOptions(webStatus=False, openHandshakeTimeout=0, allowNullOrigin=True, maxConnections=most)
    factory.asked, factory.answer, factory.heard = None, answer, []
    factory.protocol = with_options(protocol, factory) if issubclass(protocol, FastFrames) else protocol
    factory._batched_timer = type("Timer", (), {"call_later": lambda self, *call: clock.callLater(*call)})()
    others = [factory.buildProtocol(None) for _ in range(most)]
    for other in others:
        other.makeConnection(Wire())
    connection = factory.buildProtocol(None)
    transport = Wire(peerAddress=peer or IPv4Address("TCP", "192.0.2.1", 5000))
    connection.makeConnection(transport)
    for piece in pieces:
        connection.dataReceived(piece)
    if factory.asked:
        factory.asked["extensions"] = None  # what nobody reads: no extension is ever accepted
    return connection.state, transport.value(), factory.asked, factory.heard


odd = {
    "host": ["localhost", "localhost:80", "localhost:x", "[::1]:80", "a b", ""],
    "upgrade": ["websocket", "WebSocket", "h2c, websocket", "h2c"],
    "connection": ["Upgrade", "keep-alive, Upgrade", "upgrade,", "close"],
    "sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j!!==", ""],
    "sec-websocket-version": ["13", "8", "99", "x", " 13"],
    "origin": ["https://game.example", "https://a:8443", "null", "HTTPS://A", "file:///", "http://a:99999", "x"],
    "sec-websocket-protocol": ["matchd", "a, b", "a, a"],
    "sec-websocket-extensions": ["permessage-deflate", "permessage-deflate; client_max_window_bits", "x;y=1", ",,"],
    "x-forwarded-for": ["192.0.2.7", "192.0.2.7, 10.0.0.1"],
    "x": ["", "a:b", "caf\xe9", "a\tb", "a\x0bb", "a\rb"],
}  # fmt: skip
ODD_LINES = [f"{name}:{space}{value}" for name in odd for value in odd[name] for space in ("", " ", "  ")]
METHODS = st.sampled_from(["GET", "GET", "GET", "POST", "get"])
VERSIONS = st.sampled_from(["1.1", "1.1", "1.1", "1.0", "2"])
targets = st.sampled_from(["/ws/", "/", "/ws/?a=b", "/ws/#a", "*", "/a%20b", "http://a/ws/", "/ws/ x", ""])
first = st.builds("{} {} HTTP/{}".format, METHODS, targets, VERSIONS)


class TheSameTests(SynchronousTestCase):
    def assert_same(self, data: bytes, **how: Any) -> None:
        self.assertEqual(open_with(Fast, [data], **how), open_with(Plain, [data], **how))

    @patient
    @given(
        first,
        st.lists(st.sampled_from(HEADERS), unique=True, min_size=4),
        st.lists(st.sampled_from(ODD_LINES), max_size=3),
        st.randoms(),
    )
    @example("GET /ws/ HTTP/1.1", list(HEADERS), [], None)
    def test_any_request(self, line: str, headers: list[str], more: list[str], shuffled: Any) -> None:
        """Whatever a client asks for, the answer is the same to the byte, and what is asked of it too."""
        headers = headers + more
        if shuffled:
            shuffled.shuffle(headers)
        self.assert_same("\r\n".join([line, *headers, "", ""]).encode("iso-8859-1"))

    @patient
    @given(st.sets(st.integers(1, len(request()) - 1), max_size=5))
    def test_in_pieces(self, cuts: set[int]) -> None:
        """However the request is cut on its way, and with a first message right behind it."""
        data = request()
        ends = [*sorted(cuts), len(data)]
        pieces = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)] + [frame(b"hello")]
        self.assertEqual(open_with(Fast, pieces), open_with(Plain, pieces))
        pieces[-2:] = [pieces[-2] + pieces[-1]]
        self.assertEqual(open_with(Fast, pieces), open_with(Plain, pieces))

    def test_every_answer(self) -> None:
        """Refused, or with headers, or failing: the client sees the same."""
        for answer in (ConnectionDeny(403, "no"), (None, {"X-A": "b"}), ("matchd", {}), "matchd"):
            self.assert_same(request("/ws/", "Sec-WebSocket-Protocol: matchd"), answer=answer)
        for answer in (ConnectionDeny(403, "no"), (None, {"X-A": "b"})):
            self.assert_same(request(), answer=answer)

    def test_too_many(self) -> None:
        """One more than there may be is told so."""
        self.assert_same(request(), most=1)
        self.assertIn(b"503", open_with(Fast, [request()], most=1)[1])

    def test_every_kind_of_peer(self) -> None:
        """Peers go by the same names."""
        for peer in (IPv6Address("TCP", "::1", 80), UNIXAddress("/tmp/a"), UNIXAddress(None)):
            self.assert_same(request(), peer=peer)


class OrdinaryTests(SynchronousTestCase):
    def test_short_way(self) -> None:
        """The requests of browsers and common clients are ordinary."""
        browser = (
            "Pragma: no-cache", "Cache-Control: no-cache", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
            "Origin: https://game.example", "Accept-Encoding: gzip, deflate, br", "Accept-Language: en",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        )  # fmt: skip
        for extra in ((), browser, ("Authorization: Bearer abc.def",)):
            self.assertIsNotNone(ordinary(request("/ws/", *extra), None), extra)

    def test_long_way(self) -> None:
        """What needs a second look gets it."""
        for odd_one in ("Host: other", "Sec-WebSocket-Protocol: matchd", "Origin: null"):
            self.assertIsNone(ordinary(request("/ws/", odd_one), None), odd_one)
        self.assertIsNone(ordinary(request("/ws/?token=x"), None))
