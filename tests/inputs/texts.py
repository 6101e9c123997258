"""Text frames that are no message, by what is wrong with them, each with the error that has to answer it."""

from __future__ import annotations

import json
from typing import NamedTuple


class Text(NamedTuple):
    """A text frame, and the code and the words in which it is refused; any, where there are none."""

    said: bytes
    code: str
    message: str


NAME = "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"
MUST = {
    "player_id": NAME,
    "game_mode": NAME,
    "party_id": NAME,
    "rating": "must be a number from -1000000000 to 1000000000",
    "latencies": "must be an object of up to 64 regions, each a number from 0 to 60000",
    "party_size": "must be a whole number from 1 to 64",
    "token": "must be a string of up to 4096 characters",
    "loading_session_id": "must be a string of 1 to 128 characters",
    "type": "must be a string",
    "message": "must be an object",
}

HALF = "a string with half a surrogate pair"


def wish(field: str, value: str) -> bytes:
    """A good ``enqueue`` but for this field, whose value is written just so."""
    fields = {"type": '"enqueue"', "player_id": '"p"', "game_mode": '"Ranked"', field: value}
    return ("{" + ",".join(f'"{name}":{written}' for name, written in fields.items()) + "}").encode()


def not_json(*texts: str | bytes) -> list[Text]:
    """What is no JSON at all."""
    return [Text(text.encode() if isinstance(text, str) else text, "invalid_json", "not JSON") for text in texts]


def wrong(field: str, *values: object) -> list[Text]:
    """An ``enqueue`` with each of these values where they can't be."""
    return [Text(wish(field, json.dumps(value)), "invalid_message", f"{field}: {MUST[field]}") for value in values]


def wrongly_written(field: str, *values: str) -> list[Text]:
    """The same, with values as they are written."""
    return [Text(wish(field, value), "invalid_message", f"{field}: {MUST[field]}") for value in values]


def invalid(message: str, *texts: str) -> list[Text]:
    """What is answered with ``invalid_message`` and these words."""
    return [Text(text.encode(), "invalid_message", message) for text in texts]


