"""The line between a connection, which knows frames, and what is said over it, which knows players."""

from __future__ import annotations

from typing import Protocol

from matchd.messages import CloseCode


class Conversation(Protocol):
    """What a connection brings its messages to."""

    @property
    def enqueued(self) -> bool:
        """Whether it has ever asked for a place in a queue."""

    def present(self, token: str) -> None:
        """A token that came with the handshake, before anything else; returns at once and doesn't raise."""

    def receive(self, frame: bytes) -> None:
        """One text frame, within all limits and valid UTF-8; returns at once and doesn't raise for bad input."""

    def lost(self, code: int = 1006) -> None:
        """The connection is gone, with our close ``code`` if we closed it; called once, and nothing after it."""


class Outlet(Protocol):
    """What a conversation may do with its connection."""

    def send(self, frame: bytes) -> None:
        """One text frame to the client; dropped in silence when the connection is not open."""

    def close(self, code: CloseCode, reason: str) -> None:
        """Close with ``code`` and a ``reason`` of up to 123 bytes; nothing is received or sent from here on."""

    def fault(self) -> None:
        """A bad message was answered: too many of them close the connection (4008)."""
