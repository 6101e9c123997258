"""``python -m tests.conformance [CASE...]``: the cases without compression, or some (``9.*``), against our own port."""

from __future__ import annotations

import json
import os
import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.utils import getProcessOutputAndValue

from tests.conformance.echo import echoing

ALL = 301
"""The cases that kosoku has, but for those of compression."""

GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}


async def play(reactor, cases: list[str]) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    """What was said of each case; raises SystemExit when they could not be played."""
    port = reactor.listenTCP(0, echoing(reactor), interface="127.0.0.1")
    url = f"ws://127.0.0.1:{port.getHost().port}/ws/"
    command = ["-m", "tests.conformance.cases", url, *cases]
    said, complaints, status = await getProcessOutputAndValue(sys.executable, command, os.environ)
    await port.stopListening()
    if status:
        raise SystemExit(f"kosoku ended with {status}: {complaints.decode()}")
    verdicts: dict[str, list[str]] = json.loads(said)
    return verdicts


async def main(reactor, cases: list[str]) -> None:  # type: ignore[no-untyped-def]
    """Play, and say what did not pass; the status is 1 unless all did."""
    verdicts = await play(reactor, cases)
    failed = {case: said for case, said in verdicts.items() if not GOOD.issuperset(said[:2])}
    for case, said in failed.items():
        print(f"{case}: {'; '.join(said)}")
    expected = len(verdicts) if cases else ALL
    print(f"{len(verdicts) - len(failed)} of {expected} cases passed")
    if failed or len(verdicts) != expected or not verdicts:
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, sys.argv[1:])))
