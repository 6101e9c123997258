"""A real Valkey spoken to synchronously: every Deferred has fired when it is returned.

So a test of several nodes is a plain sequence of steps, with a ``Clock`` and without a reactor: commands
are answered at once, and what was published is heard when ``pump`` is called.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

import hiredis
from twisted.internet.defer import Deferred, fail, succeed

from matchd.errors import StoreAway, StoreError, StoreUnavailable


class BlockingConnection:
    """One RESP connection over a unix socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(path)
        self._reader = hiredis.Reader()

    def send(self, *args: bytes | str | int) -> None:
        self.send_all([args])

    def send_all(self, commands: Iterable[tuple[bytes | str | int, ...]]) -> None:
        self._socket.sendall(b"".join(map(hiredis.pack_command, commands)))

    def reply(self) -> Any:
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._reader.feed(data)
        return reply

    def ask(self, *args: bytes | str | int) -> Any:
        self.send(*args)
        reply = self.reply()
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def close(self) -> None:
        self._socket.close()


class BlockingCommands:
    """The store's commands; ``down`` makes them fail as they do while the store is away."""

    def __init__(self, path: str) -> None:
        self._connection = BlockingConnection(path)
        self.down = False
        self._on_lost: Callable[[], object] | None = None

    def execute(self, *args: bytes | str | int) -> Deferred[Any]:
        if self.down:
            return fail(StoreAway("the store is away"))
        on_lost, self._on_lost = self._on_lost, None
        try:
            reply = self._connection.ask(*args)
        except hiredis.ReplyError as error:
            return fail(StoreError(str(error)))
        if on_lost is None:
            return succeed(reply)
        on_lost()
        return fail(StoreUnavailable("the answer was lost"))

    def lose_the_next_answer(self, then: Callable[[], object] = lambda: None) -> None:
        """What is asked next is done, but the answer does not arrive; ``then`` is what happens besides."""
        self._on_lost = then

    def reopen(self, path: str) -> None:
        """Another connection, as after the server was restarted."""
        self._connection.close()
        self._connection = BlockingConnection(path)

    def close(self) -> None:
        self._connection.close()


class BlockingSubscriber:
    """The node's subscriber connection; ``pump`` hands over everything published so far."""

    def __init__(self, path: str, heard: Callable[[bytes, bytes], None]) -> None:
        self._path = path
        self._heard = heard
        self._channels: set[bytes] = set()
        self._connection: BlockingConnection | None = BlockingConnection(path)
        self._waiting: list[tuple[bytes, bytes]] = []

    def subscribe(self, channel: bytes) -> Deferred[None]:
        self._channels.add(channel)
        if self._connection is None:
            return fail(StoreUnavailable("the subscriber connection is away"))
        self._command("SUBSCRIBE", channel)
        return succeed(None)

    def unsubscribe(self, channel: bytes) -> None:
        self._channels.discard(channel)
        self._command("UNSUBSCRIBE", channel)

    def cut(self) -> None:
        """Lose the connection: what is published from now on is not heard."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._waiting.clear()

    def heal(self) -> None:
        """Connect again and subscribe to all that is wanted."""
        if self._connection is None:
            self._connection = BlockingConnection(self._path)
            for channel in self._channels:
                self._command("SUBSCRIBE", channel)

    def pump(self) -> int:
        """Hand over what was published; returns how many messages that was."""
        if self._connection is not None:
            self._command("PING", b"pumped")
        waiting, self._waiting = self._waiting, []
        for channel, payload in waiting:
            self._heard(channel, payload)
        return len(waiting)

    def _command(self, *args: bytes | str) -> None:
        if self._connection is None:
            return
        self._connection.send(*args)
        wanted = args[0].lower() if isinstance(args[0], str) else ""
        while True:
            kind, *rest = self._connection.reply()
            if kind == b"message":
                self._waiting.append((rest[0], rest[1]))
            elif kind.decode() == wanted or (wanted == "ping" and kind == b"pong"):
                return

    def close(self) -> None:
        self.cut()
