"""What each network address has open, and how fast it may go on: pure, its memory bounded whoever comes.

An IPv6 address counts by its /64, which is what one customer has; an IPv4 address written as IPv6 by itself. Those in
``trusted_networks`` are not counted, nor is a socket without an address. What a proxy in ``trusted_proxies`` forwards
counts for whom it names. Counts are kept while something is open, rates for seconds. Who is refused over and over is
shut out: refused before anything is looked at, and by the kernel where that is possible (``on_outcast``).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable

from matchd.websocket.limits import Limits
from matchd.websocket.outcasts import Outcasts
from matchd.websocket.rates import Rates

AT_ONCE_SECONDS = 10.0
"""What an address may do in so many seconds, it may do at once: behind it may be many who were cut off together."""
MESSAGES_AT_ONCE_SECONDS = 3.0
"""The same for its messages: two or three of each of those who come back."""

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TooMuch(Exception):
    """This address has too much already; the text says of what."""


class Visit:
    """One socket of an address that counts."""

    __slots__ = ("_addresses", "_count", "name")

    def __init__(self, addresses: Addresses, name: str, count: Counter[str]) -> None:
        self._addresses = addresses
        self._count = count
        self.name = name
        count[name] += 1

    def says(self, size: int, now: float) -> bool:
        """One more message, ping or pong of so many bytes; False where it is one too many."""
        return self._addresses.messages.take(self.name, now) and self._addresses.bytes.take(self.name, now, size)

    def offends(self, now: float, times: float = 1.0) -> None:
        """It was refused, or cut, for what it did."""
        self._addresses.offends(self.name, now, times)

    def ends(self) -> None:
        """The socket is gone, or on to its next stage."""
        self._count[self.name] -= 1
        if not self._count[self.name]:
            del self._count[self.name]


class Addresses:
    """All that are here. Moments are seconds of whatever clock the caller reads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._trusted = [ipaddress.ip_network(text) for text in limits.trusted_networks]
        self._proxies = [ipaddress.ip_network(text) for text in limits.trusted_proxies]
        self.half_open: Counter[str] = Counter()
        self.open: Counter[str] = Counter()
        self._sockets = _rates(2 * limits.address_handshakes_per_second)
        self._handshakes = _rates(limits.address_handshakes_per_second)
        self.messages = _rates(limits.address_messages_per_second, MESSAGES_AT_ONCE_SECONDS)
        self.bytes = _rates(limits.address_bytes_per_second)
        offences = limits.address_handshakes_per_second
        self.outcasts = Outcasts(offences, offences * AT_ONCE_SECONDS, limits.address_shut_out_seconds)
        self.on_outcast: Callable[[], None] = lambda: None

    def arrives(self, host: str, now: float) -> Visit | None:
        """A socket of ``host`` that has said nothing yet; None where it is not counted.

        Raises TooMuch, for twice as many as handshakes: others are answered why not.
        """
        address = _read(host)
        if address is None or _is_in(address, self._proxies):
            return None
        name = self._name(address)
        if not name:
            return None
        if self.outcasts.are(name, now):
            raise TooMuch("your address is shut out")
        if self.half_open[name] >= self._limits.address_half_open or not self._sockets.take(name, now):
            self.offends(name, now)
            raise TooMuch("too many sockets from your address")
        return Visit(self, name, self.half_open)

    def enters(self, host: str, forwarded: str, now: float) -> Visit | None:
        """Its request has come, ``forwarded`` being its ``X-Forwarded-For``; None where it is not counted.

        Raises TooMuch.
        """
        address = self.client(host, forwarded)
        name = self._name(address) if address else ""
        if not name:
            return None
        if self.outcasts.are(name, now):
            raise TooMuch("your address is shut out")
        if not self._handshakes.take(name, now):
            self.offends(name, now)
            raise TooMuch("too many handshakes from your address")
        if self.open[name] >= self._limits.address_connections:
            self.offends(name, now)
            raise TooMuch("too many connections from your address")
        return Visit(self, name, self.open)

    def offends(self, name: str, now: float, times: float = 1.0) -> None:
        """Somebody there was refused, or cut, for what he did."""
        if self.outcasts.offends(name, now, times):
            self.on_outcast()

    def client(self, host: str, forwarded: str) -> IP | None:
        """Whose request it is: ``host``, or the last hop of ``forwarded`` that is no proxy of ours.

        Only our own proxies are believed, and each only on the hop before it. None where there is no address.
        """
        address = _read(host)
        for hop in reversed(forwarded.split(",")):
            if address is None or not _is_in(address, self._proxies):
                break
            before = _read(hop.strip())
            if before is None:
                break
            address = before
        return address

    def _name(self, address: IP) -> str:
        """Under which name it is counted; none if it is trusted."""
        if _is_in(address, self._trusted):
            return ""
        return str(address) if address.version == 4 else str(int(address) >> 64)


def network(name: str) -> Network:
    """What is counted under a name."""
    if name.isdecimal():
        return ipaddress.IPv6Network((int(name) << 64, 64))
    return ipaddress.IPv4Network(name)


def _rates(per_second: float, at_once_seconds: float = AT_ONCE_SECONDS) -> Rates:
    return Rates(per_second, per_second * at_once_seconds)


def _read(text: str) -> IP | None:
    """An address as a proxy or a socket writes it, perhaps with a port or a zone; None if it is none."""
    host = text.partition("%")[0]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: IP, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
