"""``[limits]``: what players' connections may take."""

from __future__ import annotations

from dataclasses import dataclass

from matchd.config.servers import NETWORK
from matchd.config.table import bounded, listed
from matchd.websocket.limits import LOOPBACK


@dataclass(frozen=True, slots=True)
class Limits:
    """What ``websocket.limits`` has by the same names. Rates are of one connection or one address, times in seconds."""

    max_connections: int = bounded(18_000, 1, 1_000_000)
    messages_per_second: float = bounded(20.0, 0.1, 10_000.0)
    burst: int = bounded(40, 1, 100_000)
    idle_seconds: float = bounded(30.0, 1.0, 3600.0)
    handshake_seconds: float = bounded(5.0, 0.1, 60.0)
    ping_seconds: float = bounded(40.0, 1.0, 3600.0)
    address_connections: int = bounded(250, 1, 1_000_000)
    address_half_open: int = bounded(50, 1, 1_000_000)
    address_handshakes_per_second: float = bounded(25.0, 0.1, 100_000.0)
    address_messages_per_second: float = bounded(200.0, 0.1, 1_000_000.0)
    address_bytes_per_second: int = bounded(262_144, 4096, 1_000_000_000)
    address_shut_out_seconds: float = bounded(10.0, 0.0, 3600.0)
    trusted_networks: tuple[str, ...] = listed(LOOPBACK, NETWORK)
    trusted_proxies: tuple[str, ...] = listed((), NETWORK)
