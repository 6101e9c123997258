"""Messages that are none, or not now, over a real socket, from a library that is not matchd's own."""

from __future__ import annotations

import json

from tests.support.fleets import OneNodeCase
from tests.support.talking import PATIENCE, Talk, talking

NAME_RULE = "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"
DIGITS = "9" * 3900
DEEP = "[" * 2000 + "]" * 2000

NOT_JSON = [
    ("", "not JSON"),
    ("enqueue", "not JSON"),
    ("{'type':'dequeue'}", "not JSON"),
    ('{"type":"dequeue"', "not JSON"),
    ('{"type":"dequeue"}}', "not JSON"),
    ('\ufeff{"type":"dequeue"}', "not JSON"),
    ('{"type":"dequeue","x":NaN}', "not JSON"),
    ('{"type":"dequeue","x":-Infinity}', "not JSON"),
    (f'{{"type":"dequeue","x":{DIGITS}e}}', "not JSON"),
    (DEEP, "nested too deeply"),
    (f'{{"type":"dequeue","x":{DEEP}}}', "nested too deeply"),
    ('{"type":"\\ud800"}', "a string with half a surrogate pair"),
    ('{"type":"dequeue","x":"\\udc00"}', "a string with half a surrogate pair"),
]

NO_MESSAGE = [
    ("[]", "message: must be an object"),
    ('["type","dequeue"]', "message: must be an object"),
    ('"dequeue"', "message: must be an object"),
    ("null", "message: must be an object"),
    ("7", "message: must be an object"),
    ("{}", "type: missing"),
    ('{"Type":"dequeue"}', "type: missing"),
    ('{"type":null}', "type: must be a string"),
    ('{"type":1}', "type: must be a string"),
    ('{"type":["dequeue"]}', "type: must be a string"),
    ('{"type":"dequeue","type":"dequeue"}', "type: given twice"),
    ('{"type":"dequeue","x":{"y":1,"y":2}}', "y: given twice"),
    ('{"type":"enqueue"}', "player_id: missing"),
    ('{"type":"enqueue","game_mode":"Normal_1v1"}', "player_id: missing"),
    ('{"type":"enqueue","player_id":"p"}', "game_mode: missing"),
    ('{"type":"resume"}', "player_id: missing"),
    ('{"type":"enqueue","player_id":"p","game_mode":{}}', f"game_mode: {NAME_RULE}"),
    ('{"type":"enqueue","player_id":"p","game_mode":""}', f"game_mode: {NAME_RULE}"),
    (
        '{"type":"loading_complete","loading_session_id":7}',
        "loading_session_id: must be a string of 1 to 128 characters",
    ),
    (
        '{"type":"loading_complete","loading_session_id":""}',
        "loading_session_id: must be a string of 1 to 128 characters",
    ),
]

BAD_PLAYERS: list[object] = [
    "a b", "ä", "x:y", "a\0", "a\n", "a" * 65, "", "٣", "a/b", "{a}", "*", 5, 1.5, True, None, ["a"], {"a": 1},
]  # fmt: skip

RATING = "rating: must be a number from -1000000000 to 1000000000"
LATENCIES = "latencies: must be an object of up to 64 regions, each a number from 0 to 60000"
PARTY_SIZE = "party_size: must be a whole number from 1 to 64"
BAD_FIELDS = [
    ('"rating":"high"', RATING),
    ('"rating":1e400', RATING),
    ('"rating":-1e999999999', RATING),
    (f'"rating":{DIGITS}', RATING),
    ('"latencies":[]', LATENCIES),
    ('"latencies":{"eu":"far"}', LATENCIES),
    ('"latencies":{"e u":1}', LATENCIES),
    ('"latencies":{"eu":-1}', LATENCIES),
    ('"party_id":"a party"', f"party_id: {NAME_RULE}"),
    ('"party_size":0', PARTY_SIZE),
    ('"party_size":1.5', PARTY_SIZE),
    ('"party_size":"2"', PARTY_SIZE),
    ('"token":5', "token: must be a string of up to 4096 characters"),
]

NOT_QUEUED = {"type": "error", "code": "not_queued", "message": "you are in no queue"}
NOT_IN_SESSION = {
    "type": "error", "code": "not_in_session", "message": "loading_session_id: you are not in that loading session",
}  # fmt: skip


def enqueue(player_id: object, more: str = "") -> str:
    """The request of a place, with whatever name."""
    return json.dumps({"type": "enqueue", "player_id": player_id, "game_mode": "Normal_1v1"})[:-1] + more + "}"


