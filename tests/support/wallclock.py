"""The wall clock of child processes, which a test can set back and forward while they run."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from tests.support.children import REPOSITORY

SHIM = REPOSITORY / "tests" / "support" / "stepped"


class WallClock:
    """Right at first; ``environment`` is what a child needs to go by it, kept in ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wrong = 0.0
        self.step(0.0)

    @property
    def environment(self) -> Mapping[str, str]:
        """For ``Child``."""
        return {"STEPPED_CLOCK": str(self._path), "PYTHONPATH": os.pathsep.join(map(str, (SHIM, REPOSITORY)))}

    def step(self, seconds: float) -> None:
        """Set it forward, or back, by so many seconds, for all that go by it."""
        self._wrong += seconds
        with self._path.open("r+b" if self._path.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("d", self._wrong))
