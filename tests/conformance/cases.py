"""The cases, played against a server by kosoku: ``python -m tests.conformance.cases URL [CASE...]``.

A process of its own, which must not import Autobahn: kosoku has something else of that name for its cases. It prints
one JSON object, what it said of each case, by the case's number.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import kosoku

COMPRESSED = ["12.*", "13.*"]
"""The cases of compression, which is never agreed to."""

AT_A_TIME = 2


async def verdicts(url: str, cases: list[str]) -> dict[str, list[str]]:
    """Of each case what is said of the messages, of the closing handshake, and why; all cases if none are named."""
    try:
        results = await kosoku.run_fuzzingclient(url, cases or None, COMPRESSED, AT_A_TIME)
    except kosoku.FailureError as failure:
        results = failure.results
    return {
        each.case_id: [each.behavior.value, each.behavior_close.value, each.result, each.result_close]
        for each in results
    }


if __name__ == "__main__":
    json.dump(asyncio.run(verdicts(sys.argv[1], sys.argv[2:])), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # kosoku's threads may still run, and abort a process that takes its time to end
