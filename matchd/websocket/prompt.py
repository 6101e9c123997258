"""Bytes to a client without waiting for the reactor: what the socket takes at once is sent at once.

Twisted's transports only note what is written, ask the kernel to be told when the socket can take it, send it in
the reactor's next turn, and tell the kernel that there is no more: two system calls and a turn for each message.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Server


class PlayerSocket(Server):
    """A player's end of a connection: little is read of it before others get their turn, whatever he has to say."""

    bufferSize = 1024  # nearly every message, with a token in it


def write(transport: Any, data: bytes) -> None:
    """Write ``data`` to a connection, at once if nothing is waiting there to be sent before it."""
    if _is_idle(transport):
        sent = transport.writeSomeData(data)
        if sent == len(data):
            return
        if isinstance(sent, int) and sent > 0:
            data = data[sent:]
    transport.write(data)  # also where the socket is broken: the reactor finds out, and ends the connection


def _is_idle(transport: Any) -> bool:
    return bool(
        type(transport) in (Server, PlayerSocket)
        and transport.connected
        and not (transport.TLS or transport.disconnecting or transport.dataBuffer or transport._tempDataBuffer)
    )
