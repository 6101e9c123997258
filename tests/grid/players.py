"""Players as they are in life: whoever is cut off comes back, asks where he stands, and goes on from there."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from autobahn.exception import Disconnected
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectError
from twisted.python.failure import Failure

from client.match_client import ConnectionClosed, MatchClient, Message
from tests.grid.proxy import Link
from tests.support.waiting import pause

CONNECT_SECONDS = 2.0
ASK_AGAIN_SECONDS = 0.3
LONGEST_PAUSE = 1.0
FOR_EVER = 3600.0

Route = tuple[Link, ...]


class Guest:
    """One who wants one match. ``route`` has his link to each node; he begins with the first of them.

    ``may_ask`` and ``may_load`` hold him back from asking for a place, and from having loaded. ``told`` is every
    message that he got, with its moment; ``games`` are the game sessions he was sent to, each once.
    """

    def __init__(self, name: str, route: Route, dice: random.Random) -> None:
        self.name = name
        self.may_ask: Callable[[], bool] = lambda: True
        self.may_load: Callable[[], bool] = lambda: True
        self.told: list[tuple[float, Message]] = []
        self.games: list[str] = []
        self.out = False
        self.link = route[0]
        self.route = route
        self._dice = dice
        self._turn = 0
        self._wished = False
        self._last: dict[str, Any] = {}
        self._client: MatchClient | None = None
        self._playing: Deferred[None] | None = None

    @property
    def content(self) -> bool:
        """Whether he has what he wants: he was sent to a game, or wants nothing any more."""
        return self.out or bool(self.games)

    @property
    def connected(self) -> bool:
        """Whether his connection stands, as far as he knows."""
        return self._client is not None and self._client.closed is None

    def was_told(self, type: str) -> bool:
        """Whether he ever got such a message."""
        return any(message["type"] == type for _, message in self.told)

    def play(self) -> Guest:
        """Connect and go on until there is a match."""
        self._playing = Deferred.fromCoroutine(self._play())
        self._playing.addErrback(_cancelled)
        return self

    def leave(self) -> None:
        """He is gone for good, without a goodbye; whether his node hears so much is up to the link."""
        self.out = True
        if self._playing is not None:
            self._playing.cancel()
        if self._client is not None:
            self._client.abort()

    def close(self) -> None:
        """Nothing of him is left."""
        self.leave()
        for link in self.route:
            link.close()

    async def _play(self) -> None:
        while True:
            client = self._client = MatchClient(reactor)
            try:
                await client.connect(f"ws://127.0.0.1:{self.link.port}/ws/", CONNECT_SECONDS)
                await self._talk(client)
            except (ConnectionClosed, Disconnected, ConnectError, TimeoutError) as gone:
                self._note({"type": "cut off", "why": f"{self.link.name}: {gone}"})
                client.abort()
            if self.content:
                return
            await pause(self._dice.uniform(0.1, LONGEST_PAUSE))
            self._turn += 1
            self.link = self.route[self._turn % len(self.route)]

    async def _talk(self, client: MatchClient) -> None:
        await self._until(self.may_ask)
        self._say(client, "resume" if self._wished else "enqueue")
        while True:
            message = await client.next_message(timeout=FOR_EVER)
            self._note(message)
            await self._answer(client, message)

    async def _answer(self, client: MatchClient, message: Message) -> None:
        match message:
            case {"type": "start_loading", "loading_session_id": session}:
                await self._until(self.may_load)
                self._say(client, "loading_complete", loading_session_id=session)
            case {"type": "match_found", "session_id": session}:
                if session not in self.games:
                    self.games.append(session)
            case {"type": "error", "code": "unavailable"}:
                await pause(ASK_AGAIN_SECONDS)
                self._repeat(client)
            case {"type": "error", "code": "not_in_session"} if not self.games:
                self._say(client, "resume")
            case {"type": "error", "code": "not_queued" | "loading_timeout"} if not self.games:
                self._say(client, "enqueue")

    def _say(self, client: MatchClient, type: str, **fields: Any) -> None:
        fields |= {} if type == "loading_complete" else {"player_id": self.name}
        fields |= {"game_mode": "Normal_1v1"} if type == "enqueue" else {}
        self._wished = True
        self._last = {"type": type, **fields}
        self._repeat(client)

    def _repeat(self, client: MatchClient) -> None:
        self._note({"type": f"says {self._last['type']}", "to": self.link.name})
        client.send(**self._last)

    def _note(self, message: Message) -> None:
        self.told.append((reactor.seconds(), message))

    async def _until(self, allowed: Callable[[], bool]) -> None:
        while not allowed():
            await pause(0.01)


def _cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)
