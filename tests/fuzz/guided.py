"""Inputs that atheris makes, led by what they reach in the code that reads them. It is not there on every machine.

``guided`` has them made in a process of its own, ``python -m tests.fuzz.guided SECONDS FOLDER``: libFuzzer ends it
without a goodbye to anybody. There nothing that is to be watched may be imported before it is watched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

READERS = ["matchd.messages", "matchd.websocket", "matchd.players", "autobahn.websocket", "json"]
"""The modules whose branches count."""


def guided(seconds: int) -> int:
    """The status of so many seconds of it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else it would end and leave the others behind
    with TemporaryDirectory(prefix="matchd-fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.guided", str(seconds), folder]
        process = subprocess.Popen(command, env={**os.environ, "TMPDIR": folder}, start_new_session=True)
        try:
            return process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its Valkey


def _fuzz(seconds: str, folder: str) -> None:
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=READERS):
        target = import_module("tests.fuzz.target")
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, data in enumerate(target.written()):
        (corpus / str(number)).write_bytes(data)
    options = [f"-max_total_time={seconds}", "-max_len=4200", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.Target().bring)
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(*sys.argv[1:])
