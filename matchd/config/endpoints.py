"""Where matchd listens, as settings describe it: looked at, not yet opened."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from twisted.internet.endpoints import UNIXServerEndpoint, serverFromString
from twisted.internet.testing import MemoryReactor

_PRIVATE_KEY = re.compile(r":privateKey=((?:[^:\\]|\\.)+)")


def private_key(description: str) -> Path | None:
    """The file with the private key of the TLS endpoint that ``description`` describes, if it names one."""
    match = _PRIVATE_KEY.search(description)
    return Path(re.sub(r"\\(.)", r"\1", match[1])) if match else None


def is_local(description: str) -> bool:
    """Whether the server endpoint that ``description`` describes is out of reach for other machines.

    Raises ValueError, its text the reason, when this is no description of one.
    """
    endpoint = _endpoint(description)
    endpoint = getattr(endpoint, "_wrappedEndpoint", endpoint)  # within one that speaks the PROXY protocol
    port = getattr(endpoint, "_port", 0)
    if not 0 <= port <= 65535:
        raise ValueError(f"a port is 0 to 65535, got {port}")
    return isinstance(endpoint, UNIXServerEndpoint) or is_loopback(getattr(endpoint, "_interface", ""))


def _endpoint(description: str) -> object:
    try:
        # Any reactor will do for an endpoint that is never listened on.
        return serverFromString(MemoryReactor(), description)
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    except Exception:
        # The parsers, which plugins may add to, raise whatever their code happens to.
        raise ValueError(f"{description} is no endpoint, as tcp:8080:interface=127.0.0.1 is one") from None


def is_loopback(interface: str) -> bool:
    """Whether an address, or the name ``localhost``, is this machine's own."""
    try:
        return interface == "localhost" or ipaddress.ip_address(interface).is_loopback
    except ValueError:
        return False
