"""Which addresses game servers may have: decided from text and numbers alone, without a look-up.

Whoever can register a game server names an address that matchd then sends requests to, from a place that may
reach more than a stranger does: the store, a cloud's metadata service, what else listens on this machine. So
the settings list networks and ports. Some ranges are not opened by a wide network, only by an entry for them.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

from matchd.errors import MatchdError

Host = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_ADDRESS = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})\Z")
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\Z")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")

NOBODYS = tuple(map(ip_network, ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8")))
"""Unspecified, multicast, reserved, broadcast: no host's address, whatever is listed."""

LOOPBACK = "loopback"
GUARDED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), kind)
    for kind, networks in {
        LOOPBACK: ("127.0.0.0/8", "::1/128"),
        "link-local": ("169.254.0.0/16", "fe80::/10", "fec0::/10"),
        # Of the clouds whose metadata service is not link-local: Alibaba, Azure, Oracle, AWS, Google.
        "metadata": ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
        # IPv6 addresses that lead to an IPv4 one: compatible, translated (RFC 2765), NAT64 (6052, 8215), Teredo, 6to4.
        "tunnel": ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    }.items()
    for network in networks
)
"""Ranges that only an entry within them opens, and what they are."""


class AddressRefused(MatchdError):
    """A game server may not have this address; the text says why, in words fit for who named it."""


def is_address(text: str) -> bool:
    """Whether ``text`` is ``host:port``: a name, an IPv4 or a bracketed IPv6 address; at most 255 characters."""
    match = _ADDRESS.match(text)
    return match is not None and len(text) <= 255 and 1 <= int(match[1]) <= 65535


def split(address: str) -> tuple[str, int]:
    """The host, without brackets, and the port of what ``is_address``."""
    host, _, port = address.rpartition(":")
    return host.strip("[]").lower(), int(port)


def joined(host: Host, port: int) -> str:
    """``host:port``."""
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"


def literal(host: str) -> Host | None:
    """The IP address that ``host`` is, in whatever form a resolver would take it for one; None for a name.

    Seen through are 127.1, 2130706433, 0x7f.1, 0177.0.0.1, a final dot, and ::ffff:127.0.0.1. Raises
    AddressRefused for what looks like an address and is none.
    """
    try:
        if ":" in host:
            address = IPv6Address(host)
            return address.ipv4_mapped or address
        plain = host.removesuffix(".")
        return IPv4Address(socket.inet_aton(plain)) if _ENDS_IN_NUMBER.search(plain) else None
    except (OSError, ValueError):
        raise AddressRefused(f"{host} is no IP address") from None


def read_network(text: str) -> Network:
    """The network ``10.0.0.0/8``, or of one host ``10.0.0.7``; raises ValueError."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{text} is to be written as IPv4")
    return network


class Ports(NamedTuple):
    """The ports from ``first`` to ``last``."""

    first: int
    last: int


def read_ports(text: str) -> Ports:
    """``7000`` or ``7000-7999``; raises ValueError."""
    match = _PORTS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is neither a port nor a range of ports")
    ports = Ports(int(match[1]), int(match[2] or match[1]))
    if not 1 <= ports.first <= ports.last <= 65535:
        raise ValueError(f"{text} is not within 1 to 65535, or not rising")
    return ports


@dataclass(frozen=True, slots=True)
class Allowed:
    """The addresses that game servers may have; no ``networks`` are all that are not guarded, no ``ports`` are any.

    ``loopback``: where no networks are listed, loopback is open too, because matchd is itself on no other.
    """

    networks: tuple[Network, ...] = ()
    ports: tuple[Ports, ...] = ()
    loopback: bool = False

    def check(self, host: Host, port: int) -> None:
        """Raises AddressRefused unless a game server may be there."""
        self.check_port(port)
        if any(host in network for network in NOBODYS):
            raise AddressRefused(f"{host} is no host's address")
        guard, kind = next((guarded for guarded in GUARDED if host in guarded[0]), (None, ""))
        if not self.networks and kind == LOOPBACK and self.loopback:
            return
        if guard is not None and not self._is_listed(host, within=guard):
            raise AddressRefused(f"{host} is a {kind} address, and servers.networks does not list it as one")
        if self.networks and not self._is_listed(host):
            raise AddressRefused(f"{host} is not in servers.networks")

    def check_port(self, port: int) -> None:
        """Raises AddressRefused unless a game server may listen there."""
        if self.ports and not any(ports.first <= port <= ports.last for ports in self.ports):
            raise AddressRefused(f"port {port} is not in servers.ports")

    def _is_listed(self, host: Host, within: Network | None = None) -> bool:
        return any(host in network and (within is None or _is_within(network, within)) for network in self.networks)


def _is_within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
