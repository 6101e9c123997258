"""A stand-in for Redis 6.2, which knows no ``#!lua`` line: what it answers to a node that connects."""

from __future__ import annotations

import hiredis
from twisted.internet.protocol import Protocol

SCRIPT_REFUSED = b"-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'\r\n"
INFO = b"# Server\r\nredis_version:6.2.14\r\nredis_mode:standalone\r\n"


class OlderRedis(Protocol):
    """One connection; ``tells`` is False where the user may not ask for the version."""

    tells = True

    def connectionMade(self) -> None:
        self._reader = hiredis.Reader()

    def dataReceived(self, data: bytes) -> None:
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            self.transport.write(self._answer(command[0].upper()))

    def _answer(self, command: bytes) -> bytes:
        if command == b"ROLE":
            return b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
        if command == b"SCRIPT":
            return SCRIPT_REFUSED
        if command == b"INFO" and self.tells:
            return b"$%d\r\n%s\r\n" % (len(INFO), INFO)
        if command == b"INFO":
            return b"-NOPERM this user has no permissions to run the 'info' command\r\n"
        return b"+OK\r\n"


class SilentOlderRedis(OlderRedis):
    """One that does not say its version."""

    tells = False
