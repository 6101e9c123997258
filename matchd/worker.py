"""``python -m matchd.worker``: one of several processes on a player port; workers.py starts it and says how."""

from __future__ import annotations

import os
import pickle  # nosec B403 # see where it is used

from twisted.internet import reactor
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from matchd.config.settings import Settings
from matchd.logs import observer
from matchd.service import Matchd


class Leash(Protocol):
    """Standard input: while it is open, this process shall run."""

    def __init__(self, service: Matchd) -> None:
        self._service = service

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The first process wants us to end, or has ended."""
        self._service.terminate()


def _read_settings() -> Settings:
    """What the first process has written; not a byte more is read, the rest is for the leash."""
    size = int.from_bytes(_read(4), "big")
    settings: Settings = pickle.loads(_read(size))  # nosec B301 # from the process that started this one
    return settings


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := os.read(0, size - len(data))):
            raise SystemExit(0)
        data += more
    return data


def main() -> None:
    """Run a node until standard input ends."""
    settings = _read_settings()
    log_to = observer(settings.log_format, {"nodaemon": True}, IReactorFromThreads(reactor))
    globalLogBeginner.beginLoggingTo([log_to] if log_to else [], redirectStandardIO=False)
    core = IReactorCore(reactor)
    service = Matchd(settings, reactor, shares_port=True)
    core.callWhenRunning(service.startService)
    core.callWhenRunning(StandardIO, Leash(service))
    core.addSystemEventTrigger("before", "shutdown", service.stopService)
    core.run()


if __name__ == "__main__":
    main()
