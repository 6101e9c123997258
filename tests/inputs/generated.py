"""Any number of inputs that are nearly right, by a seed: what was written down, bent, broken and mixed."""

from __future__ import annotations

import json
import random
import re
from typing import Any, TypeVar

from tests.inputs.requests import REQUESTS
from tests.inputs.texts import MODES, ODD_NAMES, TEXTS
from tests.inputs.wires import WIRES
from tests.support.wire import HEADERS, frame, request

T = TypeVar("T")

LONGEST = 4096

GOOD = [
    '{"type":"enqueue","player_id":"p","game_mode":"Ranked"}',
    '{"type":"enqueue","player_id":"p","game_mode":"Duel","rating":1500.5,"latencies":{"eu":20,"us":95.5},"token":"t"}',
    '{"type":"enqueue","player_id":"p","game_mode":"Ranked","party_id":"q","party_size":2}',
    '{"type":"resume","player_id":"p","token":"t"}',
    '{"type":"dequeue"}',
    '{"type":"loading_complete","loading_session_id":"9f86d081884c7d65-1"}',
    '{"type":"loading_complete"}',
]
SEEDS = GOOD * 20 + [text.said.decode() for rows in TEXTS.values() for text in rows if len(text.said) < 600]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[^\w\s]')
VALUES = [
    "null", "true", "false", "0", "-1", "1", "64", "65", "1.5", "1e9", "1e400", "-1e400", "9" * 400, "NaN", "Infinity", "01", "[]",
    "{}", "[[]]", '[{"type":"dequeue"}]', '{"type":"dequeue"}', '""', '"p"', '"p0"', '"p1"', '"Ranked"', '"Duel"', '"enqueue"',
    r'"\ud800"', r'"\u0000"', '"\\', '"', "[" * 50, "]" * 50, '{"a":' * 20, "}" * 20, ",", ":", ",,", "\\u0041", "/**/", "\ufeff",
    '"type"', '"player_id"', '"game_mode"', '"rating"', '"latencies"', '"loading_session_id"', '"__proto__"', '"x":1,', '"type":1,',
    *(json.dumps(name) for name in ODD_NAMES if len(name) < 70), *(text.said.decode() for text in MODES),
]  # fmt: skip
FIELDS = (
    "type",
    "player_id",
    "game_mode",
    "rating",
    "latencies",
    "party_id",
    "party_size",
    "token",
    "loading_session_id",
    "x",
    "",
    "Type",
)
PARTS = ["", "a", "\0", "\r\n", "\n", " ", "ä", "😀", "\u202e", '"', "\\", "{", "}", "[", "]", ":", ",", "1", "e", "-", "p", "*", "%"]  # fmt: skip
PAYLOADS = [b"", b"x", b"{}", b'{"type":"dequeue"}', b"\xff", "€".encode(), b"\xe2\x82", b"\x03\xe8", b"\x03\xe8bye", b"\0", b"y" * 125,
            b"y" * 126, b"y" * 127, b"y" * 300, b"y" * 4096, b"y" * 4097]  # fmt: skip
FIRSTS = (0x81, 0x81, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x00, 0x80, 0x01, 0xC1, 0x83)
PATHS = ("/ws/", "/ws/", "/ws/", "/ws/?token=x", "/", "/metrics", "/ws", "*", "", "/ws/#", "/ws/ x", "http://[/ws/")
HEADER_VALUES = ["", " ", "websocket", "Upgrade", "13", "8", "null", "*", "x" * 300, "a, b", "a;b", "\0", "\xff", "localhost:port", "[::1]",
                 "keep-alive, Upgrade", "chunked", "5", "-1", "https://game.example", "permessage-deflate", "\r\n evil: 1"]  # fmt: skip
HEADER_NAMES = ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Origin",
                "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "Expect", "", " ", "\0", "ä",
                "Authorization", "Cookie"]  # fmt: skip


