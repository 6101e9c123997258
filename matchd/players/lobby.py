"""What the sessions of a node share: one value with everything a conversation may set in motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from matchd.auth.authority import Authority
from matchd.background import Background
from matchd.jointoken import JoinTokens
from matchd.metrics import Metrics
from matchd.model import GameMode, Roster
from matchd.players.presence import Presence
from matchd.store.answers import Claim, Drawn
from matchd.store.store import Store
from matchd.websocket.rates import Rates


@dataclass(frozen=True, slots=True)
class Lobby:
    """The node as its sessions see it.

    ``listen`` fires when nothing said to a player can pass unheard; ``drew`` is told what matches were drawn by
    somebody's coming; ``allocate`` hands over a complete roster; ``departed`` says that a player's connection is gone,
    and whether its client hung up, ``remember`` that it is and that he was matched. ``pace`` is that of each
    player, whatever connections he uses. ``authority`` says who players are; with None they are whoever they say.
    Where there are ``join_tokens``, each ``match_found`` carries one.
    """

    modes: Mapping[str, GameMode]
    store: Store
    presence: Presence
    background: Background
    metrics: Metrics
    listen: Callable[[str], Deferred[None]]
    unlisten: Callable[[str], None]
    drew: Callable[[str, Drawn], None]
    allocate: Callable[[Roster], None]
    departed: Callable[[str, str, bool], None]
    remember: Callable[[Claim], None]
    pace: Rates
    authority: Authority | None = None
    join_tokens: JoinTokens | None = None
