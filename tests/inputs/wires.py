"""What breaks the rules of WebSocket, by what is wrong, each with the code that the connection is closed with."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.wire import BINARY, CLOSE, PING, PONG, TEXT, fragments, frame


class Wire(NamedTuple):
    """Bytes on an open connection, and what it is closed with; 0: with what ends it when the time is up (4009)."""

    sent: bytes
    code: int


BROKEN, NOT_TEXT, TOO_LONG, NO_BINARY, IDLE = 1002, 1007, 1009, 4002, 4009


def _first(opcode: int = TEXT, fin: int = 0x80, rsv: int = 0) -> int:
    return fin | rsv | opcode


def _head(first: int, length: int, *, masked: bool = True, written: int | None = None) -> bytes:
    """A frame's head whose length is written in as many bytes as ``written`` says, or as few as it takes."""
    bit = 0x80 if masked else 0
    size = written if written is not None else (0 if length < 126 else 2 if length < 65_536 else 8)
    lead = bytes((first, bit | {0: length, 2: 126, 8: 127}[size]))
    return lead + (length.to_bytes(size, "big") if size else b"") + (bytes(4) if masked else b"")


RESERVED = [
    Wire(frame(b"x", first=_first(opcode, rsv=rsv)), BROKEN)
    for rsv in (0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70)
    for opcode in (TEXT, BINARY, PING, CLOSE)
]
OPCODES = [
    Wire(frame(payload, opcode), BROKEN) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15) for payload in (b"", b"{}")
]
UNMASKED = [
    Wire(_head(first, len(payload), masked=False) + payload, BROKEN)
    for first, payload in (
        (0x81, b"{}"), (0x81, b""), (0x82, b"{}"), (0x89, b"x"), (0x8A, b"x"), (0x88, b""), (0x88, b"\x03\xe8"), (0x01, b"{"),
        (0x81, b"x" * 126), (0x81, b"x" * 4096),
    )
]  # fmt: skip
CONTROL = [
    *(
        Wire(frame(b"x" * length, opcode), BROKEN)
        for opcode in (CLOSE, PING, PONG)
        for length in (126, 127, 300, 4096, 65_536)
    ),
    *(Wire(frame(b"x", first=_first(opcode, fin=0)), BROKEN) for opcode in (CLOSE, PING, PONG)),
    *(Wire(_head(_first(opcode), 5, written=2) + b"hello", BROKEN) for opcode in (CLOSE, PING, PONG)),
]
LENGTHS = [
    *(Wire(_head(0x81, length, written=2), BROKEN) for length in (0, 1, 5, 125)),
    *(Wire(_head(0x81, length, written=8), BROKEN) for length in (0, 1, 125, 126, 4096, 65_535, 2**63, 2**64 - 1)),
    *(Wire(_head(0x81, length), TOO_LONG) for length in (4097, 5000, 65_535, 65_536, 2**20, 2**31, 2**32, 2**53, 2**63 - 1)),
    *(Wire(_head(0x01, length), TOO_LONG) for length in (4097, 2**40)),
    *(Wire(frame(b"x" * length), TOO_LONG) for length in (4097, 4098, 8192, 70_000)),
    *(Wire(fragments(b"x" * first, b"x" * second), TOO_LONG) for first, second in ((4096, 1), (1, 4096), (2048, 2049))),
    Wire(fragments(*[b"x" * 100] * 41), TOO_LONG),
    Wire(fragments(*[b"x"] * 4097), TOO_LONG),
]  # fmt: skip
PIECES = [
    *(Wire(frame(payload, first=first), BROKEN) for first in (0x00, 0x80) for payload in (b"", b"x", b"{}")),
    *(Wire(frame(b"{", first=0x01) + frame(b"}", first=again), BROKEN) for again in (0x01, 0x81, 0x02, 0x82)),
    *(
        Wire(frame(b"", first=0x01) + frame(b"", first=0x00) + frame(b"", first=again), BROKEN)
        for again in (0x01, 0x81)
    ),
    Wire(fragments(b"{", b"}").replace(b"\x80", b"\x90", 1), BROKEN),
    Wire(fragments(b"\xff", b""), NOT_TEXT),
    Wire(fragments(b"\xe2\x82", b"x"), NOT_TEXT),
    Wire(fragments(b"\xf0\x9f", b"\x98"), NOT_TEXT),
    Wire(fragments(b"a", b"b", b"\xc3"), NOT_TEXT),
]
NO_TEXT = [
    Wire(frame(text), NOT_TEXT)
    for text in (
        b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xc3(", b"\xa0\xa1", b"\xe2\x28\xa1",
        b"\xe2\x82\x28", b"\xe2\x82", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xf0\x28\x8c\xbc", b"\xf0\x80\x80\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80", b"{\xff}", b'{"type":"\xe4"}', b'{"type":"dequeue"}\xc3', b"a" * 4095 + b"\xc3",
        b"\xff\xfe{\x00}\x00", b"\x1f\x8b\x08\x00", b"\x89PNG\r\n\x1a\n",
    )
]  # fmt: skip
BINARIES = [
    Wire(frame(payload, BINARY), NO_BINARY)
    for payload in (b"", b"\0", b'{"type":"dequeue"}', b"\xff" * 100, b"x" * 4096, b"\x83\xa4type")
] + [
    Wire(frame(b"{", first=0x02) + frame(b"}", first=0x80), NO_BINARY),
    Wire(frame(b"\xff", first=0x02) + frame(b"", first=0x00) + frame(b"\xff", first=0x80), NO_BINARY),
]  # fmt: skip
UNFINISHED = [
    Wire(data, 0)
    for data in (
        b"\x81", b"\x81\x82", b"\x81\x82\0\0\0", b"\x81\x82\0\0\0\0{", b"\x81\xfe", b"\x81\xfe\x0f", b"\x81\xff", b"\x89", b"\x88",
        b"\x88\x82\0\0\0\0\x03", frame(b"x" * 4096)[:-1], frame(b"{", first=0x01), fragments(b"{", b"}")[:-1],
        frame(b"{", first=0x01) + frame(b"", first=0x00) * 10,
    )
]  # fmt: skip


def _goodbye(code: int, reason: bytes = b"") -> bytes:
    return frame(code.to_bytes(2, "big") + reason, CLOSE)


CLOSES = [
    *(Wire(_goodbye(code), BROKEN) for code in (
        0, 1, 99, 255, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1099, 1100, 1999, 2000, 2016, 2999, 5000, 5001, 9999, 32_768,
        65_535,
    )),
    *(Wire(_goodbye(code, b"bye"), BROKEN) for code in (0, 1004, 1005, 1006, 1015, 1100, 2999, 5000, 65_535)),
    *(Wire(frame(payload, CLOSE), BROKEN) for payload in (b"\0", b"\x03", b"\xff")),
    *(Wire(_goodbye(1000, reason), NOT_TEXT) for reason in (
        b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"bye\xff", b"x" * 122 + b"\xc3",
    )),
    *(Wire(_goodbye(code), 1000) for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)),
    Wire(frame(b"", CLOSE), 1000),
    Wire(_goodbye(1000, b"x" * 123), 1000),
    Wire(_goodbye(1000) + _goodbye(1001), 1000),
    Wire(_goodbye(1000) + frame(b'{"type":"dequeue"}') + frame(b"\xff"), 1000),
]  # fmt: skip

WIRES = {
    "reserved bits": RESERVED,
    "opcodes": OPCODES,
    "unmasked frames": UNMASKED,
    "control frames": CONTROL,
    "lengths": LENGTHS,
    "fragments": PIECES,
    "no UTF-8": NO_TEXT,
    "binary frames": BINARIES,
    "unfinished frames": UNFINISHED,
    "close frames": CLOSES,
}
"""All of them, by category."""
