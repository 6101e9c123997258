"""The store: one method, one script, one round trip.

What is true about players, sessions and game servers is in Redis, and changes only here. What every method may raise
is said in runner.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from matchd.errors import StoreError, StoreUnavailable
from matchd.model import DEFAULT_COOLDOWN, Cooldown, GameMode, GameServer, Reservation, Roster
from matchd.store.answers import (
    Accepted,
    AlreadyQueued,
    Cancelled,
    Claim,
    CoolingDown,
    Drawn,
    Finding,
    Swept,
    read_cancelled,
    read_completed,
    read_connection,
    read_drawn,
    read_finding,
    read_roster,
    read_swept,
)
from matchd.store.gathering import Gathering, Question
from matchd.store.runner import Commands, ScriptRunner

log = Logger()

ALLOCATION_LEASE_MS = 60_000
SERVER_TTL_MS = 15_000
SERVE_MS = 20_000
"""How often a node says which modes it serves: well within the minute after which the sweep calls one unserved."""
MOST_PLAYERS = 200
"""Players drawn by one run: more would only keep the store from answering others for longer."""


class Store(ScriptRunner):
    """Everything matchd asks of Redis, for one node."""

    def __init__(
        self,
        commands: Commands,
        clock: IReactorTime,
        modes: Iterable[GameMode],
        prefix: str = "",
        node: str = "",
        cooldown: Cooldown = DEFAULT_COOLDOWN,
    ) -> None:
        super().__init__(commands, clock, prefix, node or secrets.token_hex(6))
        self.modes = {mode.name: mode for mode in modes}
        waits = " ".join(str(int(wait * 1000)) for wait in cooldown.waits())
        self._cooldown = int(cooldown.window * 1000), waits
        self.served_ms = 0
        """When, by the store's clock, this node last said which modes it serves."""
        self._rules = {mode.name: _rules(mode) for mode in self.modes.values()}
        self._enqueues = self._gathered("enqueue", self._ask)
        self._completions = self._gathered("loading_complete", self._ask)
        self._reservations = self._gathered("reserve", self._run)
        self._settlements = self._gathered("settle", self._run)

    # the node itself

    async def prepare(self, connection: Commands) -> bool:
        """Make a new connection usable: scripts loaded, this node among the nodes. True if it was fenced before.

        A fenced node starts anew under another name: nothing it did before may count any more.
        """
        await self._load(connection)
        fenced = await self._join(connection)
        if fenced:
            self.node = secrets.token_hex(6)
            self._service_time.forget()
            await self._join(connection)
        return fenced

    async def _join(self, connection: Commands) -> bool:
        asked_at = self._clock.seconds()
        reply = await self._eval(connection, "join", 0, *self.modes)
        if reply[0] == b"fenced":
            return True
        now, told, offset, unsure = reply[1:]
        self.served_ms = now
        if unsure and self._service_time.known:
            await self._set_clock(connection, told, offset, asked_at)
        else:
            self._service_time.learn(now, asked_at)
        return False

    async def _set_clock(
        self, connection: Commands, told: int, offset: int, asked_at: float, node_timeout_ms: int = 0
    ) -> None:
        """Say how far the time is off that the store told while it was not sure of it."""
        by = self._service_time.correction(told, asked_at)
        if by:
            log.warn("the clock of Redis is off by {by_ms} ms: the offset is corrected", by_ms=-by)
        asked_at = self._clock.seconds()
        args = offset, "" if by is None else by, node_timeout_ms
        self._service_time.learn(await self._eval(connection, "set_clock", 0, *args), asked_at)

    async def heartbeat(self) -> None:
        """Say that this node lives, and now and then which modes it serves."""
        asked_at = self._clock.seconds()
        now_ms = await self._run("heartbeat")
        self._service_time.learn(now_ms, asked_at)
        if abs(now_ms - self.served_ms) >= SERVE_MS:
            self.served_ms = await self._run("heartbeat", *self.modes)

    async def part(self) -> None:
        """Leave the nodes, at the end of a drain."""
        await self._run("part")

    # players

    async def enqueue(
        self, player_id: str, connection_id: str, mode: GameMode, seq: int, draws: bool = False
    ) -> Accepted | AlreadyQueued | CoolingDown:
        """Put a player in a queue, or tell him where he stands. ``seq`` is the last message he was sent.

        What is possible then is also drawn, if that is wanted.
        """
        counts, terms = int(bool(self._cooldown[1])), self._terms(mode) if draws else ""
        reply = await self._enqueues.ask(player_id, connection_id, mode.name, mode.order.value, seq, counts, terms)
        if reply[0] == b"cooldown":
            return CoolingDown(reply[1])
        if reply[0] == b"already_queued":
            return AlreadyQueued(reply[1].decode(), reply[2].decode(), bool(reply[3]))
        drawn = read_drawn(*reply[3:]) if reply[3:] else None
        return Accepted(reply[1], reply[2].decode(), mode.name, mode.order.value, drawn)

    async def resume(self, player_id: str, connection_id: str, seq: int = 0) -> Accepted | None:
        """Make this the player's connection and tell him where he stands; None if he is nowhere.

        ``seq`` is the last message he was sent on it: the answer has a higher number. Raises StoreUnavailable while
        the store has forgotten that one, and knows him by a match of before.
        """
        reply = await self._ask("resume", player_id, connection_id, seq)
        if reply[0] == b"later":
            raise StoreUnavailable("the store does not know yet what this player was told")
        if reply[0] == b"not_queued":
            return None
        return Accepted(reply[1], reply[2].decode(), reply[3].decode(), reply[4].decode())

    async def dequeue(self, player_id: str, connection_id: str) -> int:
        """Take a player out of the queue: the number of the answer on its way to him, 0 if he is in none."""
        return int(await self._ask("dequeue", player_id, connection_id))

    async def leave(
        self, player_id: str, connection_id: str, grace_ms: int, hung_up: bool = False
    ) -> tuple[Cancelled, ...]:
        """A connection is gone: its player leaves, or keeps their place for the grace.

        ``hung_up`` says that this is its client's doing: if the player's match loads, the player has failed to load
        it, whether or not this connection was told. An ``enqueue`` of this connection that was not sent yet is dropped.
        """
        self._enqueues.withdraw(lambda question: question[1] == connection_id)
        self._flush()  # what this connection asked before must not come after
        departure = player_id, connection_id, grace_ms, int(hung_up)
        return read_cancelled(await self._run("leave", *departure, *self._cooldown))

    async def loading_complete(self, player_id: str, connection_id: str, session: str) -> Roster | bool:
        """A player has loaded: the roster if he was the last, with its slot, else whether he is in that session."""
        reply = await self._completions.ask(player_id, connection_id, session, ALLOCATION_LEASE_MS)
        if reply[0] == b"complete":
            return read_completed(*reply[1:])
        return bool(reply[0] == b"waiting")

    async def reconcile(self, claims: Sequence[Claim]) -> list[Finding]:
        """Compare what this node believes of up to 100 of its players with what the store knows; both learn."""
        self._flush()
        reply = await self._run("reconcile", *(field for claim in claims for field in claim.fields()))
        return [read_finding(*found) for found in reply]

    async def connection_of(self, player_id: str) -> str:
        """The connection that speaks for a player by his record; empty where there is none."""
        return read_connection(await self.read("GET", f"player:{player_id}"))

    # matches

    async def undrawn(self) -> list[str]:
        """The modes in which a match may be possible that is not drawn; where players wait longest first."""
        return [name.decode() for name in await self.read("ZRANGE", "undrawn", 0, -1)]

    async def draw_in_turn(self, modes: Sequence[GameMode], most: int = 0) -> list[Drawn | StoreError]:
        """Draw matches of these modes, first where players wait longest; what each brought, in the order of the modes.

        As many as one run may, or up to ``most`` of each.
        """
        terms = ((mode.name, mode.order.value, self._terms(mode, most)) for mode in modes)
        replies = await self._ask("draw", *(word for words in terms for word in words))
        return [
            StoreError(str(reply)) if isinstance(reply, Exception) else read_drawn(*reply) for reply in replies
        ]  # fmt: skip

    async def draw(self, mode: GameMode, most: int = 0) -> Drawn:
        """Draw matches of one mode."""
        [drawn] = await self.draw_in_turn([mode], most)
        if isinstance(drawn, StoreError):
            raise drawn
        return drawn

    def _terms(self, mode: GameMode, most: int = 0) -> str:
        """Say how a draw is to go, see terms_of() in prelude_draw.lua; each has ids of its own for its sessions."""
        return f"{secrets.token_hex(8)} {most or MOST_PLAYERS // mode.size or 1} {self._rules[mode.name]}"

    async def adopt(self) -> list[Roster]:
        """The rosters this node has to find game servers for."""
        return [read_roster(reply) for reply in await self._run("adopt")]

    async def reserve(self, session: str) -> Reservation | bool:
        """A slot for a session; False if no server has one, True if the session is no longer this node's."""
        reply = await self._reservations.ask(session)
        if reply[0] == b"reserved":
            return Reservation(session, reply[1].decode(), reply[2].decode(), bool(reply[3]))
        return bool(reply[0] == b"lost")

    async def release(self, reservation: Reservation, uncertain: bool, rests: bool = True) -> int:
        """Give a slot back after a failure; the number of servers asked so far, -1 if the session is lost.

        The server ``rests`` if it was asked.
        """
        args = reservation.loading_session_id, reservation.server_id, int(uncertain), int(rests)
        return int(await self._run("release", *args))

    async def settle(self, reservation: Reservation, match: str, again: bool = False, players: int = 2) -> str:
        """End a session as matched: ``matched``, ``server_gone``, ``lost`` or ``gone``.

        ``match`` is the message to its players without the closing brace; ``again`` says that this was asked
        before and the answer never came. ``players`` is the size of the match.
        """
        address = "" if again else reservation.address
        question = reservation.loading_session_id, reservation.server_id, match, address
        reply = await self._settlements.ask(*question, players=players)
        return str(reply.decode())

    async def abandon(self, session: str) -> tuple[Cancelled, ...]:
        """End a session as cancelled for want of a game server."""
        return read_cancelled(await self._run("abandon", session))

    # what is overdue

    async def sweep(self, node_timeout_ms: int, grace_ms: int, portion: int = 100) -> Swept:
        """Put right one portion of what is overdue."""
        args = node_timeout_ms, grace_ms, ALLOCATION_LEASE_MS, portion, 5_000, *self._cooldown
        asked_at = self._clock.seconds()
        reply = await self._eval(self._commands, "sweep", 0, *args)
        if reply[0] < 0:
            await self._set_clock(self._commands, reply[1], reply[2], asked_at, node_timeout_ms)
            reply = await self._eval(self._commands, "sweep", 0, *args)
        return Swept() if reply[0] < 0 else read_swept(*reply)

    async def orphan_ended(self, orphan: str) -> None:
        """A game server has confirmed the end of a session nobody plays."""
        await self._run("orphan_ended", orphan)

    # game servers

    async def register_server(self, server: GameServer, remembered: bool = False) -> None:
        """Register a game server, or take its heartbeat; what is only ``remembered`` counts if the store forgot it."""
        running = "" if server.sessions is None else server.sessions
        facts = server.server_id, server.address, server.capacity, server.region, running, int(server.fixed)
        made = "" if server.made is None else server.made
        await self._ask("register_server", *facts, SERVER_TTL_MS, int(remembered), made)

    async def deregister_server(self, server_id: str) -> bool:
        """Forget a game server; False if it was unknown."""
        return bool(await self._ask("deregister_server", server_id))

    # questions that go together

    def _gathered(self, name: str, run: Callable[..., Coroutine[Deferred[Any], Any, Any]]) -> Gathering:
        async def send(questions: Sequence[Question]) -> Sequence[Any]:
            replies = await run(name, *(field for question in questions for field in question))
            return [StoreError(str(reply)) if isinstance(reply, Exception) else reply for reply in replies]

        return Gathering(send)

    def _flush(self) -> None:
        self._enqueues.flush()
        self._completions.flush()


def _rules(mode: GameMode) -> str:
    teams = " ".join(str(team) for team, size in enumerate(mode.teams) for _ in range(size))
    return f"{mode.size} {int(mode.loading_timeout * 1000)} {teams}"
