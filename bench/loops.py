"""The loop that the benches run on: uvloop where it is installed (the extra ``bench``), asyncio's own elsewhere."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    import uvloop as loops
except ImportError:
    import asyncio as loops  # type: ignore[no-redef]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, with as many descriptors as the system allows, and few pauses of Python's own.

    Ctrl-C and SIGTERM cancel it, so that it can end what it has started: KeyboardInterrupt and CancelledError.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        return runner.run(_mortal(main))


async def _mortal(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(main)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
