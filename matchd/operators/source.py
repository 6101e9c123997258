"""What the operators' port asks of the node."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from matchd.model import GameServer

Row = dict[str, Any]
"""One thing as its JSON object; a field that a node leaves out is left out of the answer."""


class Source(Protocol):
    """Where the answers come from; whatever is awaited may raise StoreUnavailable, and is then answered by 503."""

    def ready(self) -> str | None:
        """None while players can be served, else the reason why not, in one line."""

    def metrics(self) -> bytes:
        """The metrics as ``metrics.CONTENT_TYPE``."""

    def modes(self) -> Awaitable[list[Row]]:
        """Every mode: ``name``, ``teams`` (sizes), ``order``, ``loading_timeout_s``, ``players`` (place -> number)."""

    def servers(self) -> Awaitable[list[Row]]:
        """Every game server: ``id``, ``address``, ``status``, ``capacity``, ``sessions``, ``region``,
        ``heartbeat_age_s``."""

    def sessions(self, limit: int) -> Awaitable[list[Row]]:
        """At most ``limit`` loading sessions: ``id``, ``mode``, ``state``, ``players`` (id -> ``loading`` or
        ``ready``), ``age_s``, ``server``."""

    def invariants(self) -> Awaitable[Row]:
        """Across all nodes: ``players`` (place -> number) and ``contradictions`` (one line each)."""

    def totals(self) -> Awaitable[Row]:
        """Across all nodes and at little cost: ``players`` (place -> number, for ``queued`` mode -> number),
        ``sessions`` (state -> number), and how many came and went ``since_the_store_was_empty``."""

    def register_server(self, server: GameServer) -> Awaitable[None]:
        """Enter a game server, or note that it is still there; raises AddressRefused where it may not be."""

    def deregister_server(self, server_id: str) -> Awaitable[bool]:
        """Take a game server out; False if it is not in."""

    def registration_refused(self, reason: str) -> None:
        """Count somebody who was not let in, see ``metrics.REGISTRATIONS_REFUSED``."""
