"""What takes all that comes and makes nothing of it: under the same attack it shows what the machine alone does."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection

from bench.abuse.cores import stay_on

PATIENCE = 10.0


class Sink:
    """Accepts whoever comes, reads and drops what he says, and hangs up on him after ``quota`` bytes."""

    def __init__(self, quota: int) -> None:
        self._quota = quota
        self._selector = selectors.DefaultSelector()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listening.setblocking(False)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self.port: int = self._listening.getsockname()[1]

    def serve(self) -> None:
        """For ever."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listening:
                    self._accept()
                else:
                    self._drop(key)

    def _accept(self) -> None:
        try:
            sock, _ = self._listening.accept()
        except OSError:
            return
        self._selector.register(sock, selectors.EVENT_READ, [0])

    def _drop(self, key: selectors.SelectorKey) -> None:
        sock: socket.socket = key.fileobj  # type: ignore[assignment]
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        key.data[0] += len(data)
        if not data or key.data[0] > self._quota:
            self._selector.unregister(sock)
            sock.close()


def _serve(quota: int, core: int | None, told: Connection) -> None:
    stay_on(core)
    sink = Sink(quota)
    told.send(sink.port)
    sink.serve()


@contextmanager
def sink(quota: int, core: int | None) -> Iterator[int]:
    """The port of one in a process of its own, on this core."""
    hears, tells = Pipe(duplex=False)
    process = Process(target=_serve, args=(quota, core, tells), daemon=True)
    process.start()
    try:
        if not hears.poll(PATIENCE):
            raise TimeoutError("the sink did not start")
        yield hears.recv()
    finally:
        process.kill()
        process.join()
