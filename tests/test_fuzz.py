"""The fuzzer itself: it brings what it says, and notices what it is there to notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import jwt
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from matchd.auth.tokens import Identity, Tokens
from matchd.messages import BadMessage, CloseCode, Dequeue, ErrorCode, decode, error
from matchd.players import session
from matchd.players.telling import Telling
from matchd.websocket.connection import PlayerConnection
from matchd.websocket.gateway import Gateway
from tests.fuzz.seeded import Campaign
from tests.fuzz.target import Target, written
from tests.inputs.trial import Broken

ERROR = error(ErrorCode.INVALID_JSON, "not JSON")


def _refuses(how: Callable[[Telling], object]) -> Any:
    """A session that does this besides when it refuses something."""
    real = Telling.refuse

    def refuse(self: Telling, code: ErrorCode, text: str) -> None:
        real(self, code, text)
        how(self)

    return mock.patch.object(Telling, "refuse", refuse)


def _write(self: Telling) -> None:
    self._lobby.store._commands.execute("SET", "player:x", "y")


def _tolerant(frame: bytes) -> object:
    """A decoder that takes everything for a message."""
    try:
        return decode(frame)
    except BadMessage:
        return Dequeue()


def _careless(**options: bool) -> Any:
    """Verification with something left out."""
    real = jwt.decode

    def decode(*args: Any, **kwargs: Any) -> Any:
        return real(*args, **kwargs | {"options": kwargs["options"] | options})

    return mock.patch.object(jwt, "decode", decode)


def _read_as_ada(self: Tokens, *args: Any, read: Any = Tokens.read) -> Identity:
    """Whoever a token names."""
    return replace(read(self, *args), player_id="ada")


PLANTED: dict[str, Callable[[], Any]] = {
    "two replies": lambda: _refuses(lambda self: self._outlet.send(ERROR)),
    "no reply": lambda: mock.patch.object(Telling, "refuse", lambda *_: None),
    "a reply and a close": lambda: _refuses(lambda self: self._outlet.close(CloseCode.ABUSE, "x")),
    "a write": lambda: _refuses(_write),
    "a traceback": lambda: _refuses(lambda _: Logger().failure("oh") if _fail() else None),
    "an exception": lambda: mock.patch.object(session, "decode", lambda frame: frame.decode("ascii")),
    "what is no message is taken for one": lambda: mock.patch.object(session, "decode", _tolerant),
    "a connection that no longer answers": lambda: mock.patch.object(PlayerConnection, "onPing", lambda *_: None),
    "a socket that is not cut": lambda: mock.patch.object(PlayerConnection, "_closeConnection", lambda *_, **__: None),
    "nobody is idle": lambda: mock.patch.object(Gateway, "_look_after", _nothing),
    "a forged token is believed": lambda: _careless(verify_signature=False),
    "a token for others is believed": lambda: _careless(verify_aud=False, verify_iss=False),
    "a token of somebody else is believed": lambda: mock.patch.object(Tokens, "read", _read_as_ada),
    "no HTTP response": lambda: mock.patch.object(PlayerConnection, "failHandshake", lambda *_: None),
}
"""What could be wrong, by what is to be noticed."""


def _fail() -> bool:
    try:
        raise RuntimeError("planted")
    except RuntimeError:
        return True


async def _nothing(*_: object) -> None:
    pass


class SeededTests(SynchronousTestCase):
    def test_all_well(self) -> None:
        """Every input is counted once, of each kind there are many, and nothing is wrong."""
        campaign = Campaign(7)
        campaign.run(1500)
        self.assertEqual(campaign.came_of.total(), 1500)
        kinds = Counter[str]()
        for what, often in campaign.came_of.items():
            kinds[what.partition(":")[0]] += often
        self.assertEqual(set(kinds), {"text", "bytes", "request", "token"})
        self.assertGreater(min(kinds.values()), 100)
        self.assertGreater(campaign.came_of["text: refused"], 700)
        self.assertGreater(campaign.came_of["token: believed"], 0)

    def test_the_same_again(self) -> None:
        """By the same seed the same comes of it, by another something else."""
        came_of = []
        for seed in (5, 5, 6):
            campaign = Campaign(seed)
            campaign.run(200)
            came_of.append(campaign.came_of)
        self.assertEqual(came_of[0], came_of[1])
        self.assertNotEqual(came_of[0], came_of[2])

    def test_whatever_is_wrong_is_noticed(self) -> None:
        """Each of a number of planted bugs."""
        for name, plant in PLANTED.items():
            with plant():
                try:
                    Campaign(1).run(600)
                except (Broken, AssertionError):
                    self.flushLoggedErrors()
                    continue
            self.fail(f"{name} went unnoticed")


class GuidedTests(SynchronousTestCase):
    def test_the_target(self) -> None:
        """What atheris calls takes everything that was written down, and an input of no bytes."""
        target = Target()
        for data in (b"", *list(written())[::10]):
            target.bring(data)
        target.close()
