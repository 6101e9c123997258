"""``[servers]``: what game servers have to show to register, and where they may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from matchd.config.secrets import Secrets
from matchd.config.table import Form, Table
from matchd.matches.addresses import Network, Ports, read_network, read_ports


def _is_read_by(read: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return fits


NETWORK = Form(_is_read_by(read_network), 'an IP address or network without host bits, as "10.0.0.0/8"')
PORTS = Form(_is_read_by(read_ports), 'a port or a range of ports, as "7000-7999"')


@dataclass(frozen=True, slots=True)
class Servers:
    """All of it; an empty ``token`` asks for none, no ``networks`` and no ``ports`` are the usual ones."""

    token: str = field(default="", repr=False)
    networks: tuple[Network, ...] = ()
    ports: tuple[Ports, ...] = ()


def read_servers(table: Table, secrets: Secrets) -> Servers:
    """The table ``servers``."""
    settings = Servers(
        token=secrets.read(table, "token"),
        networks=tuple(map(read_network, table.texts("networks", NETWORK))),
        ports=tuple(map(read_ports, table.texts("ports", PORTS))),
    )
    table.refuse_unknown()
    return settings