class BadMessageTests(OneNodeCase):
    """A message that is none gets an error that says what is wrong, and the connection stays open."""

    def assert_refused(self, sent: str, code: str, message: str) -> None:
        """It is refused with these words, and the connection is kept."""
        with talking(self.node.url) as talk:
            self.assertEqual(talk.answer(sent), {"type": "error", "code": code, "message": message}, sent[:80])
            self.assertEqual(talk.answer('{"type":"dequeue"}'), NOT_QUEUED, sent[:80])

    def test_not_json(self) -> None:
        """What is not JSON."""
        for sent, message in NOT_JSON:
            self.assert_refused(sent, "invalid_json", message)

    def test_no_message(self) -> None:
        """What is JSON, but lacks something, or has it in the wrong type, or twice."""
        for sent, message in NO_MESSAGE:
            self.assert_refused(sent, "invalid_message", message)

    def test_unknown_type(self) -> None:
        """What matchd does not know, or only says itself."""
        for kind, shown in (("dance", "'dance'"), ("queued", "'queued'"), ("match_found", "'match_found'"), ("", "''")):
            self.assert_refused(json.dumps({"type": kind}), "unknown_type", f"type: {shown} is unknown")

    def test_bad_names(self) -> None:
        """Names that are none."""
        for player_id in BAD_PLAYERS:
            self.assert_refused(enqueue(player_id), "invalid_message", f"player_id: {NAME_RULE}")

    def test_bad_fields(self) -> None:
        """What may be left out, but is wrong if it is there."""
        for field, message in BAD_FIELDS:
            self.assert_refused(enqueue("p", "," + field), "invalid_message", message)

    def test_unknown_mode(self) -> None:
        """A mode that nobody has set up."""
        sent = '{"type":"enqueue","player_id":"p","game_mode":"Chess"}'
        self.assert_refused(sent, "invalid_game_mode", "game_mode: Chess is unknown")

    def test_unknown_fields(self) -> None:
        """Fields that matchd does not know do no harm, whatever they hold."""
        for value in ("1e400", DIGITS, "null", '{"a":[1,{"b":"\\u0000"}]}', '"\\ud83d\\ude00"'):
            with talking(self.node.url) as talk:
                self.assertEqual(talk.answer(f'{{"type":"dequeue","x":{value}}}'), NOT_QUEUED)

    def test_largest_message(self) -> None:
        """4,096 bytes are a message like any other, also in pieces."""
        padded = '{"type":"dequeue"}'.ljust(4096)
        with talking(self.node.url) as talk:
            self.assertEqual(talk.answer(padded), NOT_QUEUED)
            talk.say_in_pieces(padded[:1000], padded[1000:4000], padded[4000:])
            self.assertEqual(talk.hear(), NOT_QUEUED)
            self.assertLess(talk.ping(), PATIENCE)


class WrongMomentTests(OneNodeCase):
    """Messages that are right, but not now."""

    def loading(self, *talks: Talk) -> str:
        """Bring two players into a loading session; its id."""
        for number, talk in enumerate(talks):
            self.assertEqual(talk.answer(enqueue(f"p{number}"))["type"], "queued")
        sessions = {talk.hear()["loading_session_id"] for talk in talks}
        self.assertEqual(len(sessions), 1)
        return str(sessions.pop())

    def test_nothing_to_complete(self) -> None:
        """loading_complete by someone who is nowhere, or in the queue."""
        with talking(self.node.url) as talk:
            self.assertEqual(talk.answer('{"type":"loading_complete"}'), NOT_IN_SESSION)
            self.assertEqual(talk.answer('{"type":"resume","player_id":"p"}')["code"], "not_queued")
            self.assertEqual(talk.answer(enqueue("p"))["type"], "queued")
            self.assertEqual(talk.answer('{"type":"loading_complete"}'), NOT_IN_SESSION)
            self.assertEqual(talk.answer('{"type":"loading_complete","loading_session_id":"nope"}'), NOT_IN_SESSION)
            self.assertEqual(talk.answer('{"type":"dequeue"}'), {"type": "dequeued", "seq": 2})

    def test_completed_twice(self) -> None:
        """loading_complete twice counts once; the match is found when the other one is ready, too."""
        with talking(self.node.url) as one, talking(self.node.url) as two:
            session = self.loading(one, two)
            for _ in range(2):
                one.tell(type="loading_complete", loading_session_id=session)
            self.assertGreater(one.ping(), 0)
            two.tell(type="loading_complete", loading_session_id=session)
            self.assertEqual([one.hear()["type"], two.hear()["type"]], ["match_found"] * 2)
            self.assertEqual(one.answer('{"type":"loading_complete"}'), NOT_IN_SESSION)

    def test_someone_elses_session(self) -> None:
        """loading_complete for a session of others changes nothing there."""
        with talking(self.node.url) as one, talking(self.node.url) as two, talking(self.node.url) as stranger:
            session = self.loading(one, two)
            self.assertEqual(stranger.answer(enqueue("stranger"))["type"], "queued")
            one.tell(type="loading_complete")
            said = json.dumps({"type": "loading_complete", "loading_session_id": session})
            self.assertEqual(stranger.answer(said), NOT_IN_SESSION)
            two.tell(type="loading_complete")
            self.assertEqual([one.hear()["type"], two.hear()["type"]], ["match_found"] * 2)

    def test_two_names(self) -> None:
        """A connection that waits as one player can't ask for another one."""
        with talking(self.node.url) as talk:
            self.assertEqual(talk.answer(enqueue("p"))["type"], "queued")
            self.assertEqual(talk.answer(enqueue("q"))["message"], "player_id: this connection speaks for p")
            self.assertEqual(talk.answer('{"type":"dequeue"}')["type"], "dequeued")
