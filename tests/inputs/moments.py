"""Messages that are right, but not now, or not from him: what is refused to whom in which state."""

from __future__ import annotations

import json
from typing import NamedTuple

from tests.inputs.door import STATES

NO_QUEUE = "not_queued", "you are in no queue"
NOWHERE = "not_queued", "you are in no queue and no match"
NO_SESSION = "not_in_session", "loading_session_id: you are not in that loading session"

UNDER_WAY = ("queued", "loading", "loaded", "allocating")
IN_SESSION = ("loading", "loaded", "allocating")


class Moment(NamedTuple):
    """A message in a state, and the code and words in which it is refused; ``{me}`` is the player's own id."""

    state: str
    said: bytes
    code: str
    message: str


def _said(**message: object) -> bytes:
    return json.dumps(message).encode()


SESSIONS = (
    "nope", "0", "-1", "*", "?", "a:b", ":state", "loading", "loading:x", "{}", "[]", "null", "None", "x" * 128, "ä" * 128, "\0",
    "\n", "\r\nFLUSHALL\r\n", "../x", "9f86d081884c7d65-1", "p0", "😀" * 64, " ", "%s", "1e400", "\x1b[2J", "0000000000000000-1",
)  # fmt: skip
STRANGERS = ("nobody", "-", ".", "_", "0", "x" * 64, "P0", "p0-", "player", "null")

WRONG_SESSION = [
    Moment(state, _said(type="loading_complete", loading_session_id=session), *NO_SESSION)
    for state in STATES
    for session in SESSIONS
]
NO_SESSION_AT_ALL = [
    Moment(state, said, *NO_SESSION)
    for state in ("absent", "queued", "matched")
    for said in (_said(type="loading_complete"), _said(type="loading_complete", loading_session_id=None))
]
NOT_WAITING = [Moment(state, _said(type="dequeue"), *NO_QUEUE) for state in STATES if state != "queued"]
ELSEWHERE = [
    Moment(state, b'{"type":"enqueue","player_id":"{me}","game_mode":"Duel"}', "already_queued", "you are under way in Ranked")
    for state in UNDER_WAY
]  # fmt: skip
SOMEONE_ELSE = [
    Moment(state, said, "invalid_message", "player_id: this connection speaks for {me}")
    for state in UNDER_WAY
    for stranger in STRANGERS
    for said in (
        _said(type="enqueue", player_id=stranger, game_mode="Ranked"),
        _said(type="resume", player_id=stranger),
    )
]
NOBODY = [Moment("absent", _said(type="resume", player_id=stranger), *NOWHERE) for stranger in STRANGERS]
NONSENSE = [
    Moment(state, said.encode(), code, message)
    for state in STATES
    for said, code, message in (
        ("?", "invalid_json", "not JSON"),
        ("", "invalid_json", "not JSON"),
        ("[]", "invalid_message", "message: must be an object"),
        ("{}", "invalid_message", "type: missing"),
        ('{"type":"match_found"}', "unknown_type", "type: 'match_found' is unknown"),
        ('{"type":"dequeue","type":"dequeue"}', "invalid_message", "type: given twice"),
        ('{"type":"dequeue","x":NaN}', "invalid_json", "not JSON"),
        ('{"type":"enqueue","player_id":"{me}"}', "invalid_message", "game_mode: missing"),
        (
            '{"type":"enqueue","player_id":"{me}","game_mode":"Chess"}',
            "invalid_game_mode",
            "game_mode: Chess is unknown",
        ),
        (
            '{"type":"loading_complete","loading_session_id":7}',
            "invalid_message",
            "loading_session_id: must be a string of 1 to 128 characters",
        ),
    )
]

MOMENTS = {
    "wrong sessions": WRONG_SESSION,
    "no session": NO_SESSION_AT_ALL,
    "not waiting": NOT_WAITING,
    "another mode": ELSEWHERE,
    "another player": SOMEONE_ELSE,
    "unknown players": NOBODY,
    "nonsense in every state": NONSENSE,
}
"""All of them, by category."""
