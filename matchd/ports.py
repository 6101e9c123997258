"""Opening the ports that the settings describe."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.tcp import makeBinding

from matchd.errors import StartupError

BACKLOG = 4096
"""Connections the kernel keeps for us while we are busy: all of a node's players may come at once."""

PROBES = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 5, "TCP_USER_TIMEOUT": 30_000}
"""How the kernel finds out whose machine or network has gone without a word: within 30 s, be it silent or written to.

It asks after 15 s of silence, and then every 3 s. The last one, in ms, is how long it tries to send.
"""

_TCP = re.compile(r"tcp6?:(?:port=)?([0-9]+)((?::.*)?)\Z")
_INTERFACE = r"interface=((?:[^:\\]|\\.)+)"  # a colon in an IPv6 address is written with a backslash before it
_SHARED = re.compile(rf"tcp:(?:port=)?([0-9]+)(?::{_INTERFACE})?\Z")


async def listen(
    reactor: Any, option: str, description: str, factory: IProtocolFactory, shared: bool
) -> IListeningPort:
    """Listen as ``description`` says, where other processes may too if ``shared``; raises StartupError."""
    try:
        if shared:
            port = _listen_shared(reactor, description, factory)
        else:
            is_tcp = description.startswith(("tcp", "ssl:", "haproxy:tcp"))
            backlog = f":backlog={BACKLOG}" if is_tcp and "backlog=" not in description else ""
            port = await serverFromString(reactor, description + backlog).listen(factory)
        _notice_the_vanished(port)
        return port
    except (CannotListenError, OSError) as error:
        reason = error.socketError if isinstance(error, CannotListenError) else error
        why = getattr(reason, "strerror", None) or reason
        raise StartupError(f"--{option}: can't listen on {description}: {why}") from None


def _listen_shared(reactor: Any, description: str, factory: IProtocolFactory) -> IListeningPort:
    match = _SHARED.match(description)
    if match is None:
        raise StartupError(f"--workers: more than one needs tcp:PORT:interface=ADDRESS to listen on, got {description}")
    address = _unescaped(match[2] or "")
    binding = makeBinding(address, int(match[1]), reuseAddress=True, reusePort=True)
    # The address again: by this argument Twisted tells IPv6 from IPv4.
    port: IListeningPort = reactor.listenTCP(binding, factory, backlog=BACKLOG, interface=address)
    return port


def _notice_the_vanished(port: IListeningPort) -> None:
    """Connections inherit this from their port, on Linux and the BSDs; what a system does not know is left out."""
    listening = getattr(port, "socket", None)
    if listening is None or listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for name, value in PROBES.items():
        if hasattr(socket, name):
            level = socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP
            listening.setsockopt(level, getattr(socket, name), value)


def with_port(description: str, port: IListeningPort) -> str:
    """The description with the number that the port really got, where it left that open."""
    match = _TCP.match(description)
    return description if match is None else f"tcp:{_number(port)}{match[2]}"


def url(scheme: str, description: str, port: IListeningPort) -> str:
    """Where a port can be reached, by ``ws`` or ``http`` or their secure kin; what is no address as it is described."""
    kind = description.partition(":")[0]
    if kind not in ("tcp", "tcp6", "ssl"):
        return f"{scheme} on {description}"
    match = re.search(f":{_INTERFACE}", description)
    host = _unescaped(match[1]) if match else "localhost"
    return f"{scheme}{'s' if kind == 'ssl' else ''}://{f'[{host}]' if ':' in host else host}:{_number(port)}"


def _unescaped(argument: str) -> str:
    return re.sub(r"\\(.)", r"\1", argument)


def _number(port: IListeningPort) -> int:
    return int(getattr(port.getHost(), "port", 0))