SYNTAX = not_json(
    "", " ", "\t\r\n", "\0", "\x1f", "hello", "enqueue", "undefined", "None", "True", "nul", "nulll", "tru", "TRUE", "'",
    '"', '"a', "a\"", "'dequeue'", '"\n"', '"\t"', '"\x00"', '"\x1f"', '"\\"', '"\\x41"', '"\\u12"', '"\\u00g0"', '"\\u"',
    '"\\U00000041"', '"\\a"', '"\\\n"', "{", "}", "{}}", "}{", "{{}}", "{,}", "{:}", '{"a"}', '{"a":}', '{"a" 1}',
    '{"a":1,}', '{,"a":1}', '{"a":1,,"b":2}', '{"a":1;"b":2}', '{"a":1 "b":2}', '{"a"::1}', '{"a":1:2}', "{a:1}",
    "{'a':1}", "{1:2}", "{null:1}", "{[]:1}", '{"a":[}', '{"a":{]}', '{"a":(1)}', '{"a":<1>}', "[", "]", "[]]", "[,]",
    "[1,]", "[,1]", "[1 2]", "[1,,2]", "[1;2]", '["a":1]', "[}", "[{]}", '{"type":"dequeue"', '{"type":"dequeue',
    '{"type":', '{"type"', '{"', '{"type":"dequeue"}}', '{"type":"dequeue"}{"type":"dequeue"}', '{"type":"dequeue"},',
    '{"type":"dequeue"} x', '{"type":"dequeue"};', '{"type":"dequeue"}\0', '\ufeff{"type":"dequeue"}',
    '\u2028{"type":"dequeue"}', '\u00a0{"type":"dequeue"}', '\v{"type":"dequeue"}', '\f{"type":"dequeue"}',
    '/* hi */{"type":"dequeue"}', '{"type":"dequeue"}// hi', '# hi\n{"type":"dequeue"}', '{"type":dequeue}',
    '{"type":`dequeue`}', "{'type':'dequeue'}", '{type:"dequeue"}', '{"type"="dequeue"}', '{"type"=>"dequeue"}',
    '{“type”:“dequeue”}', '{"type":"dequeue\n"}', '{"type":"de" "queue"}', '{"type":"de"+"queue"}',
    '{"type":\\u0022dequeue\\u0022}', "type=dequeue", "<dequeue/>", "type: dequeue", "---\ntype: dequeue\n",
    "GET /ws/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "*1\r\n$4\r\nPING\r\n", "PING\r\n", "\x1b[2J", "%7B%7D", "eyJ9",
    ")]}',\n{}", "{" * 4096, '"' * 4095, "\\" * 4096, "x" * 4096, ",".join(["{}"] * 1000), "\x7f" * 100,
)  # fmt: skip

NUMBERS = [
    text
    for field in ("rating", "party_size", "shoe_size")
    for text in not_json(*(wish(field, number) for number in (
        "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "1.#INF", "0x10", "0b1", "0o7", "01", "-01", "00", "1.", ".5",
        "-.5", "+1", "--1", "- 1", "1e", "1e+", "1e1.5", "1e1e1", "1.2.3", "1_000", "1,5", "1 000", "1f", "1n", "-", "+",
        "e5", "\N{ARABIC-INDIC DIGIT ONE}", "\N{FULLWIDTH DIGIT ONE}", "\N{VULGAR FRACTION ONE HALF}", "\N{MINUS SIGN}1",
        "9" * 3900 + "e",
    )))
]  # fmt: skip

SURROGATES = [
    Text(text, "invalid_json", HALF)
    for text in (
        *(wish(field, value) for field in ("token", "party_id", "player_id", "type", "shoe_size") for value in (
            r'"\ud800"', r'"\udfff"', r'"\udc00\ud800"', r'"a\ud83dz"', r'"\ud83d\ud83d\ude00"', r'"\uD800"',
        )),
        rb'{"\ud800":1,"type":"dequeue"}', rb'{"type":"dequeue","x":{"\udc00":1}}', rb'"\ud800"',
        rb'{"type":"\ud800dequeue"}', rb'{"type":"dequeue","x":[[["\ud800\u0020\udc00"]]]}',
    )
]  # fmt: skip

NO_OBJECT = invalid(
    "message: must be an object",
    "[]", "[[]]", '[{"type":"dequeue"}]', '["type","dequeue"]', '"dequeue"', '""', '"{}"', '"\\u0000"', "0", "-0", "1",
    "-1.5", "1e400", "-1e400", "1e-400", "9" * 4000, "null", "true", "false", " null ", '["enqueue","p","Ranked"]',
)  # fmt: skip

MISSING = (
    invalid(
        "type: missing",
        "{}", " { } ", '{"Type":"dequeue"}', '{"TYPE":"dequeue"}', '{"type ":"dequeue"}', '{" type":"dequeue"}', '{"":""}',
        '{"typ":"dequeue"}', '{"t\\u0079pe\\u0000":"dequeue"}', '{"player_id":"p","game_mode":"Ranked"}',
        '{"message":{"type":"dequeue"}}', '{"\N{CYRILLIC SMALL LETTER ER}type":"dequeue"}',
    )
    + invalid(
        "player_id: missing",
        '{"type":"enqueue"}', '{"type":"resume"}', '{"type":"enqueue","game_mode":"Ranked"}',
        '{"type":"enqueue","playerId":"p","game_mode":"Ranked"}', '{"type":"enqueue","player":"p","game_mode":"Ranked"}',
        '{"type":"resume","Player_id":"p"}', '{"type":"resume","token":"t"}', '{"type":"resume","player_id\\u0000":"p"}',
        '{"type":"enqueue","x":{"player_id":"p"},"game_mode":"Ranked"}',
    )
    + invalid(
        "game_mode: missing",
        '{"type":"enqueue","player_id":"p"}', '{"type":"enqueue","player_id":"p","mode":"Ranked"}',
        '{"type":"enqueue","player_id":"p","gameMode":"Ranked"}', '{"type":"enqueue","player_id":"p","game_mode ":"Ranked"}',
    )
)  # fmt: skip

TYPES = wrong("type", None, True, False, 0, 1, -1, 1.5, [], ["enqueue"], {}, {"enqueue": 1}, [["enqueue"]]) + [
    Text(wish("type", json.dumps(kind)), "unknown_type", f"type: {shown} is unknown")
    for kind, shown in (
        *((kind, f"'{kind}'") for kind in (
            "", " ", "join", "leave", "ENQUEUE", "Enqueue", "enqueue ", " enqueue", "enqueued", "en-queue", "ping", "close",
            "queued", "dequeued", "start_loading", "match_found", "requeued", "error", "invalid", "Enqueue()", "__class__",
            "constructor", "__proto__", "*", "eval", "$where", "null", "0", "{}", "%s%n", "${jndi:x}", "FLUSHALL", "../x",
        )),
        ("x" * 2000, repr("x" * 64)), ("it's", '"it\'s"'), ("a\nb", r"'a\nb'"), ("\0", r"'\x00'"), ("\x1b[2J", r"'\x1b[2J'"),
        ("\r\n\r\n", r"'\r\n\r\n'"), ("\u2028", r"'\u2028'"), ("\u202e", r"'\u202e'"), ("\ufeff", r"'\ufeff'"),
        ("enqueue\0", r"'enqueue\x00'"), ("\N{FULLWIDTH LATIN SMALL LETTER E}nqueue", "'\N{FULLWIDTH LATIN SMALL LETTER E}nqueue'"), ("€", "'€'"),
    )
]  # fmt: skip

ODD_NAMES = (
    "", " ", "a b", " a", "a ", "a\n", "a\r\n", "\ta", "a\0", "\0", "ä", "é", "\N{CYRILLIC SMALL LETTER A}", "a\u0301",
    "\N{ARABIC-INDIC DIGIT THREE}", "\N{FULLWIDTH LATIN SMALL LETTER A}", "\N{ZERO WIDTH SPACE}a", "\u202ea", "\ufeffa", "😀",
    "a:b", ":", "player:a", "queue:Ranked", "a/b", "../a", "a\\b", "{a}", "{}", "[a]", "a*", "?", "*", "a?b", "a'b", 'a"b',
    "a`b", "a;b", "a|b", "a&b", "a$b", "a%00", "%0d%0a", "a,b", "a=b", "a+b", "a@b", "a#b", "a!b", "a~b", "a^b", "(a)", "<a>",
    "a" * 65, "a" * 66, "a" * 1000, "\x7f", "\x1b[31ma", "\r\nSET x y\r\n", "$1\r\na\r\n",
)  # fmt: skip
NO_NAMES: tuple[object, ...] = (0, 1, -1, 1.5, True, False, [], ["a"], [["a"]], {}, {"a": "b"}, {"$ne": None})

IDS = [
    *wrong("player_id", *ODD_NAMES, *NO_NAMES, None),
    *wrong("game_mode", *ODD_NAMES[::2], *NO_NAMES, None),
    *wrong("party_id", *ODD_NAMES[1::2], *NO_NAMES),
    *(
        Text(json.dumps({"type": "resume", "player_id": name}).encode(), "invalid_message", f"player_id: {NAME}")
        for name in (*ODD_NAMES[::3], *NO_NAMES, None)
    ),
]

BOUNDS = [
    *wrong("rating", "1500", "", "NaN", True, False, [], [1], {}, {"mu": 25}, 1e9 + 1, -1e9 - 1, 10**30, 1.5e300),
    *wrongly_written("rating", "1e400", "-1e400", "1e999999999", "-1e999999999", "9" * 3900, "-" + "9" * 3900, "1000000000.1"),
    *wrong("party_size", 0, -1, 65, 1.5, 0.5, 64.5, "2", "", True, False, [], [2], {}, 2**31, 2**53, 2**63, 2**64, 10**40),
    *wrongly_written("party_size", "2.0", "-0.5", "1e400", "1e-400", "1e2", "9" * 3900, "0.999999999999999999999"),
    *wrong("latencies", [], [1], ["eu", 1], "", "eu", 0, 1, 1.5, True, False, {"eu": -1}, {"eu": -0.001}, {"eu": 60_001},
           {"eu": 1e300}, {"eu": "1"}, {"eu": None}, {"eu": True}, {"eu": []}, {"eu": {}}, {"eu": [1]}, {"": 1}, {" ": 1},
           {"e u": 1}, {"eu:1": 1}, {"*": 1}, {"ä": 1}, {"a\n": 1}, {"a\0": 1}, {"a" * 65: 1}, {"eu": 1, "us": -1},
           {f"r{number}": 1 for number in range(65)}, {f"r{number}": 1 for number in range(200)}),
    *wrongly_written("latencies", '{"eu":1e400}', '{"eu":' + "9" * 3900 + "}", '{"eu":60000.0001}'),
    *wrong("token", 0, 1, 1.5, True, False, [], ["t"], {}, {"t": "t"}),
    *(
        Text(json.dumps({"type": "loading_complete", "loading_session_id": value}).encode(), "invalid_message",
             f"loading_session_id: {MUST['loading_session_id']}")
        for value in ("", "s" * 129, "s" * 3000, "ä" * 129, 0, 1, 1.5, True, False, [], ["s"], {}, {"s": 1})
    ),
]  # fmt: skip

TWICE = [
    *invalid("type: given twice", '{"type":"dequeue","type":"dequeue"}', '{"type":"enqueue","type":"dequeue"}',
             '{"type":1,"type":"dequeue"}', '{"type":"dequeue","x":1,"type":"dequeue"}', r'{"type":"dequeue","t\u0079pe":1}',
             r'{"\u0074ype":"dequeue","type":"dequeue"}', '{"type":"dequeue","type":null}', '[{"type":1,"type":2}]'),
    *invalid("player_id: given twice", '{"type":"resume","player_id":"a","player_id":"b"}',
             '{"type":"resume","player_id":"a","player_id":"a"}', '{"type":"resume","player_id":null,"player_id":"a"}',
             r'{"type":"resume","player_id":"a","player\u005fid":"b"}', '{"player_id":1,"type":"resume","player_id":"a"}'),
    *invalid("game_mode: given twice", '{"type":"enqueue","player_id":"p","game_mode":"Ranked","game_mode":"Duel"}'),
    *invalid("rating: given twice", '{"type":"enqueue","player_id":"p","game_mode":"Ranked","rating":1,"rating":9e8}'),
    *invalid("eu: given twice", wish("latencies", '{"eu":1,"eu":1}').decode(), wish("x", '{"eu":1,"us":2,"eu":3}').decode()),
    *invalid("y: given twice", wish("x", '{"y":1,"y":1}').decode(), wish("x", '[[{"y":[],"y":{}}]]').decode(),
             wish("x", '{"z":{"y":1,"y":1}}').decode()),
    *invalid("'': given twice", '{"type":"dequeue","":1,"":2}'),
    *invalid("'a b': given twice", '{"type":"dequeue","a b":1,"a b":2}'),
    *invalid(r"'\n': given twice", r'{"type":"dequeue","\n":1,"\n":2}'),
    *invalid(r"'\x1b[2J': given twice", r'{"type":"dequeue","\u001b[2J":1,"\u001b[2J":2}'),
    *invalid(r"'\u202e': given twice", '{"type":"dequeue","\u202e":1,"\u202e":2}'),
    *invalid(r"'\xe4': given twice", '{"type":"dequeue","ä":1,"ä":2}'),
    *invalid(r"'\ud800': given twice", r'{"type":"dequeue","\ud800":1,"\ud800":2}'),
    *invalid(f"'{'x' * 64}': given twice", '{"type":"dequeue","KEY":1,"KEY":2}'.replace("KEY", "x" * 999)),
]  # fmt: skip


DEEP = 1100, 1500, 2000
"""Depths that a Python may call too deep, or not: its stack decides."""

DEPTH = [
    *(Text(text.encode(), "", "") for depth in DEEP for text in (
        "[" * depth, "[" * depth + "]" * depth, '{"a":' * (depth // 3), '{"a":' * (depth // 3) + "1" + "}" * (depth // 3),
        "[{" * (depth // 2), wish("token", "[" * depth + "]" * depth).decode(),
    )),
    Text(b"[" * 4096, "", ""),
    *not_json("[" * 900, '{"a":' * 100, "[{" * 400, "[" * 900 + "]" * 899, '{"type":' + "[" * 100 + "}"),
    *invalid("message: must be an object", "[" * 100 + "]" * 100, "[[[[]]]]"),
    *invalid(f"token: {MUST['token']}", *(wish("token", deep).decode() for deep in (
        "[" * 100 + "]" * 100, '{"eu":' * 50 + "1" + "}" * 50,
    ))),
    *invalid(f"rating: {MUST['rating']}", wish("rating", "[" * 100 + "]" * 100).decode()),
    *invalid(f"latencies: {MUST['latencies']}", wish("latencies", '{"eu":' * 50 + "1" + "}" * 50).decode()),
]  # fmt: skip

MODES = [
    Text(wish("game_mode", json.dumps(mode)), "invalid_game_mode", f"game_mode: {mode} is unknown")
    for mode in ("Chess", "ranked", "RANKED", "Ranked.", ".Ranked", "Ranked-", "Duel2", "Normal_1v1", "0", "-", ".", "..", "_",
                 "__proto__", "constructor", "None", "null", "nan", "x" * 64)
]  # fmt: skip

TEXTS = {
    "JSON syntax": SYNTAX,
    "numbers": NUMBERS,
    "surrogates": SURROGATES,
    "no object": NO_OBJECT,
    "missing fields": MISSING,
    "types": TYPES,
    "ids": IDS,
    "bounds": BOUNDS,
    "duplicate keys": TWICE,
    "depth": DEPTH,
    "game modes": MODES,
}
"""All of them, by category."""
