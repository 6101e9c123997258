"""What one player's connection, and all of them together, may take."""

from __future__ import annotations

from dataclasses import dataclass

from matchd.messages import MAX_BYTES

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the players' port. Counts are of one connection unless they say otherwise.

    The fields that ``[limits]`` of the settings has too go by the same names.
    """

    max_connections: int = 18_000
    """Players connected to this node at once; whoever comes on top is told so (4013)."""
    overflow: int = 500
    """Connections beyond that which get the time to be told; the next get a 503, and as many again nothing at all."""

    half_open: int = 8192
    """Sockets of this node whose handshake is under way; beyond it the one that has taken longest is cut."""
    address_half_open: int = 50
    """Those of one address; who comes on top is cut at once."""
    address_connections: int = 250
    """Players connected from one address at once; who comes on top gets a 429."""
    address_handshakes_per_second: float = 25.0
    """Handshakes of one address in the long run; ten seconds' worth at once. Who goes beyond gets a 429."""
    address_messages_per_second: float = 200.0
    """Its messages, pings and pongs in the long run, all connections together; three seconds' worth at once.

    Beyond it they are refused.
    """
    address_bytes_per_second: int = 262_144
    """The same for the bytes in them; ten seconds' worth at once."""
    address_shut_out_seconds: float = 10.0
    """How long nobody is there for an address that was refused or cut 25 times a second; ten seconds' worth at once.

    The number is that of its handshakes. Twice as long each time, up to 32 times; 0 is never.
    """
    trusted_networks: tuple[str, ...] = LOOPBACK
    """Addresses for which there are no such limits."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose ``X-Forwarded-For`` is believed."""

    handshake_seconds: float = 5.0
    """Time to finish the opening handshake."""
    handshake_bytes: int = 8192
    """Its length, up to and with the empty line."""
    handshake_headers: int = 64
    """Its header lines."""
    handshake_pieces: int = 256
    """Pieces that it comes in."""

    message_bytes: int = MAX_BYTES
    """Length of a message, and of a frame."""
    messages_per_second: float = 20.0
    """Messages, pings and pongs in the long run, and also the frames that continue a message."""
    burst: int = 40
    """Messages, pings and pongs at once."""
    fragments: int = 64
    """Frames at once that continue a message."""
    refusals: int = 40
    """Messages refused for coming too fast before the connection is closed (4008); one a second is forgotten."""
    faults: int = 20
    """Bad messages before the connection is closed (4008); one a second is forgotten."""

    idle_seconds: float = 30.0
    """Time to ask for a place in a queue."""
    ping_seconds: float = 40.0
    """Between two pings to a client that says nothing; half of it is the time to answer."""
    stall_seconds: float = 10.0
    """Time for a client to read again that has stopped reading."""
    stall_bytes: int = 65_536
    """What is still sent to it meanwhile."""
    close_seconds: float = 2.0
    """Time for the closing handshake, and then for the last bytes to be read."""


DEFAULTS = Limits()
