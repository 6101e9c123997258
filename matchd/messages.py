"""The wire: what players may say and what they are told, as typed values.

``decode`` turns one text frame into a client message or raises ``BadMessage``; the functions below it
make the server's frames. Messages that a script in the store publishes are made there, in
``store/scripts``, in the same shape. docs/protocol.md describes each one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec

from matchd.model import NAME, is_name

MAX_BYTES = 4096
"""The longest message a client may send."""


class CloseCode(IntEnum):
    """Why matchd closes a player's connection."""

    DRAINING = 4000
    SUPERSEDED = 4001
    BINARY = 4002
    UNAUTHORIZED = 4003
    ABUSE = 4008
    IDLE = 4009
    FULL = 4013


class ErrorCode(StrEnum):
    """The ``code`` of an ``error`` message."""

    INVALID_JSON = "invalid_json"
    INVALID_MESSAGE = "invalid_message"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_GAME_MODE = "invalid_game_mode"
    NOT_QUEUED = "not_queued"
    NOT_IN_SESSION = "not_in_session"
    ALREADY_QUEUED = "already_queued"
    LOADING_TIMEOUT = "loading_timeout"
    UNAUTHORIZED = "unauthorized"
    TOKEN_EXPIRED = "token_expired"
    RATE_LIMITED = "rate_limited"
    COOLDOWN = "cooldown"
    UNAVAILABLE = "unavailable"


class BadMessage(Exception):
    """A frame that is not a message: the code and the text that its sender is told."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


Name = Annotated[str, msgspec.Meta(pattern=NAME)]
Token = Annotated[str, msgspec.Meta(max_length=4096)]
Rating = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
PartySize = Annotated[int, msgspec.Meta(ge=1, le=64)]
Millis = Annotated[float, msgspec.Meta(ge=0, le=60_000)]


class _Asking(msgspec.Struct, frozen=True):
    """What may come with a token, which is not shown wherever the message is."""

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "token")
        return f"{type(self).__name__}({', '.join(fields)})"


class Enqueue(_Asking, frozen=True, tag_field="type", tag="enqueue"):
    """I want to play this mode."""

    player_id: Name
    game_mode: Name
    rating: Rating | None = None
    latencies: Annotated[dict[Name, Millis], msgspec.Meta(max_length=64)] | None = None
    party_id: Name | None = None
    party_size: PartySize | None = None
    token: Token | None = None


class Resume(_Asking, frozen=True, tag_field="type", tag="resume"):
    """Where do I stand?"""

    player_id: Name
    token: Token | None = None


class Dequeue(msgspec.Struct, frozen=True, tag_field="type", tag="dequeue"):
    """Take me out of the queue."""


class LoadingComplete(msgspec.Struct, frozen=True, tag_field="type", tag="loading_complete"):
    """I have loaded; without an id the player's own session is meant."""

    loading_session_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None


ClientMessage = Enqueue | Resume | Dequeue | LoadingComplete

_NAME_RULE = "1 to 64 characters of A-Z a-z 0-9 . _ -"
RULES = {
    "message": "an object",
    "type": "a string",
    "player_id": _NAME_RULE,
    "game_mode": _NAME_RULE,
    "rating": "a number from -1000000000 to 1000000000",
    "latencies": "an object of up to 64 regions, each a number from 0 to 60000",
    "party_id": _NAME_RULE,
    "party_size": "a whole number from 1 to 64",
    "token": "a string of up to 4096 characters",
    "loading_session_id": "a string of 1 to 128 characters",
}
"""What each field must be, as its sender is told."""


def _unique(pairs: list[tuple[str, object]]) -> None:
    """Two parsers may disagree on which of two equal keys counts, so neither does."""
    if len(dict(pairs)) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadMessage(ErrorCode.INVALID_MESSAGE, f"{name if is_name(name) else ascii(name[:64])}: given twice")


def _not_json(constant: str) -> None:
    raise ValueError(constant)


_strictly = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_constant=_not_json)
_decoder = msgspec.json.Decoder(ClientMessage)


def decode(frame: bytes) -> ClientMessage:
    """The message in one text frame; raises BadMessage, and nothing else, for whatever else it holds."""
    try:
        _strictly.decode(frame.decode())
        message: ClientMessage = _decoder.decode(frame)
        return message
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except msgspec.DecodeError:  # all else that it objects to has been refused by now
        raise BadMessage(ErrorCode.INVALID_JSON, "a string with half a surrogate pair") from None
    except RecursionError:
        raise BadMessage(ErrorCode.INVALID_JSON, "nested too deeply") from None
    except ValueError:
        raise BadMessage(ErrorCode.INVALID_JSON, "not JSON") from None


def _explained(complaint: str) -> BadMessage:
    """The codec's complaint as the sender is told it, the field first."""
    if match := re.search(r"missing required field `(\w+)`", complaint):
        return BadMessage(ErrorCode.INVALID_MESSAGE, f"{match[1]}: missing")
    if match := re.match(r"Invalid value '(.*)' - at `\$\.type`", complaint, re.DOTALL):
        return BadMessage(ErrorCode.UNKNOWN_TYPE, f"type: {match[1][:64]!r} is unknown")
    match = re.search(r"`\$\.(\w+)", complaint)
    field = match[1] if match else "message"
    return BadMessage(ErrorCode.INVALID_MESSAGE, f"{field}: must be {RULES[field]}")


def error(code: ErrorCode, text: str, retry_after_s: int | None = None) -> bytes:
    """An ``error`` frame."""
    body: dict[str, object] = {"type": "error", "code": code.value, "message": text}
    if retry_after_s is not None:
        body["retry_after_s"] = retry_after_s
    return msgspec.json.encode(body)


class Notice(msgspec.Struct, frozen=True):
    """What a node reads of a message on its way to a player; the client gets the frame as it is.

    ``seq`` numbers what the store's scripts publish for a player, one by one; what others publish has none.
    """

    type: str = ""
    seq: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    loading_session_id: str | None = None
    code: str | None = None


_notice_decoder = msgspec.json.Decoder(Notice)
_PUBLISHED = ("queued", "dequeued", "start_loading", "match_found", "requeued", "error")


def read_notice(frame: bytes) -> Notice:
    """The fields a node needs of a server message; a frame that is no message of the store's has no number."""
    try:
        notice = _notice_decoder.decode(frame)
    except (ValueError, RecursionError):
        return Notice()
    return notice if notice.type in _PUBLISHED else Notice(notice.type)
