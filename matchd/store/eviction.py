"""Whether the store may throw away what matchd keeps there, which it must not: said in the log at the start."""

from __future__ import annotations

import re

from twisted.logger import Logger

from matchd.errors import StoreError, StoreUnavailable
from matchd.store.runner import Commands

log = Logger()

KEEPING = "noeviction"


async def check(commands: Commands) -> None:
    """Warn of a ``maxmemory-policy`` by which the store would delete players, and say so if it can't be known."""
    try:
        policy = policy_of(await commands.execute("INFO", "memory"))
    except StoreError:
        policy = ""
    except StoreUnavailable:
        return
    if not policy:
        log.info("redis: can't see its maxmemory-policy; make sure that it is noeviction")
    elif policy != KEEPING:
        log.warn("redis: by its maxmemory-policy, {policy}, it may delete players; set noeviction", policy=policy)


def policy_of(info: bytes) -> str:
    """The policy that a reply to ``INFO memory`` names; empty if it names none."""
    match = re.search(rb"^maxmemory_policy:([\w-]+)", info, re.M)
    return match[1].decode() if match else ""
