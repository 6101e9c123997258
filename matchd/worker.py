"""``python -m matchd.worker``: one of several processes on a player port; workers.py starts it and says how."""

from __future__ import annotations

import os
import pickle  # nosec B403 # see where it is used
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer, IReactorCore, IReactorFromThreads, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from matchd.background import Background, Loop
from matchd.clock import go_by
from matchd.config.settings import Settings
from matchd.logs import observer
from matchd.service import Matchd
from matchd.siblings import TELL_SECONDS, TELLING, pack


@implementer(IPushProducer)
class Leash(Protocol):
    """Standard input: while it is open, this process shall run. The other way goes what it has to tell."""

    transport: Any

    def __init__(self, service: Matchd, background: Background) -> None:
        self._service = service
        self._listened_to = True
        self._telling = Loop(background, "telling", TELL_SECONDS, self._tell)

    def connectionMade(self) -> None:
        """Begin to tell."""
        self.transport.registerProducer(self, True)
        self._telling.start()

    async def _tell(self) -> None:
        if self._listened_to and (word := self._service.word()):
            self.transport.write(pack(word))

    def pauseProducing(self) -> None:
        """The first process does not listen at the moment."""
        self._listened_to = False

    def resumeProducing(self) -> None:
        """It listens again."""
        self._listened_to = True

    def stopProducing(self) -> None:
        """It will listen no more."""
        self._listened_to = False

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The first process wants us to end, or has ended."""
        self._telling.stop()
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
    go_by(reactor)
    settings = _read_settings()
    log_to = observer(settings.log_format, {"nodaemon": True}, IReactorFromThreads(reactor))
    globalLogBeginner.beginLoggingTo([log_to] if log_to else [], redirectStandardIO=False)
    core = IReactorCore(reactor)
    service = Matchd(settings, reactor, shares_port=True)
    core.callWhenRunning(service.startService)
    core.callWhenRunning(StandardIO, Leash(service, Background(IReactorTime(reactor))), 0, TELLING)
    core.addSystemEventTrigger("before", "shutdown", service.stopService)
    core.run()


if __name__ == "__main__":
    main()
