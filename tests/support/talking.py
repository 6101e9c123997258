"""A second opinion on the wire: the `websockets` package instead of the library that matchd itself is built on.

Nothing here uses the reactor: whoever talks, waits.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PATIENCE = 20.0
"""Seconds until an answer is given up, on a machine that is busy."""


class Talk:
    """One open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def say(self, frame: str | bytes) -> None:
        """Send a text frame; bytes are sent as they are, also where they are no text."""
        self._connection.send(frame, text=True)

    def say_binary(self, frame: bytes) -> None:
        """Send a binary frame."""
        self._connection.send(frame)

    def say_in_pieces(self, *pieces: str) -> None:
        """Send one message in as many frames."""
        self._connection.send(iter(pieces))

    def tell(self, **message: object) -> None:
        """Send a message."""
        self.say(json.dumps(message))

    def hear(self) -> dict[str, Any]:
        """The next message."""
        heard: dict[str, Any] = json.loads(self._connection.recv(PATIENCE))
        return heard

    def answer(self, frame: str | bytes) -> dict[str, Any]:
        """What is said to a text frame."""
        self.say(frame)
        return self.hear()

    def ping(self) -> float:
        """The seconds until a ping is answered."""
        began = self._connection.ping()
        assert began.wait(PATIENCE), "no pong"
        return self._connection.latency

    def closed(self) -> int:
        """The code that the other side closes with; what it still says before is dropped."""
        try:
            while True:
                self._connection.recv(PATIENCE)
        except ConnectionClosed as end:
            assert end.rcvd is not None, "it hung up without a goodbye"
            return end.rcvd.code


@contextmanager
def talking(url: str, **options: Any) -> Iterator[Talk]:
    """A connection for a while, with options of ``websockets``.

    Raises websockets.exceptions.InvalidStatus where the handshake is refused.
    """
    with connect(url, proxy=None, open_timeout=PATIENCE, close_timeout=2, **options) as connection:
        yield Talk(connection)


def exchange(port: int, *sent: bytes) -> bytes:
    """All that is answered to these bytes, sent in as many pieces, until the other side hangs up, however it does."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection, suppress(ConnectionError):
        for piece in sent:
            connection.sendall(piece)
        while chunk := connection.recv(65536):
            received += chunk
    return received
