"""Players of real nodes: one who plays, and crowds of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from client.match_client import MatchClient, Message
from tests.support.waiting import until

PATIENCE = 30.0
"""Seconds until a message that should come at once is given up, on a machine that is busy."""

MODE = "Normal_1v1"


class Player:
    """A client with a name; every wait for a message is bounded."""

    def __init__(self, name: str, url: str, mode: str = MODE) -> None:
        self.name = name
        self.url = url
        self.mode = mode
        self.client = MatchClient(reactor)

    async def connect(self) -> Player:
        """Open the connection."""
        await self.client.connect(self.url, PATIENCE)
        return self

    async def enqueue(self, **optional: object) -> Player:
        """Connect, and wait in the queue."""
        await self.connect()
        self.client.enqueue(self.name, self.mode, **optional)
        await self.hear("queued")
        return self

    async def hear(self, *types: str) -> Message:
        """The next message, which has to be of one of these types."""
        message = await self.client.next_message(timeout=PATIENCE)
        assert message["type"] in types, f"{self.name} was told {message}, not {' or '.join(types)}"
        return message

    async def drawn(self) -> str:
        """Wait until a match is formed; the id of the loading session."""
        session: str = (await self.hear("start_loading"))["loading_session_id"]
        return session

    async def matched(self) -> Message:
        """Play on from the queue to ``match_found``, loading in no time, as often as it takes."""
        while True:
            message = await self.hear("start_loading", "requeued", "match_found")
            if message["type"] == "match_found":
                return message
            if message["type"] == "start_loading":
                self.client.loading_complete(message["loading_session_id"])

    async def play(self) -> Message:
        """All the way from nowhere to ``match_found``."""
        await self.enqueue()
        return await self.matched()

    async def closed(self) -> int:
        """The code that the connection is closed with."""
        await until(lambda: self.client.closed_code is not None, PATIENCE)
        return self.client.closed_code or 0

    @property
    def told(self) -> list[str]:
        """The types of all messages so far."""
        return [message["type"] for message in self.client.received]


async def matched(*players: Player) -> list[Message]:
    """All of them play on from the queue, at once; what each was told at the end."""
    plays = [Deferred.fromCoroutine(player.matched()) for player in players]
    matches: list[Message] = await gatherResults(plays, consumeErrors=True)
    return matches


class Crowd:
    """Many players, dealt to ``urls`` in turn."""

    def __init__(self, name: str, count: int, urls: Sequence[str], mode: str = MODE) -> None:
        self.players = [Player(f"{name}-{i}", urls[i % len(urls)], mode) for i in range(count)]

    async def play(self) -> dict[str, list[str]]:
        """Everybody plays at once; the game sessions that came of it, with their players."""
        plays = [Deferred.fromCoroutine(player.play()) for player in self.players]
        matches: list[Message] = await gatherResults(plays, consumeErrors=True)
        games: dict[str, list[str]] = {}
        for player, match in zip(self.players, matches, strict=True):
            games.setdefault(match["session_id"], []).append(player.name)
        return games

    async def leave(self) -> None:
        """Everybody says goodbye."""
        await gatherResults([player.client.close() for player in self.players], consumeErrors=True)

    def messages(self) -> Counter[str]:
        """How often everybody together was told what."""
        return Counter(kind for player in self.players for kind in player.told)
