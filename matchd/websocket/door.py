"""The door to the players' port, before anything is made for whoever comes: how many come in at once, and who does not.

Twisted accepts all that the kernel has, hundreds in a row if so many came, while everybody who is here waits. Here it
is few in a turn of the reactor.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.internet.tcp import Server

from matchd.websocket.addresses import network
from matchd.websocket.sieve import sift

if TYPE_CHECKING:
    from matchd.websocket.gateway import Gateway

AT_ONCE = 20
"""Sockets accepted in a turn of the reactor: some 3 ms."""
RECEIVE_BYTES = 16_384
"""What the kernel keeps of what a player says and nobody has read, about twice: four messages of the longest."""
COLLECTING_SECONDS = 0.1
"""Between the first who is shut out and the moment from which the kernel drops what comes from him, and the next."""


class PlayerSocket(Server):
    """A player's end of a connection: little is read of it before others get their turn, whatever he has to say."""

    bufferSize = 1024  # nearly every message, with a token in it


class Door:
    """In place of a listening port's socket, as far as a port uses it."""

    def __init__(self, listening: socket.socket, reactor: IReactorTime) -> None:
        self._socket = listening
        self._reactor = reactor
        self._came = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """As a socket's: but for too many in one turn, it is as if there were no more."""
        if self._came == AT_ONCE:
            raise BlockingIOError(errno.EWOULDBLOCK, "enough for now")
        if not self._came:
            self._reactor.callLater(0, self._next_turn)
        self._came += 1
        return self._socket.accept()

    def _next_turn(self) -> None:
        self._came = 0

    def __getattr__(self, name: str) -> Any:
        """Whatever else a socket has."""
        return getattr(self._socket, name)


class Porter:
    """Has the kernel drop what comes from those who are shut out, as long as they are."""

    def __init__(self, listening: socket.socket, gateway: Gateway) -> None:
        self._socket = listening
        self._gateway = gateway
        self._reactor = gateway.clock
        self._due: IDelayedCall | None = None
        gateway.on_outcast = self._soon

    def stop(self) -> None:
        """Nothing more is changed."""
        self._gateway.on_outcast = lambda: None
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _soon(self, seconds: float = COLLECTING_SECONDS) -> None:
        at = self._reactor.seconds() + seconds
        if self._due is None:
            self._due = self._reactor.callLater(seconds, self._sift)
        elif at < self._due.getTime():
            self._due.reset(seconds)

    def _sift(self) -> None:
        self._due = None
        now = self._reactor.seconds()
        outcasts = self._gateway.addresses.outcasts.all(now)
        sift(self._socket, [network(name) for name in outcasts])
        if outcasts:
            self._soon(min(outcasts.values()) - now + COLLECTING_SECONDS)


def guard(port: IListeningPort, gateway: Gateway) -> Callable[[], None]:
    """Give the gateway's port a door and a porter, where it has a socket; what sends the porter home."""
    listening = getattr(port, "socket", None)
    if not isinstance(listening, socket.socket):
        return lambda: None
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)  # those that it accepts inherit it
    port.socket, port.transport = Door(listening, gateway.clock), PlayerSocket  # type: ignore[attr-defined]
    return Porter(listening, gateway).stop
