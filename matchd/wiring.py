"""How the parts of a process are joined, and what each is told of the settings."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

from matchd.config.join import Join
from matchd.config.settings import Settings
from matchd.jointoken import JoinTokens
from matchd.keys import signing_key
from matchd.matches.addresses import Allowed
from matchd.model import Cooldown
from matchd.node import Node, Tempo
from matchd.store.link import CommandLink
from matchd.store.subscriber import SubscriberLink
from matchd.websocket.gateway import Gateway
from matchd.websocket.limits import Limits


def connect(node: Node, gateway: Gateway, commands: CommandLink, subscriber: SubscriberLink) -> None:
    """Tell each part whom to call."""
    commands.prepare = node.prepare
    commands.on_up, commands.on_down = node.connected, node.disconnected
    commands.round_trip = node.metrics.redis_round_trip
    node.metrics.observe_writable(lambda: commands.writable)
    subscriber.on_message, subscriber.on_up = node.notifications.heard, node.hearing
    node.store.on_fenced = lambda: commands.drop("the other nodes gave this one up")
    node.metrics.observe_connections(lambda: gateway.connections)
    gateway.on_closed = node.metrics.connection_closed
    gateway.on_refused = node.metrics.connection_refused


def tempo(settings: Settings) -> Tempo:
    """How fast a node acts and how long it waits."""
    recovery, matchmaking = settings.recovery, settings.matchmaking
    return Tempo(
        tick=matchmaking.tick,
        node_timeout=recovery.node_timeout,
        reconnect_grace=recovery.reconnect_grace,
        drain_grace=recovery.drain_grace,
        allocation_attempts=matchmaking.allocation_attempts,
        cooldown=Cooldown(**asdict(settings.cooldown)),
        messages_per_second=settings.limits.messages_per_second,
        burst=settings.limits.burst,
    )


def allowed(settings: Settings) -> Allowed:
    """Where game servers may be: on loopback while matchd is there itself, or runs its practice server."""
    servers, loopback = settings.servers, settings.on_loopback or settings.nothing_configured
    return Allowed(servers.networks, servers.ports, loopback)


def join_tokens(settings: Join) -> JoinTokens | None:
    """What signs players' join tokens, if anything does."""
    if not settings.key:
        return None
    return JoinTokens(signing_key(settings.algorithm, settings.key), settings.algorithm, settings.seconds, time.time)


def limits_of(settings: Settings) -> Limits:
    """The limits of the players' port, as far as the settings say otherwise than its defaults."""
    return replace(Limits(), **asdict(settings.limits))
