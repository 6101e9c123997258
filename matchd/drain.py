"""Leaving without losing anybody: players who wait move to another node, those in a match finish here.

The order: nobody new comes in; whoever does not load is sent away and keeps his place for a while; those
who load have until the deadline; at last this node leaves the others.
"""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from matchd.errors import StoreUnavailable
from matchd.messages import CloseCode
from matchd.model import Place
from matchd.node import Node
from matchd.players.session import Session
from matchd.websocket.gateway import Gateway

log = Logger()

FINISH_SECONDS = 18.0
LAST_WORDS_SECONDS = 4.0
LOOK_SECONDS = 0.1
REASON = "this node is going down: connect again elsewhere"


async def drain(clock: IReactorTime, node: Node, gateway: Gateway) -> None:
    """Empty the node; returns when it may stop, after half a minute at most."""
    log.info("draining: {players} players are connected", players=gateway.connections)
    gateway.refuse(CloseCode.DRAINING)
    node.departures.grace = node.tempo.drain_grace
    node.matchmaker.stop()
    await _finish(clock, node, gateway)
    await gateway.close_all(CloseCode.DRAINING, REASON)
    deadline = clock.seconds() + LAST_WORDS_SECONDS
    while (gateway.connections or len(node.departures) or len(node.allocator)) and clock.seconds() < deadline:
        await deferLater(clock, LOOK_SECONDS)
    await _part(node)
    log.info("drained")


async def _finish(clock: IReactorTime, node: Node, gateway: Gateway) -> None:
    """Until the deadline those who load may stay, and those whose game server is being asked."""
    deadline = clock.seconds() + FINISH_SECONDS
    while clock.seconds() < deadline:
        await gateway.close_all(CloseCode.DRAINING, REASON, spare=_loads)
        busy = any(speaker.standing.place == Place.LOADING for speaker in node.presence)
        if not busy and not len(node.allocator):
            return
        await deferLater(clock, LOOK_SECONDS)


def _loads(conversation: object) -> bool:
    return isinstance(conversation, Session) and conversation.speaker.standing.place == Place.LOADING


async def _part(node: Node) -> None:
    with suppress(StoreUnavailable):  # the others will find out by themselves
        await node.departures.retry()
        node.stop()
        await node.store.part()
