"""Every bad input that was written down, brought to a real connection, session and store: what comes of it, exactly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import CloseCode
from tests.inputs.door import Door, Guest
from tests.inputs.moments import MOMENTS, Moment
from tests.inputs.requests import REQUESTS, Request
from tests.inputs.texts import TEXTS, Text
from tests.inputs.tokens import GOOD, TOKENS, Shown
from tests.inputs.trial import GOODBYE_IS_OVER, Trial, closed_with, is_error
from tests.inputs.wires import IDLE, WIRES, Wire
from tests.inputs.written import WRITTEN
from tests.support.tokens import authority
from tests.support.wire import Client


class DoorCase(SynchronousTestCase):
    """A door, where nothing that is refused may change anything."""

    def setUp(self) -> None:
        self.door = Door()
        self.addCleanup(self.door.close)
        self.trial = Trial(self.door)

    def unchanged(self, assert_it: Callable[..., object], who: Client, sent: bytes, *expected: object) -> None:
        """It holds, and all that was in the store is there as it was, and nothing else."""
        before = self.door.dump()
        assert_it(who, sent, *expected)
        self.assertEqual(self.door.dump(), before, sent)

    def assert_error(self, guest: Guest, said: bytes, code: str, message: str) -> None:
        """It is answered with this error, or with any where there is no code."""
        answered = self.trial.text(guest, said)
        self.assertTrue(is_error(answered), (said, answered))
        if code:
            self.assertEqual(json.loads(answered[0][1]), {"type": "error", "code": code, "message": message}, said)


class TextTests(DoorCase):
    """What is no message gets one error that says why, and the connection goes on."""

    def play(self, rows: list[Text]) -> None:
        guest = self.door.guest()
        for said, code, message in rows:
            self.unchanged(self.assert_error, guest, said, code, message)


class MomentTests(DoorCase):
    """What is not now, or not his to say, gets one error, and he stays where he is."""

    def play(self, rows: list[Moment]) -> None:
        for state in dict.fromkeys(row.state for row in rows):
            self.door.empty()
            guest = self.door.guest(state)
            me = guest.player_id
            for _, said, code, message in (row for row in rows if row.state == state):
                mine = said.replace(b"{me}", me.encode())
                self.unchanged(self.assert_error, guest, mine, code, message.replace("{me}", me))


class TokenTests(DoorCase):
    """Who shows a token that is not good here gets one error and one close, and is cut."""

    def setUp(self) -> None:
        self.door = Door(authority)
        self.addCleanup(self.door.close)

    def play(self, rows: list[Shown]) -> None:
        for (token,) in rows:
            guest = self.door.guest()
            self.unchanged(self.assert_sent_away, guest, token.encode())
            self.door.dismiss(guest)

    def assert_sent_away(self, guest: Guest, token: bytes) -> None:
        wish = {"type": "enqueue", "player_id": "ada", "game_mode": "Ranked", "token": token.decode()}
        error, close = guest.tell(**wish)
        self.assertEqual(json.loads(error[1])["code"], "unauthorized", token)
        self.assertEqual(closed_with([close]), CloseCode.UNAUTHORIZED, token)
        self.door.pass_time(GOODBYE_IS_OVER, GOODBYE_IS_OVER)
        self.assertTrue(guest.is_cut)
        self.assertEqual(self.door.complaints, [], token)

    def test_a_good_one(self) -> None:
        """The one that all these are made of would do."""
        guest = self.door.guest()
        [(_, answer)] = guest.tell(type="enqueue", player_id="ada", game_mode="Ranked", token=GOOD)
        self.assertEqual(json.loads(answer)["type"], "queued")


class WireTests(DoorCase):
    """What breaks the rules of WebSocket is closed once, with the code that says why, and cut."""

    def play(self, rows: list[Wire]) -> None:
        for sent, code in rows:
            guest = self.door.guest()
            self.unchanged(self.assert_closed, guest, sent, code or IDLE)
            self.door.dismiss(guest)

    def assert_closed(self, guest: Guest, sent: bytes, code: int) -> None:
        answered = self.trial.wire(guest, sent)
        self.assertEqual(closed_with(answered), code, (sent[:100], answered))


class RequestTests(DoorCase):
    """What is no request for this WebSocket gets one HTTP response, or nothing when its time is up, and is cut."""

    def play(self, rows: list[Request]) -> None:
        for sent, status in rows:
            client = self.door.client()
            self.unchanged(self.assert_refused, client, sent, status)
            self.door.dismiss(client)

    def assert_refused(self, client: Client, sent: bytes, status: int) -> None:
        self.assertEqual(self.trial.request(client, sent), status, sent[:100])


class CountTests(SynchronousTestCase):
    def test_there_are_a_thousand(self) -> None:
        """None is written twice."""
        rows = [row for category in WRITTEN.values() for row in category]
        self.assertEqual(len(rows), len({(type(row), row[: 2 if isinstance(row, Moment) else 1]) for row in rows}))
        self.assertGreaterEqual(len(rows), 1000)


def _add(case: type[DoorCase], category: str, rows: list[tuple[object, ...]]) -> None:
    """A test for a category."""

    def test(self) -> None:  # type: ignore[no-untyped-def]
        self.play(rows)

    test.__doc__ = f"{category}: {len(rows)} of them."
    setattr(case, "test_" + re.sub(r"\W+", "_", category.lower()), test)


for _case, _categories in (
    (TextTests, TEXTS),
    (MomentTests, MOMENTS),
    (TokenTests, TOKENS),
    (WireTests, WIRES),
    (RequestTests, REQUESTS),
):
    for _category, _rows in _categories.items():
        _add(_case, _category, _rows)
