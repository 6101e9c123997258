"""Keeps the embedded Valkey alive while matchd lives, and ends it, with its temporary folder, when matchd is gone.

A program of its own, run by its path with nothing but the standard library, for it has to outlive a matchd that
was killed. The end of its stdin is the end of matchd. On stdout it says, a line each: ``ready SOCKET`` whenever
Valkey answers, ``died WHY`` before it is started again, ``failed WHY`` before giving up.

A successor of a guardian that was killed is given the folder. While the old Valkey lives, which has the lock, the
successor waits; then it starts another Valkey on the same data.
"""

from __future__ import annotations

import fcntl
import math
import os
import select
import shutil
import signal
import socket
import stat
import subprocess  # nosec B404 # see where it is used
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

GRACE = 5.0
"""Seconds that Valkey has to end orderly."""
LOCK_PATIENCE = 2.0
"""Seconds for the guardian of a matchd that was killed to release the data."""
LOCK_LOOK = 0.1
"""Seconds between two attempts to get the lock."""
DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before Valkey is started again, for one death, two in a row, and so on."""
STABLE = 10.0
"""Seconds of life after which a death is the first in a row."""
LONGEST_FOLDER = 70
"""Characters; the path of a unix socket has at most 107 bytes, on some systems 103."""
SOCKET = "valkey.sock"

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxclients": "10000",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    "daemonize": "no",
}


class ValkeyError(Exception):
    """Valkey can't be had; the text begins with the setting to look at."""


class Alarm:
    """Wakes us when stdin ends, a signal comes or a child dies."""

    def __init__(self) -> None:
        self._signals, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # matchd has us begin with signals held

    def wait(self, seconds: float | None = None) -> None:
        """Return after ``seconds``, or sooner when a child has died; raises SystemExit when we are to end."""
        readable, _, _ = select.select([0, self._signals], [], [], seconds)
        if 0 in readable and not os.read(0, 1024):
            raise SystemExit
        if self._signals in readable and signal.SIGTERM in os.read(self._signals, 1024):
            raise SystemExit

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; raises SystemExit when we are to end."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.wait(left)


class Valkey:
    """The child: its program, its data, and the folder with its socket and its log."""

    def __init__(self, program: str, data: Path, folder: Path, lock: IO[bytes]) -> None:
        self.socket = str(folder / SOCKET)
        self._data = data
        self._log = folder / "valkey.log"
        self._lock = lock
        settings = {**SETTINGS, "unixsocket": self.socket, "logfile": str(self._log)}
        self._command = [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, out of reach of the terminal's signals; it holds the lock as we do, in case we are killed."""
        self._log.unlink(missing_ok=True)
        self._process = subprocess.Popen(  # nosec B603 # no shell, and every word is ours
            self._command,
            cwd=self._data,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._lock.fileno(),),
        )

    def lives(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether it runs and has loaded its data."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(self.socket)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False

    def last_words(self) -> str:
        """What it died of."""
        status = self._process.returncode if self._process else None
        if status is not None and status < 0:
            return f"killed by signal {-status}"
        with suppress(OSError):
            if lines := self._log.read_text(errors="replace").splitlines():
                return lines[-1].rpartition(" # ")[2]
        return f"exit status {status}"

    def end(self) -> None:
        """End it, orderly if that does not take too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def tell(word: str, text: str) -> None:
    """A line for matchd, which may be gone."""
    with suppress(OSError):
        os.write(1, f"{word} {text}\n".encode(errors="replace"))


def shut_down(path: str) -> None:
    """End the Valkey at a socket, orderly, if there is one."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(GRACE)
        connection.connect(path)
        connection.sendall(b"SHUTDOWN\r\n")
        connection.recv(1)


def lock(data: Path, alarm: Alarm, patience: float = LOCK_PATIENCE) -> IO[bytes]:
    """The data is ours while the file is open, here or in Valkey; raises ValkeyError after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (data / "matchd.lock").open("wb")
    except OSError as error:
        raise ValkeyError(f"data_dir: {data}: {error.strerror}") from None
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ValkeyError(f"data_dir: {data}: in use by another matchd") from None
            alarm.sleep(LOCK_LOOK)
        else:
            return file


def keep(valkey: Valkey, alarm: Alarm) -> None:
    """Have Valkey run until we are to end; raises ValkeyError when it can't even start."""
    deaths, answered = 0, False
    while True:
        valkey.start()
        began = time.monotonic()
        while valkey.lives() and not valkey.answers():
            alarm.wait(0.02)
        if valkey.lives():
            answered = True
            tell("ready", valkey.socket)
        elif not answered:
            raise ValkeyError(valkey.last_words())
        while valkey.lives():
            alarm.wait()
        tell("died", valkey.last_words())
        deaths = 1 if time.monotonic() - began > STABLE else deaths + 1
        alarm.sleep(DELAYS[min(deaths, len(DELAYS)) - 1])


def guard(program: str, data: Path | None, folder: Path, patience: float) -> None:
    """Everything between the making and the removing of the folder; raises ValkeyError."""
    alarm = Alarm()
    with lock(data or folder, alarm, patience) as held:
        valkey = Valkey(program, data or folder, folder, held)
        try:
            keep(valkey, alarm)
        except ValkeyError as error:
            setting = f"data_dir: {data}" if data else "redis: the embedded Valkey"
            raise ValkeyError(f"{setting}: {error}") from None
        finally:
            valkey.end()


def new_folder() -> Path:
    """A temporary folder with a path that is short enough for a socket."""
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) <= LONGEST_FOLDER else "/tmp"  # nosec B108 # mkdtemp
    return Path(tempfile.mkdtemp(prefix="matchd-", dir=base))


def old_folder(path: str) -> Path:
    """The folder of an earlier guardian, made again if that has removed it; raises ValkeyError if it is not ours."""
    folder = Path(path)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ValkeyError(f"{folder}: {error.strerror}") from None
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700 or not stat.S_ISDIR(found.st_mode):
        raise ValkeyError(f"{folder}: not a private folder")
    return folder


def succeed(program: str, data: Path | None, path: str) -> None:
    """Guard in the place of an earlier guardian, in its folder; what it holds stays there until we are told to end."""
    try:
        folder = old_folder(path)
        try:
            guard(program, data, folder, math.inf)
        except SystemExit:
            shut_down(str(folder / SOCKET))
            shutil.rmtree(folder, ignore_errors=True)
    except ValkeyError as error:
        tell("failed", str(error))


def main(program: str, data_dir: str, earlier: str = "") -> None:
    """Guard ``program`` with its data in ``data_dir``, or in the temporary folder if that is empty.

    ``earlier`` is the folder of a guardian that is gone, and that this one succeeds.
    """
    with suppress(OSError):
        os.setsid()
    data = Path(data_dir) if data_dir else None
    if earlier:
        return succeed(program, data, earlier)
    folder = new_folder()
    try:
        guard(program, data, folder, LOCK_PATIENCE)
    except ValkeyError as error:
        tell("failed", str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
