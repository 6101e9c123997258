"""A wall clock that a test can step, for child processes with this folder on their ``PYTHONPATH``.

Python imports it before anything else, and so before Twisted takes ``time.time`` for itself. The eight bytes of the
file that ``STEPPED_CLOCK`` names are the seconds by which the wall clock is wrong; see ``tests/support/wallclock.py``.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

if "STEPPED_CLOCK" in os.environ:
    with Path(os.environ["STEPPED_CLOCK"]).open("rb") as file:
        wrong = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + struct.unpack("d", wrong[:8])[0]
    time.time_ns = lambda: right_ns() + int(struct.unpack("d", wrong[:8])[0] * 1e9)
