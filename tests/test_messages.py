"""The wire: what is read from a client's frame, and what a client that got it wrong is told."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import RULES, BadMessage, Dequeue, Enqueue, ErrorCode, LoadingComplete, Resume, decode, error
from tests.support.frames import KINDS, anything, frames, names
from tests.support.properties import patient

NAME_RULE = "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"


def enqueue(**fields: Any) -> bytes:
    """A good ``enqueue`` but for these fields; one that is Ellipsis is left out."""
    message = {"type": "enqueue", "player_id": "p", "game_mode": "Ranked", **fields}
    return json.dumps({field: value for field, value in message.items() if value is not ...}).encode()


def raw(field: str, value: str) -> bytes:
    """A good ``enqueue`` but for one more field, whose value is written just so."""
    return b'{"type":"enqueue","player_id":"p","game_mode":"Ranked","%s":%s}' % (field.encode(), value.encode())


def told(frame: bytes) -> str:
    """What the sender of the frame is told is wrong with it; empty if nothing is."""
    try:
        decode(frame)
    except BadMessage as bad:
        return bad.text
    return ""


class MessagesThatAreUnderstood(SynchronousTestCase):
    def test_each_message(self) -> None:
        """The four messages of a client, with and without what may be left out."""
        for text, message in {
            '{"type":"enqueue","player_id":"p","game_mode":"Normal_1v1"}': Enqueue("p", "Normal_1v1"),
            '{"type":"resume","player_id":"p"}': Resume("p"),
            '{"type":"dequeue"}': Dequeue(),
            '{"type":"loading_complete","loading_session_id":"s"}': LoadingComplete("s"),
            '{"type":"loading_complete"}': LoadingComplete(None),
            '{"type":"loading_complete","loading_session_id":null}': LoadingComplete(None),
            '{"type":"resume","player_id":"p","token":"t"}': Resume("p", "t"),
        }.items():
            self.assertEqual(decode(text.encode()), message)

    def test_everything_an_enqueue_may_carry(self) -> None:
        """All optional fields at once."""
        more = {"rating": 1500.5, "latencies": {"eu": 20, "us": 95.5}, "party_id": "q", "party_size": 2, "token": "t"}
        self.assertEqual(decode(enqueue(**more)), Enqueue("p", "Ranked", 1500.5, {"eu": 20.0, "us": 95.5}, "q", 2, "t"))

    def test_order_and_space_do_not_matter(self) -> None:
        """The type may come last, and between the fields there may be white space."""
        self.assertEqual(decode(b'\n{ "player_id" : "p" ,\t"type" : "resume" }\r\n'), Resume("p"))

    def test_unknown_fields_are_ignored(self) -> None:
        """A newer client may say more than this server understands, be it a number without end."""
        for value in ('"x"', "[[1],{}]", "9" * 3000, "1e400", "null", '{"id":1}'):
            self.assertEqual(decode(raw("shoe_size", value)), Enqueue("p", "Ranked"))

    def test_the_longest_names(self) -> None:
        """64 characters, of all that are allowed."""
        for name in ("x" * 64, "A-Z.a-z_0-9", "-", "0"):
            self.assertEqual(decode(enqueue(player_id=name, game_mode=name)), Enqueue(name, name))

    @patient
    @given(
        st.builds(
            Enqueue, names, names, st.none() | st.floats(-1e9, 1e9),
            st.none() | st.dictionaries(names, st.floats(0, 60_000), max_size=9),
            st.none() | names, st.none() | st.integers(1, 64), st.none() | st.text(max_size=100),
        )
        | st.builds(Resume, names, st.none() | st.text(max_size=100))
        | st.just(Dequeue())
        | st.builds(LoadingComplete, st.none() | st.text(min_size=1, max_size=128))
    )  # fmt: skip
    def test_what_was_meant_is_what_is_read(self, message: Any) -> None:
        """Any message within the bounds comes out as it went in, however it is written."""
        body = {"type": message.__struct_config__.tag, **{f: getattr(message, f) for f in message.__struct_fields__}}
        for frame in (json.dumps(body).encode(), json.dumps(body, ensure_ascii=False, indent=1).encode()):
            self.assertEqual(decode(frame), message)


class MessagesThatAreShown(SynchronousTestCase):
    def test_without_the_token(self) -> None:
        """Wherever a message ends up as text, its token does not."""
        for said in (b'{"type":"enqueue","player_id":"ada","game_mode":"m","token":"s3cret"}',
                     b'{"type":"resume","player_id":"ada","token":"s3cret"}'):  # fmt: skip
            shown = repr(decode(said))
            self.assertIn("player_id='ada'", shown)
            self.assertNotIn("s3cret", shown)


class MessagesThatAreRefused(SynchronousTestCase):
    def assert_refused(self, frame: bytes, code: str, text: str) -> None:
        bad = self.assertRaises(BadMessage, decode, frame)
        self.assertEqual((bad.code, bad.text), (code, text), frame[:200])

    def test_not_json(self) -> None:
        """Whatever is no JSON text is told so."""
        for frame in (
            b"", b" ", b"hello", b"{", b"}", b'{"type":"dequeue"', b'{"type":"dequeue",}', b"{'type':'dequeue'}",
            b'{"type":"dequeue"} x', b'{"type":"dequeue"}{"type":"dequeue"}', b'\xef\xbb\xbf{"type":"dequeue"}',
            b'{"type":"deq\x00ueue"}', b'{"type":"dequeue\n"}', b"undefined", b'{"type":dequeue}', b"\x00", b"\xff",
        ):  # fmt: skip
            self.assert_refused(frame, "invalid_json", "not JSON")

    def test_numbers_that_json_does_not_have(self) -> None:
        """NaN and Infinity are JavaScript's, not JSON's, even in a field that nobody reads."""
        for number in ("NaN", "Infinity", "-Infinity", "0x10", "01", "1.", "+1", ".5"):
            for field in ("rating", "shoe_size"):
                self.assert_refused(raw(field, number), "invalid_json", "not JSON")

    def test_lone_surrogates(self) -> None:
        r"""``\ud800`` alone is half a character, which no other program could be handed on."""
        for text in (r'"\ud800"', r'"\udc00\ud800"', r'"a\ud83dz"'):
            for field in ("token", "party_id", "shoe_size"):
                self.assert_refused(raw(field, text), "invalid_json", "a string with half a surrogate pair")
        self.assertEqual(decode(raw("token", r'"\ud83d\ude00"')), Enqueue("p", "Ranked", token="\N{GRINNING FACE}"))

    def test_not_an_object(self) -> None:
        """JSON that is an array, a string, a number or nothing."""
        for frame in (b"[]", b'[{"type":"dequeue"}]', b'"dequeue"', b"1", b"-1.5", b"1e400", b"null", b"true"):
            self.assert_refused(frame, "invalid_message", "message: must be an object")

    def test_missing_fields(self) -> None:
        """The first field that is missing is named."""
        for frame, field in (
            (b"{}", "type"), (enqueue(type=...), "type"), (b'{"type":"enqueue"}', "player_id"),
            (enqueue(player_id=...), "player_id"), (enqueue(game_mode=...), "game_mode"),
            (b'{"type":"resume"}', "player_id"),
        ):  # fmt: skip
            self.assert_refused(frame, "invalid_message", f"{field}: missing")

    def test_unknown_types(self) -> None:
        """An unknown type is quoted, not further than 64 characters, and never raw."""
        for type_, shown in (
            ("join", "'join'"), ("", "''"), ("ENQUEUE", "'ENQUEUE'"), ("queued", "'queued'"), (" x", "' x'"),
            ("x" * 2000, repr("x" * 64)), ("a'b", '"a\'b"'), ("line\nbreak", r"'line\nbreak'"),
            ("it's - at `$.type`", '"it\'s - at `$.type`"'), ("\N{RIGHT-TO-LEFT OVERRIDE}", r"'\u202e'"),
        ):  # fmt: skip
            self.assert_refused(enqueue(type=type_), "unknown_type", f"type: {shown} is unknown")

    def test_types_that_are_no_strings(self) -> None:
        """A type of another kind is told what a type is."""
        for type_ in (1, None, True, ["enqueue"], {"enqueue": 1}):
            self.assert_refused(enqueue(type=type_), "invalid_message", "type: must be a string")

    def test_odd_names(self) -> None:
        """An id that is empty, overlong, of odd characters or no string: one sentence, with the field's name first."""
        odd = ("", "a b", "\N{LATIN SMALL LETTER A WITH DIAERESIS}", "x:y", "\0", "p\0", "p\n", "x" * 65, "x" * 3000,
               "\N{ARABIC-INDIC DIGIT ONE}", "a/b", "{p}", "*", 1, 1.5, True, ["p"], {"p": 1})  # fmt: skip
        for field in ("player_id", "game_mode", "party_id"):
            for value in odd:
                self.assert_refused(enqueue(**{field: value}), "invalid_message", f"{field}: {NAME_RULE}")
        for field in ("player_id", "game_mode"):
            self.assert_refused(enqueue(**{field: None}), "invalid_message", f"{field}: {NAME_RULE}")
        self.assert_refused(b'{"type":"resume","player_id":"a b"}', "invalid_message", f"player_id: {NAME_RULE}")

    def test_numbers_out_of_bounds(self) -> None:
        """Numbers too large for anything, down to the last of thousands of digits, are out of bounds and no more."""
        for value in ("1e400", "-1e400", "1000000001", "-1e10", "9" * 3000, "-" + "9" * 3000, '"1500"', "true", "[]"):
            self.assert_refused(
                raw("rating", value), "invalid_message", "rating: must be a number from -1000000000 to 1000000000"
            )
        for value in ("0", "65", "-1", "1.5", "2.0", "1e400", "9" * 3000, '"2"', "true"):
            self.assert_refused(
                raw("party_size", value), "invalid_message", "party_size: must be a whole number from 1 to 64"
            )

    def test_other_fields_of_the_wrong_kind(self) -> None:
        """Latencies, tokens and session ids have bounds too, and say them."""
        latencies = "latencies: must be an object of up to 64 regions, each a number from 0 to 60000"
        for value in ([1], "fast", {"eu": -1}, {"eu": 60_001}, {"eu": "1"}, {"eu": None}, {"": 1}, {"e u": 1},
                      {f"r{n}": 1 for n in range(65)}):  # fmt: skip
            self.assert_refused(enqueue(latencies=value), "invalid_message", latencies)
        for value in (5, ["t"], "t" * 4097):
            self.assert_refused(
                enqueue(token=value), "invalid_message", "token: must be a string of up to 4096 characters"
            )
        for value in ("", "s" * 129, 5, ["s"], {}):
            frame = json.dumps({"type": "loading_complete", "loading_session_id": value}).encode()
            self.assert_refused(frame, "invalid_message", "loading_session_id: must be a string of 1 to 128 characters")

    def test_duplicate_keys(self) -> None:
        """Which of two equal keys counts is nobody's guess, so neither does, however deep or disguised."""
        for frame, key in (
            (b'{"type":"dequeue","type":"dequeue"}', "type"),
            (b'{"type":"enqueue","type":"resume","player_id":"p","game_mode":"m"}', "type"),
            (b'{"type":"resume","player_id":"a","player_id":"b"}', "player_id"),
            (rb'{"type":"resume","player_id":"a","player\u005fid":"b"}', "player_id"),
            (b'{"type":"resume","player_id":"","player_id":""}', "player_id"),
            (raw("latencies", '{"eu":1,"us":2,"eu":3}'), "eu"),
            (raw("shoe_size", '{"x":[{"y":1,"y":1}]}'), "y"),
            (b'{"type":"dequeue","a b":1,"a b":2}', "'a b'"),
            (b'{"type":"dequeue","":1,"":2}', "''"),
            (rb'{"type":"dequeue","\ud800":1,"\ud800":2}', r"'\ud800'"),
            (b'{"type":"dequeue","%s":1,"%s":2}' % (b"x" * 999, b"x" * 999), repr("x" * 64)),
        ):
            self.assert_refused(frame, "invalid_message", f"{key}: given twice")

    def test_nested_2000_deep(self) -> None:
        """Brackets within brackets do no harm; a Python with a deeper stack than others' may tell more of the rest."""
        deep = "[" * 2000 + "]" * 2000
        for frame, otherwise in (
            (deep.encode(), "message: must be an object"), (b"[" * 4096, "not JSON"),
            (raw("token", deep), "token: must be a string of up to 4096 characters"), (raw("shoe_size", deep), ""),
        ):  # fmt: skip
            self.assertIn(told(frame), ("nested too deeply", otherwise))

    def test_every_field_has_its_rule(self) -> None:
        """There is no field that could be wrong without words for it."""
        self.assertEqual(
            set(RULES), {"message", "type", *(field for kind in KINDS for field in kind.__struct_fields__)}
        )

    @patient
    @given(frames)
    def test_any_bytes(self, frame: bytes) -> None:
        """Whatever is sent is a message or is refused in one short line; nothing else ever comes of it."""
        try:
            message = decode(frame)
        except BadMessage as bad:
            told = json.loads(error(bad.code, bad.text))
            self.assertEqual(told, {"type": "error", "code": bad.code.value, "message": bad.text})
            self.assertTrue(bad.text.isprintable(), bad.text)
            self.assertLess(len(bad.text), 400)
        else:
            self.assertIsInstance(message, KINDS)

    @patient
    @given(anything)
    def test_what_is_json_is_never_called_something_else(self, value: Any) -> None:
        """Only what is no JSON is called so; another sound value is at most called the wrong message."""
        try:
            frame = json.dumps(value, allow_nan=False).encode()
        except ValueError:
            return
        bad = self.assertRaises(BadMessage, decode, frame)
        self.assertNotEqual(bad.code, "invalid_json")


class WhatTheServerSays(SynchronousTestCase):
    def test_errors(self) -> None:
        """An error has its code and a text, and says when to come again where that is known."""
        self.assertEqual(
            error(ErrorCode.NOT_QUEUED, 'no "queue"'),
            rb'{"type":"error","code":"not_queued","message":"no \"queue\""}',
        )
        self.assertEqual(
            json.loads(error(ErrorCode.COOLDOWN, "wait", 12.5)),
            {"type": "error", "code": "cooldown", "message": "wait", "retry_after_s": 12.5},
        )
