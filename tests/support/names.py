"""Made-up host names: what stands in for a reactor where nothing but its resolver and its clock are asked."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.task import Clock


class Names(Clock):
    """Resolves the names of ``known`` to their addresses, and no others; those in ``silent`` wait for ``answer_all``.

    ``asked`` has every name that was looked up, in order.
    """

    def __init__(self, known: dict[str, list[str]] | None = None) -> None:
        super().__init__()
        self.known = known or {}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self._unanswered: list[tuple[Any, str]] = []
        self.nameResolver = self

    def resolveHostName(self, receiver: Any, name: str, *_: object) -> None:
        """As ``IHostnameResolver`` has it."""
        self.asked.append(name)
        receiver.resolutionBegan(None)
        if name in self.silent:
            self._unanswered.append((receiver, name))
        else:
            self._answer(receiver, name)

    def answer_all(self) -> None:
        """Give the answers that those in ``silent`` have waited for."""
        unanswered, self._unanswered = self._unanswered, []
        for receiver, name in unanswered:
            self._answer(receiver, name)

    def _answer(self, receiver: Any, name: str) -> None:
        for host in self.known.get(name, []):
            kind = IPv6Address if ":" in host else IPv4Address
            receiver.addressResolved(kind("TCP", host, 0))
        receiver.resolutionComplete()
