"""The one road for messages to players: each player's channel, heard on the node's one subscriber connection.

Besides the players' channels a node hears its own, on which scripts tell it which of its connections
were superseded elsewhere. Both come on one connection, so what is published in order arrives in order.
A message is a hint that may get lost with the connection; recovery compares with the records then.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from matchd.players.presence import Presence

log = Logger()


class Subscriptions(Protocol):
    """What notifications need of the subscriber connection."""

    def subscribe(self, channel: bytes) -> Deferred[None]:
        """Fires when the store has confirmed it; at once if it has before."""

    def unsubscribe(self, channel: bytes) -> None:
        """No more of this channel."""


class _Superseded(msgspec.Struct, frozen=True):
    superseded: str
    player_id: str = ""


class Notifications:
    """Listens for the players of this node and hands each message to their speakers."""

    def __init__(self, subscriptions: Subscriptions, presence: Presence, prefix: str) -> None:
        self._subscriptions = subscriptions
        self._presence = presence
        self._players = f"{prefix}notifications:".encode()
        self._nodes = f"{prefix}node:".encode()

    def listen(self, player_id: str) -> Deferred[None]:
        """Hear what is said to this player; fires when nothing can pass unheard any more."""
        return self._subscriptions.subscribe(self._players + player_id.encode())

    def unlisten(self, player_id: str) -> None:
        """Nobody here speaks for this player any more."""
        self._subscriptions.unsubscribe(self._players + player_id.encode())

    def follow(self, node: str, former: str = "") -> Deferred[None]:
        """Hear what is said to this node, under its present name."""
        if former:
            self._subscriptions.unsubscribe(self._nodes + former.encode())
        return self._subscriptions.subscribe(self._nodes + node.encode())

    def heard(self, channel: bytes, payload: bytes) -> None:
        """A message has come on one of the channels."""
        if channel.startswith(self._players):
            if not _is_text(payload):
                log.warn("what was said on {channel} is not UTF-8, and is not passed on", channel=channel)
                return
            for speaker in self._presence.of_player(channel.removeprefix(self._players).decode()):
                speaker.hear(payload)
        elif channel.startswith(self._nodes):
            self._superseded(payload)

    def _superseded(self, payload: bytes) -> None:
        try:
            speaker = self._presence.of_connection(msgspec.json.decode(payload, type=_Superseded).superseded)
        except ValueError:
            log.warn("what was said to this node makes no sense: {payload}", payload=payload[:100])
            return
        if speaker is not None:
            speaker.superseded()


def _is_text(payload: bytes) -> bool:
    """Clients close a connection on which a text frame is none (1007)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
