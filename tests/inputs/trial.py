"""What may come of a bad input: one reply or one close, and nothing else; ``Broken`` says which rule was not kept."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TypeVar

from matchd.messages import BadMessage, CloseCode, decode
from tests.inputs.door import Door, Frames, Guest
from tests.inputs.forged import holds
from tests.support.wire import CLOSE, TEXT, Client, frame, request, server_frames

T = TypeVar("T")

HEADERS = {"header": "Authorization: Bearer ", "protocol": "Sec-WebSocket-Protocol: matchd, bearer."}
"""What stands before a token that is shown in the request, by the way in which it is."""

HEAD_IS_OVER = b"\r\n\r\n"
HANDSHAKE_IS_OVER, IDLE_IS_OVER, GOODBYE_IS_OVER = 5.5, 31.0, 2.5
"""Seconds after which the time for each is up."""


class Broken(AssertionError):
    """A rule that was not kept, and the input that showed it."""

    def __init__(self, rule: str, sent: bytes, answered: object) -> None:
        super().__init__(f"{rule}: {sent!r} was answered with {answered!r}")


def is_error(frames: Frames) -> bool:
    """Whether it is one ``error`` message."""
    return len(frames) == 1 and frames[0][0] == TEXT and json.loads(frames[0][1])["type"] == "error"


def closed_with(frames: Frames) -> int:
    """The code of the one close that was answered; 0 if it was anything else."""
    return int.from_bytes(frames[0][1][:2], "big") if len(frames) == 1 and frames[0][0] == CLOSE else 0


def is_sent_away(frames: Frames) -> bool:
    """Whether it is the error ``unauthorized``, and the close that follows it."""
    told = is_error(frames[:1]) and json.loads(frames[0][1])["code"] == "unauthorized"
    return told and closed_with(frames[1:]) == CloseCode.UNAUTHORIZED


class Trial:
    """Brings inputs to a door; every method returns what was answered, or raises Broken."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def text(self, guest: Guest, said: bytes) -> Frames:
        """A text frame on an open connection: what is no message, or is refused, gets one error or one close.

        It writes nothing then, and the connection either answers on or is cut. Where players show tokens, who has none
        that holds gets both.
        """
        before = self.door.writes
        answered = guest.send(frame(said))
        if is_error(answered) or closed_with(answered) or (self.door.asks_for_tokens and is_sent_away(answered)):
            self._demand(self.door.writes == before, "a refused message changes nothing", said, answered)
            self._demand_life(guest, said, answered)
        else:
            self._demand(_is_message(said), "what is no message is refused, once", said, answered)
        return self._quiet(said, answered)

    def token(self, way: str, token: str) -> str:
        """A token, shown in a message or in the request by one who calls himself ada: what came of it.

        One that holds may be believed. For any other he is told so, once, and cut, and nothing is written.
        """
        before, sent = self.door.writes, f"{way}: {token}".encode()
        in_request = HEADERS.get(way)
        client = self.door.client()
        client.feed(request("/ws/", in_request + token) if in_request else request())
        if client.status != "HTTP/1.1 101 Switching Protocols":
            self._demand_cut(client, sent, client.status)
            return self._quiet(sent, "no request")
        self.door.world.settle()
        if not client.rest:
            wish = {"type": "resume" if way == "resume" else "enqueue", "player_id": "ada", "game_mode": "Ranked"}
            client.say(json.dumps(wish if in_request else wish | {"token": token}).encode())
            self.door.world.settle()
        answered = server_frames(client.rest)
        if is_sent_away(answered):
            self._demand(self.door.writes == before, "a token that does not hold changes nothing", sent, answered)
            self._demand_cut(client, sent, answered)
            return self._quiet(sent, "sent away")
        self._demand(holds(token.strip() if in_request else token), "only a good token is believed", sent, answered)
        self._demand(len(answered) == 1 and answered[0][0] == TEXT, "one answer", sent, answered)
        return self._quiet(sent, "believed")

    def wire(self, guest: Guest, sent: bytes) -> Frames:
        """Bytes on a connection that asks for no place: it is closed once, at the latest when its time is up, and cut."""
        before = self.door.writes
        answered = guest.send(sent)
        if not _has_close(answered):
            guest.wire.clear()
            self.door.pass_time(IDLE_IS_OVER)
            answered += server_frames(guest.wire.value())
        closes = [kind for kind, _ in answered].count(CLOSE)
        self._demand(closes == 1 and answered[-1][0] == CLOSE, "a close, once, is the last word", sent, answered)
        self._demand_cut(guest, sent, answered)
        self._demand(self.door.writes == before, "broken frames change nothing", sent, answered)
        return self._quiet(sent, answered)

    def request(self, client: Client, sent: bytes) -> int:
        """The first bytes of a connection: the status of the one response, after which it is cut.

        101 where it is open, 0 where it was cut without a word, when the time was up.
        """
        client.feed(sent)
        answered = client.wire.value()
        if not answered:
            self._demand(HEAD_IS_OVER not in sent, "a whole request is answered", sent, answered)
            self.door.pass_time(HANDSHAKE_IS_OVER)
            self._demand(not client.wire.value(), "who is late is cut without a word", sent, client.wire.value())
            self._demand_cut(client, sent, answered)
            return self._quiet(sent, 0)
        status = int(answered[9:12])
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            return self._quiet(sent, status)
        head, _, body = answered.partition(HEAD_IS_OVER)
        whole = f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
        self._demand(whole and answered.startswith(b"HTTP/1.1 "), "one whole response", sent, answered)
        self._demand_cut(client, sent, answered)
        return self._quiet(sent, status)

    def _demand_life(self, guest: Guest, sent: bytes, answered: Frames) -> None:
        if closed_with(answered[-1:]):
            self._demand_cut(guest, sent, answered)
        else:
            self._demand(guest.answers, "a connection that is kept answers", sent, answered)

    def _demand_cut(self, client: Client, sent: bytes, answered: object) -> None:
        if not client.is_cut:
            self.door.pass_time(GOODBYE_IS_OVER, GOODBYE_IS_OVER)
        self._demand(client.is_cut, "who is sent away is cut", sent, answered)

    def _quiet(self, sent: bytes, answered: T) -> T:
        logged = self.door.complaints or self.door.world.nodes[0].node.background.failures
        self._demand(not logged, f"nothing is logged, as {logged} was", sent, answered)
        return answered

    def _demand(self, kept: object, rule: str, sent: bytes, answered: object) -> None:
        if not kept:
            raise Broken(rule, sent, answered)


def _is_message(said: bytes) -> bool:
    try:
        decode(said)
    except BadMessage:
        return False
    return True


def _has_close(frames: Frames) -> bool:
    return any(kind == CLOSE for kind, _ in frames)
