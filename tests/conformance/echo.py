"""The players' port with the one thing to say that a conformance suite asks for: what it heard.

The gateway, the connection and the fast way of ordinary frames are the ones that serve players. Three things
differ. The conversation is ``Echo`` instead of a ``Session``. The limits are as high as the cases need, which send
up to 16 MiB at once. And a binary message, which closes a player's connection (4002), is sent back too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from twisted.internet.interfaces import IReactorTime

from matchd.background import Background
from matchd.websocket.connection import PlayerConnection
from matchd.websocket.conversation import Outlet
from matchd.websocket.fastframes import with_options
from matchd.websocket.gateway import Gateway
from matchd.websocket.limits import DEFAULTS

LARGEST = 16 * 2**20
PLENTY = 1_000_000

GENEROUS = replace(
    DEFAULTS,
    message_bytes=LARGEST,
    messages_per_second=PLENTY,
    burst=PLENTY,
    fragments=PLENTY,
    stall_bytes=4 * LARGEST,
)
"""The limits of players, but for those that the cases go beyond."""


@dataclass
class Echo:
    """A conversation that repeats every message."""

    outlet: Outlet
    enqueued: bool = True

    def receive(self, frame: bytes) -> None:
        """One text frame."""
        self.outlet.send(frame)

    def lost(self, code: int = 1006) -> None:
        """It is over."""


class EchoConnection(PlayerConnection):
    """A player's connection on which binary messages are welcome too."""

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        """A message: text goes the way of all text."""
        if is_binary and self.state == self.STATE_OPEN:
            self.sendMessage(payload, True)
        else:
            super().onMessage(payload, is_binary)


def echoing(reactor: IReactorTime) -> Gateway:
    """The gateway of such a port."""
    gateway = Gateway(Background(reactor), Echo, GENEROUS)
    gateway.protocol = with_options(EchoConnection, gateway)
    return gateway