class Generator:
    """By the same seed always the same inputs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self) -> bytes:
        """The payload of a text frame, in UTF-8 and of a length that may be sent."""
        make = self._one(self._message, self._message, self._tokens, self._tokens, self._bytes, self._noise)
        return make()[:LONGEST].decode(errors="ignore").encode()

    def wire(self) -> bytes:
        """Bytes on an open connection: some frames, of which some are broken."""
        frames = [self._frame() for _ in range(self._random.choice((1, 1, 1, 2, 3)))]
        if self._chance(0.1):
            frames.append(self._random.choice(_ALL_WIRES))
        data = b"".join(frames)
        return self._mutilated(data) if self._chance(0.4) else data

    def request(self) -> bytes:
        """The first bytes of a connection."""
        if self._chance(0.2):
            return self._mutilated(self._random.choice(_ALL_REQUESTS)[:9000])
        headers = [line for line in HEADERS if not self._chance(0.08)]
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            header = map(self._random.choice, (HEADER_NAMES, (": ", ":", " : ", ""), HEADER_VALUES))
            headers.insert(self._random.randint(0, len(headers)), "".join(header))
        data = request(self._random.choice(PATHS), headers=tuple(headers))
        return self._mutilated(data) if self._chance(0.3) else data

    # text

    def _message(self) -> bytes:
        """Something that could be a message, with odd fields."""
        seed: dict[str, Any] = json.loads(self._random.choice(GOOD))
        fields = [(name, json.dumps(value)) for name, value in seed.items() if not self._chance(0.1)]
        for _ in range(self._random.choice((1, 1, 2, 3))):
            at = self._random.randint(0, len(fields))
            instead = 0 if self._chance(0.2) else 1
            fields[at : at + instead] = [(self._one(*FIELDS, self._word()), self._value())]
        return ("{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields) + "}").encode(errors="replace")

    def _tokens(self) -> bytes:
        """What was written down, some of its words exchanged, doubled, moved or left out."""
        words = TOKEN.findall(self._random.choice(SEEDS)) or [""]
        for _ in range(self._random.choice((1, 1, 2, 4))):
            at = self._random.randrange(len(words))
            replaced = self._one(
                [], [self._value()], [words[at]] * 2, [self._random.choice(words)], [words[at], self._value()]
            )
            words[at : at + 1] = replaced or ([""] if len(words) == 1 else [])
        return "".join(words).encode(errors="replace")

    def _bytes(self) -> bytes:
        return self._mutilated(self._random.choice(SEEDS).encode())

    def _noise(self) -> bytes:
        if self._chance(0.5):
            return "".join(self._random.choices(PARTS + VALUES, k=self._random.randint(0, 12))).encode()
        return self._random.randbytes(self._random.randint(0, 60))

    def _value(self) -> str:
        return self._random.choice(VALUES) if self._chance(0.8) else json.dumps(self._word())

    def _word(self) -> str:
        return "".join(self._random.choices(PARTS, k=self._random.randint(0, 6)))

    # bytes

    def _frame(self) -> bytes:
        first = self._one(*FIRSTS, self._random.randrange(256))
        noise = self._random.randbytes(self._random.randint(0, 40))
        payload = self._random.choice(PAYLOADS) if self._chance(0.8) else noise
        data = frame(payload, first=first, mask=self._random.randbytes(4))
        if self._chance(0.1):
            return data[:1] + bytes((data[1] & 0x7F,)) + data[2:]
        return data

    def _mutilated(self, data: bytes) -> bytes:
        """A few bytes changed, put in, taken out, said twice, or the end cut off."""
        mangled = bytearray(data)
        for _ in range(self._random.choice((1, 1, 2, 3, 8))):
            at, until = sorted((self._random.randint(0, len(mangled)), self._random.randint(0, len(mangled))))
            until = min(until, at + 16)
            mangled[at:until] = self._one(
                self._random.randbytes(until - at), b"", mangled[at:until] * 2, self._random.randbytes(self._random.randint(1, 4)),
            )  # fmt: skip
        return bytes(mangled[: self._random.randint(0, len(mangled))] if self._chance(0.1) else mangled)

    def _one(self, *choices: T) -> T:
        return self._random.choice(choices)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


_ALL_WIRES = [row.sent for rows in WIRES.values() for row in rows if len(row.sent) < LONGEST]
_ALL_REQUESTS = [row.sent for rows in REQUESTS.values() for row in rows]
