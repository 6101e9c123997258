"""What all players said and heard, taken together: who was asked to load, who loaded, who has which match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from matchd.messages import CloseCode
from tests.model.laboratory import START_US
from tests.support.world import MODES

if TYPE_CHECKING:
    from matchd.matches.gameserver import CreateSession
    from tests.model.clients import Client
    from tests.model.hosts import Hosts
    from tests.model.snapshot import Snapshot

KEPT = 120.0
"""Seconds after which a match is not told again, and a failure to load is forgotten."""

Message = dict[str, Any]


class Broken(AssertionError):
    """An invariant does not hold; ``invariant`` is its number in docs/model.md."""

    def __init__(self, invariant: int, text: str) -> None:
        super().__init__(f"invariant {invariant}: {text}")
        self.invariant = invariant


class History:
    """Collects what is wrong as it happens; ``check`` raises it when the step is over."""

    def __init__(self, hosts: Hosts, now: Callable[[], float]) -> None:
        self.forgiven: set[str] = set()
        """Sessions of which the store has lost the memory: some of their players may know more of them than it."""
        self.is_well: Callable[[], bool] = lambda: True
        """Whether all nodes, and their ways to the store, are well."""
        self.troubled: set[str] = set()
        """Sessions that were under way while something was wrong with a node, or with its way to the store."""
        self.contested: set[str] = set()
        """Players with two connections of which the store forgot which speaks: each may be told what the other is."""
        self.clients: list[Client] = []
        self.settled: dict[str, tuple[str, float]] = {}
        """The server of each session that the store has settled, and when that was."""
        self.speakers: defaultdict[str, list[str]] = defaultdict(list)
        """The connections that were accepted, for each player, in that order."""
        self.ready: defaultdict[str, set[str]] = defaultdict(set)
        """Who was taken to have loaded, in each session."""
        self.harmed: dict[tuple[str, str], float] = {}
        """The players who lost their connection through a node or the store, what they were loading then, and from
        which moment on nobody may blame them for it."""
        self._walked_out: set[tuple[str, str]] = set()
        """The players whose client hung up, and the sessions that were loading then."""
        self._told_late: set[tuple[str, str]] = set()
        self._sent_away: dict[str, Client] = {}
        """The connections that a draining node has closed, and of which the store does not know that yet."""
        self._blamed: set[tuple[str, str]] = set()
        self._hosts = hosts
        self._now = now
        self._wrongs: list[Broken] = []
        self._loaded: defaultdict[str, set[str]] = defaultdict(set)
        self._to_load: set[tuple[str, str]] = set()
        self._told: dict[str, tuple[str, str]] = {}
        self._cancelled: set[str] = set()
        self._has: defaultdict[str, list[str]] = defaultdict(list)
        self._wants_more: set[str] = set()
        self._requests_seen: set[str] = set()
        self._spoke_before: dict[Client, int] = {}
        """How often somebody was accepted for this player before this client spoke for the first time."""

    def wrong(self, invariant: int, text: str) -> None:
        """Something that may not be."""
        self._wrongs.append(Broken(invariant, text))

    def check(self) -> None:
        """Raise the first thing that was wrong since this was called last."""
        for session, request in self._hosts.requests.items():
            if session not in self._requests_seen:
                self._requests_seen.add(session)
                self._check_request(request)
        for text in self._hosts.odd_requests:
            self.wrong(5, text)
        for address, session in self._hosts.ended:
            server, _ = self.settled.get(session, ("", inf))
            if server and self._hosts.known_as(server).address == address and session not in self.forgiven:
                self.wrong(5, f"{session} has a match at {address}, which was asked to end it")
        if self._wrongs:
            raise self._wrongs[0]

    # what happens

    def said(self, client: Client, message: Message) -> None:
        """A client has sent a message."""
        self._spoke_before.setdefault(client, len(self.speakers[client.player_id]))
        if message["type"] == "enqueue":
            self._wants_more.add(client.player_id)
        if message["type"] == "loading_complete":
            self._loaded[client.player_id].add(message.get("loading_session_id", "any"))

    def heard(self, client: Client, message: Message, session: str) -> None:
        """A client has been sent a message; ``session`` is what it was loading until then."""
        if message["type"] == "match_found":
            self._hear_match(client, message)
        elif message["type"] == "start_loading":
            loads = client.player_id, message["loading_session_id"]
            self._to_load.add(loads)
            self.harmed.pop(loads, None)  # he is back in time
        elif message["type"] == "requeued" or message.get("code") == "loading_timeout":
            if self.others_spoke_since(client):
                return  # it may be about a newer connection's session
            if session:
                self._cancelled.add(session)
                self._check_guilt(client, message, session)
            _, settled_at = self.settled.get(session, ("", inf))
            known = self._now() - settled_at < KEPT
            if known and session in self._told and session not in self.forgiven:
                self.wrong(4, f"{session} has a match and was cancelled, as {client} heard")

    def _check_guilt(self, client: Client, message: Message, session: str) -> None:
        """Whoever has not loaded in time is out, and nobody else is."""
        ready = client.player_id in self.ready[session]
        if message.get("reason") == "loading_timeout" and not ready:
            self.wrong(8, f"{client} goes on, though it did not load {session} in time")
        if message.get("code") == "loading_timeout" and ready:
            self.wrong(8, f"{client} is out, though it loaded {session} in time")

    def closed(self, client: Client, code: CloseCode) -> None:
        """A node has closed a client's connection."""
        match code:
            case CloseCode.SUPERSEDED:
                if client.player_id not in self.contested and not self.others_spoke_since(client):
                    self.wrong(10, f"{client} was superseded, and nobody asked for {client.player_id} since")
            case CloseCode.DRAINING if client.node.draining:
                self._sent_away[client.connection_id] = client
            case CloseCode.DRAINING:
                self.harm(client)
                if not client.node.given_up:
                    self.wrong(10, f"{client} was sent away by {client.node}, which goes on")
            case _:
                self.wrong(10, f"{client} was closed with {code}")

    def harm(self, client: Client, known_from: float = 0.0) -> None:
        """A client loses its connection, or its place, through no fault of its own; when that can be known."""
        if client.place == "loading":
            self.harmed.setdefault((client.player_id, client.transcript.session), known_from)

    def left(self, connection: str, before: Snapshot) -> None:
        """The store hears that a connection is gone: if a node sent it away, nobody is blamed for that from now on."""
        if client := self._sent_away.pop(connection, None):
            self.see_blames(before)
            self.harm(client)

    def told_late(self, player: str, session: str) -> None:
        """A node missed messages to a player who loads, and fetched them."""
        self._told_late.add((player, session))

    def walked_out(self, player: str, connection: str, before: Snapshot, after: Snapshot, judged: bool) -> None:
        """The store hears that the connection that speaks for a player is gone, while the player's match loads.

        Where that is the client's doing the player has failed, told of the match or not, if players are ``judged``.
        """
        session = before.players[player]["session"]
        [client] = [one for one in self.clients if one.connection_id == connection]
        blamed = session in after.set(f"dodges:{player}") and session not in before.set(f"dodges:{player}")
        if client.hung_up:
            self._walked_out.add((player, session))
        if blamed and client.lost_in_outage:
            self.wrong(13, f"{client} left {session} while the store could not be told, and is blamed for it")
        if client.hung_up and judged and not blamed and not self._is_excused(player, session, before):
            self.wrong(13, f"{client} hung up while {session} was loading, and is not blamed for it")

    def _is_excused(self, player: str, session: str, before: Snapshot) -> bool:
        who, calm_until = (player, session), float(before.content.get("calm_until", 0))
        blamed = session in before.set(f"dodges:{player}")
        undisturbed = float(before.sessions[session].record["created"]) >= calm_until and session not in self.troubled
        return blamed or not undisturbed or who in self._told_late or who in self.harmed or player in self.contested

    def see_blames(self, snapshot: Snapshot) -> None:
        """By the store players failed to load sessions, each in a moment."""
        for player, dodges in snapshot.under("dodges:"):
            self._blamed_for(player, {session: at / 1e3 - START_US / 1e6 for session, at in dodges.items()})

    def _blamed_for(self, player: str, sessions: Mapping[str, float]) -> None:
        for session, moment in sessions.items():
            if (player, session) not in self._to_load | self._walked_out:
                self.wrong(13, f"{player} is blamed for {session}, which he was never told to load")
            harmed = moment >= self.harmed.get((player, session), inf)
            if harmed and (player, session) not in self._blamed:
                self.wrong(13, f"{player} is blamed for {session}, and it was not his fault")
            self._blamed.add((player, session))

    def others_spoke_since(self, client: Client) -> bool:
        """Whether another connection was accepted after this one was for the first time, or had asked in vain."""
        spoke, first = self.speakers[client.player_id], self._spoke_before.get(client, 0)
        if client.connection_id in spoke:
            first = spoke.index(client.connection_id)
        return any(other != client.connection_id for other in spoke[first:])

    # matches

    def _hear_match(self, client: Client, message: Message) -> None:
        player, game = client.player_id, message["session_id"]
        session = _session_of(game)
        where = game, message["server_address"]
        request = self._hosts.requests.get(session)
        if request is None or player not in request.players:
            self.wrong(5, f"{client} has the match {game}, which is not for {player}: {request}")
            return
        if not self._in_team(player, request, message):
            self.wrong(3, f"{client} is in team {message.get('team')} of {request.teams}")
        if self._told.setdefault(session, where) != where:
            self.wrong(5, f"{client} is sent to {where}, others of {session} to {self._told[session]}")
        if session in self._cancelled - self.forgiven:
            self.wrong(4, f"{client} has the match {game}, which was cancelled")
        if game in self._has[player]:  # an old connection may hear it after all
            return
        if self._has[player] and player not in self._wants_more and not self._is_forgotten(client):
            self.wrong(5, f"{client} has {self._has[player]} and {game}, and asked for no second match")
        self._has[player].append(game)
        if not self._asks(player):
            self._wants_more.discard(player)

    def _is_forgotten(self, client: Client) -> bool:
        """Whether the store has lost the matches that a newer connection heard of: an older one's word counts then."""
        lost = all(_session_of(game) in self.forgiven for game in self._has[client.player_id])
        return lost and self.others_spoke_since(client)

    def _asks(self, player: str) -> bool:
        """Whether a question of this player is open: it may be for another match, or take effect after all."""
        clients = (client for client in self.clients if client.player_id == player and client.open)
        return any(client.transcript.questions.open for client in clients)

    def _in_team(self, player: str, request: CreateSession, message: Message) -> bool:
        if "team" in message:
            return player in request.teams[message["team"]]
        return request.loading_session_id in self.forgiven

    def _check_request(self, request: CreateSession) -> None:
        mode, session = MODES[request.game_mode], request.loading_session_id
        if tuple(map(len, request.teams)) != mode.teams or sum(request.teams, ()) != request.players:
            self.wrong(3, f"{session} of {mode.name} has the teams {request.teams} of {request.players}")
        for player in request.players:
            if not self._loaded[player] & {session, "any"}:
                self.wrong(5, f"{session} is ready with {request.players}, and {player} never said so")


def _session_of(game: str) -> str:
    return game.removeprefix("game-").partition("@")[0]
