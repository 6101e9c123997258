"""Real child processes: they see the repository from a folder of their own, and never outlive a bound."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
"""Seconds until a child is given up."""

TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; sys.exit(run())"


class Child:
    """``python ARGUMENTS`` in ``folder``, or another program; its output goes to files there.

    Kill it in the test's cleanup.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        stdout: IO[bytes] | int | None = None,
        program: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._outputs = {name: folder / f"child.{name}" for name in ("stdout", "stderr")}
        with self._outputs["stdout"].open("wb") as out, self._outputs["stderr"].open("wb") as err:
            self._process = subprocess.Popen(
                [program, *arguments],
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(REPOSITORY),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=err,
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, below zero the signal that it died by; None while it runs."""
        return self._process.poll()

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._outputs["stdout"].read_text()

    @property
    def stderr(self) -> str:
        """What it has complained of so far."""
        return self._outputs["stderr"].read_text()

    def wait_to_print(self, text: str) -> None:
        """Return once it has printed ``text``, on either output; fails when it has not in time, or has ended."""
        deadline = time.monotonic() + PATIENCE
        while True:
            over = self._process.poll() is not None or time.monotonic() > deadline
            if text in self.stdout + self.stderr:
                return
            if over:
                raise AssertionError(f"{text!r} was not printed:\n{self.stdout}\n{self.stderr}")
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Its exit status, once it has ended; below zero the signal that it died by."""
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()


def twistd(
    folder: Path,
    *arguments: str,
    stdout: IO[bytes] | int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Child:
    """``twistd ARGUMENTS`` in ``folder``."""
    return Child(folder, "-c", TWISTD, *arguments, stdout=stdout, environment=environment)
