"""Players that behave as real clients do: they want a match, load, play on, come again, and do not let go.

Whoever loses his connection, or is sent away, goes to the next node, asks with ``resume`` where he stands,
and wishes anew where he stands nowhere.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.books import Books, Wish
from bench.connection import Connection, Lost, Message, connect

ANSWER_SECONDS = 10.0
"""How long a question may go unanswered before the player tries another node."""
RETRY_SECONDS = (0.1, 0.5)
"""Before a player asks again, or connects again."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What players do: where they go, what they wish for, how long (seconds, from and to) each thing takes them."""

    urls: Sequence[str]
    modes: Mapping[str, Sequence[int]]
    loading: tuple[float, float] = (0.2, 1.0)
    linger: tuple[float, float] = (0.0, 0.3)
    pause: tuple[float, float] = (0.2, 2.0)


class Player:
    """One player: ``play`` is one wish, from the first word to the goodbye."""

    def __init__(self, name: str, habits: Habits, books: Books, chance: random.Random) -> None:
        self.name = name
        self._habits = habits
        self._books = books
        self._chance = chance
        self._connection: Connection | None = None
        self._url = chance.randrange(len(habits.urls))
        self._past: set[str] = set()
        self._wish: Wish
        self._question: Message = {}
        self._number = 0
        self._answered = True
        self._queued = False
        self._has_asked = False
        self._gives_up = False
        self._planned: asyncio.TimerHandle | None = None

    async def rest(self) -> None:
        """The time between two matches."""
        await asyncio.sleep(self._chance.uniform(*self._habits.pause))

    async def play(self) -> None:
        """Wish for a match and get it, whatever it takes."""
        mode = self._chance.choice(list(self._habits.modes))
        self._wish = self._books.begin(self.name, mode, _now())
        self._url = self._chance.randrange(len(self._habits.urls))
        self._gives_up = self._has_asked = False
        while not await self._try():
            self._url += 1
            await asyncio.sleep(self._chance.uniform(*RETRY_SECONDS))

    def reset(self) -> None:
        """Lose the connection, if there is one."""
        if self._connection is not None:
            self._connection.reset()

    def give_up(self) -> None:
        """Ask to leave the queue, now or when there again."""
        self._gives_up = True
        if self._queued and self._connection is not None:
            self._connection.send(type="dequeue")

    async def _try(self) -> bool:
        """Pursue the wish over one connection; whether it came to an end."""
        connection = None
        try:
            url = self._habits.urls[self._url % len(self._habits.urls)]
            connection = self._connection = await connect(url)
            self._number = 0
            await self._converse(connection)
            return True
        except (Lost, TimeoutError) as lost:
            self._note(f"lost: {lost or 'no answer'}")
            if connection is not None:
                connection.reset()
            return False
        finally:
            self._unplan()
            self._connection, self._queued = None, False

    async def _converse(self, connection: Connection) -> None:
        if self._has_asked:
            self._ask(connection, type="resume", player_id=self.name)
        else:
            self._enqueue(connection)
        while True:
            message = await connection.receive(None if self._answered else ANSWER_SECONDS)
            if self._hear(connection, message):
                break
        await self._linger(connection)

    def _hear(self, connection: Connection, message: Message) -> bool:
        """Act on a message; whether it ends the wish."""
        self._note(_named(message))
        self._check_number(message)
        match message:
            case {"type": "queued" | "requeued"}:
                self._waits(connection)
            case {"type": "start_loading", "loading_session_id": session}:
                self._loads(connection, session)
            case {"type": "match_found", "session_id": session, "server_address": address}:
                return self._found(connection, session, address, message.get("team"))
            case {"type": "dequeued"} if self._gives_up:
                self._books.give_up(self._wish)
                return True
            case {"type": "error", "code": code}:
                self._refused(connection, code, message)
            case _:
                self._books.unexpected.append(f"{self.name} was told {dict(message)}")
        return False

    def _waits(self, connection: Connection) -> None:
        self._unplan()
        self._answered = self._queued = True
        if self._gives_up:
            connection.send(type="dequeue")

    def _loads(self, connection: Connection, session: str) -> None:
        self._answered, self._queued = True, False
        loaded = {"type": "loading_complete", "loading_session_id": session}
        self._plan(self._chance.uniform(*self._habits.loading), connection, loaded)

    def _found(self, connection: Connection, session: str, address: str, team: int | None) -> bool:
        if session in self._past and self._question.get("type") == "resume" and not self._answered:
            self._enqueue(connection)  # that was the answer to the wish before: this one never arrived
            return False
        if session in self._past:
            self._books.unexpected.append(f"{self.name} was sent to {session} again")
        self._past.add(session)
        self._books.found(self._wish, session, address, _now(), team)
        return True

    def _refused(self, connection: Connection, code: str, message: Message) -> None:
        match code:
            case "unavailable":
                self._plan(self._chance.uniform(*RETRY_SECONDS), connection, self._question)
            case "not_queued" | "loading_timeout":
                self._enqueue(connection)
            case "not_in_session":
                self._ask(connection, type="resume", player_id=self.name)
            case _:
                self._books.unexpected.append(f"{self.name} was told {dict(message)}")

    async def _linger(self, connection: Connection) -> None:
        """Stay for a moment, and hear what should not come."""
        leaving = _now() + self._chance.uniform(*self._habits.linger)
        try:
            while True:
                message = await connection.receive(max(0.0, leaving - _now()))
                self._hear_more(message)
        except (TimeoutError, Lost):
            await connection.close()

    def _hear_more(self, message: Message) -> None:
        """A message that came after the match: there should be none, but for the match told again."""
        match message:
            case {"type": "match_found", "session_id": session}:
                self._books.found(self._wish, session, "", _now())
            case _:
                self._books.unexpected.append(f"{self.name} was told {dict(message)} after the end")

    def _check_number(self, message: Message) -> None:
        """Numbers grow on a connection: nothing comes twice, and nothing late."""
        number = message.get("seq", self._number + 1)
        if number <= self._number:
            self._books.unexpected.append(f"{self.name} was told {dict(message)} after number {self._number}")
        self._number = max(number, self._number) if "seq" in message else self._number

    # what is said

    def _enqueue(self, connection: Connection) -> None:
        self._ask(connection, type="enqueue", player_id=self.name, game_mode=self._wish.mode)

    def _ask(self, connection: Connection, **question: object) -> None:
        self._unplan()
        self._question = question
        self._answered, self._queued, self._has_asked = False, False, True
        connection.send(**question)

    def _plan(self, seconds: float, connection: Connection, question: Message) -> None:
        """Say something later, unless something else has become of it by then."""
        self._unplan()
        self._planned = asyncio.get_running_loop().call_later(seconds, self._say, connection, question)

    def _say(self, connection: Connection, question: Message) -> None:
        self._question = question
        connection.send(**question)

    def _note(self, step: str) -> None:
        self._books.note(self._wish, step, _now())

    def _unplan(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None


def _named(message: Message) -> str:
    """A message's kind, with the code or the reason that it has."""
    detail = message.get("code") or message.get("reason")
    return f"{message.get('type')}: {detail}" if detail else str(message.get("type"))


def _now() -> float:
    return asyncio.get_running_loop().time()
