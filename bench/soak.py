"""``python -m bench.soak``: a whole service under load, and a fault every few seconds; then what is left of it.

Everything runs on the loopback in processes of its own, which all end with this one. The exit status is 0 if
nothing was wrong.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.task import react
from twisted.python.failure import Failure

from bench.faults import NOTHING, Failed, Fault, shuffled
from bench.samples import Lives
from bench.service import UNANSWERED, Service, name_of
from bench.verdict import Evidence, Recovery, problems, table
from tests.support.waiting import pause

LOOK_SECONDS = 0.2
SAMPLE_SECONDS = 5.0
SETTLE_SECONDS = 3.0
NORMAL_SECONDS = 60.0
"""How long after a fault is healed things may take to be normal again: what is not normal by then is wrong."""
LONG_SECONDS = 10.0
"""Of a player who waits longer it is told why."""
DRAIN_SECONDS = 150.0
KEPT_SECONDS = 130.0
"""What matchd remembers of a player who is gone, it has forgotten by then."""
SPARE_SECONDS = 240.0
"""What a soak may take besides: to start, for the last faults, to end."""


class Soak:
    """One soak; ``evidence`` is what it has found so far."""

    def __init__(self, service: Service, options: argparse.Namespace) -> None:
        self.evidence = Evidence(options.seed, options.seconds, options.players)
        self._service = service
        self._options = options
        self._chance = random.Random(options.seed)
        self._phase = ""
        """The fault that is not over yet; empty when everything should be normal."""

    async def run(self) -> None:
        """From the start to the last look."""
        evidence, service = self.evidence, self._service
        await service.start()
        await pause(SETTLE_SECONDS)
        evidence.keys_before, evidence.memory_before = service.keys(), service.store_memory()
        evidence.descriptors_before = self._descriptors()
        service.start_load(self._options.players, self._options.seed)
        evidence.began = time.monotonic()
        watching = [self._beside(self._sample()), self._beside(self._watch())]
        try:
            await self._strike()
            print("no more faults: the players leave", flush=True)
            evidence.ended = time.monotonic()
            evidence.account = await service.stop_load(DRAIN_SECONDS)
            print(f"waiting {KEPT_SECONDS:g} s for what is kept a while", flush=True)
            await pause(KEPT_SECONDS)
            self._last_look()
        finally:
            for watch in watching:
                watch.cancel()

    # faults

    async def _strike(self) -> None:
        evidence, every = self.evidence, self._options.every
        faults, due = shuffled(self._chance), evidence.began + every
        fault = NOTHING
        while due < evidence.began + self._options.seconds and not evidence.hopeless:
            await pause(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic()) + every
            evidence.recoveries.append(await self._one(fault))
            fault = next(faults)

    async def _one(self, fault: Fault) -> Recovery:
        """Let one fault happen, and wait until nothing is to be seen of it."""
        self._phase, struck = fault.name, time.monotonic()
        try:
            await fault.strike(self._service, self._chance)
        except Failed as failed:
            self.evidence.wrong.append(str(failed))
        healed = time.monotonic()
        last, trouble = await self._trouble_after(healed)
        now, self._phase = time.monotonic(), ""
        recovery = Recovery(fault.name, now - struck, now - healed, last, trouble)
        print(f"{struck - self.evidence.began:6.0f} s  {recovery}", flush=True)
        return recovery

    async def _trouble_after(self, healed: float) -> tuple[str, str]:
        """Wait until everything is normal: what was not at last, and again if that was so for too long."""
        last = ""
        while trouble := await self._abnormal(healed):
            last = trouble
            if time.monotonic() > healed + NORMAL_SECONDS:
                return last, trouble
            await pause(LOOK_SECONDS)
        return last, ""

    async def _abnormal(self, healed: float) -> str:
        """The first thing found that is not normal; that somebody waits since before the fault was healed is one."""
        if dead := self._service.dead():
            return dead[0]
        standing = self._service.standing()
        if standing.get("at", 0.0) < healed:
            return "the load says nothing"
        if standing.get("oldest", standing["at"]) <= healed:
            return _waiting(standing)
        try:
            found = await self._service.troubles() or await self._service.contradictions()
        except UNANSWERED as error:
            return f"no answer: {type(error).__name__}"
        return found[0] if found else ""

    # what goes on beside

    def _beside(self, watch: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Let it go on until it is cancelled; that it fails is wrong too."""
        return Deferred.fromCoroutine(watch).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            self.evidence.wrong.append(f"the soak itself failed: {failure.getTraceback()}")

    async def _sample(self) -> None:
        while True:
            for node in self._service.nodes:
                with suppress(*UNANSWERED):
                    players = await self._service.players_at(node)
                    self.evidence.lives.look(name_of(node), node.child.pid, time.monotonic(), players)
            for server in self._service.servers:
                self.evidence.lives.look(name_of(server), server.child.pid, time.monotonic())
            if self._service.store not in self._service.unwell:
                keys = int(self._service.store.ask("DBSIZE"))
                self.evidence.store.append((time.monotonic(), keys, self._service.store_memory()))
            await pause(SAMPLE_SECONDS)

    async def _watch(self) -> None:
        """Contradictions, at any moment: between the faults there must be none."""
        while True:
            phase = self._phase
            with suppress(*UNANSWERED):
                for found in await self._service.contradictions():
                    if phase or self._phase:
                        self.evidence.passing[phase or self._phase].append(found)
                    else:
                        self.evidence.wrong.append(f"while all should be normal: {found}")
            await pause(1.0)

    # the end

    def _descriptors(self) -> dict[str, int]:
        lives = Lives()
        for node in self._service.nodes:
            lives.look(name_of(node), node.child.pid, 0.0)
        return lives.descriptors()

    def _last_look(self) -> None:
        evidence, service = self.evidence, self._service
        evidence.keys_after, evidence.memory_after = service.keys(), service.store_memory()
        evidence.descriptors_after = self._descriptors()
        evidence.emptied = service.emptied
        evidence.tracebacks = service.fleet.tracebacks()


def _waiting(standing: Mapping[str, Any]) -> str:
    """That somebody waits, and if that is not usual any more, what happened to him."""
    seconds = standing["at"] - standing["oldest"]
    return f"somebody waits since {seconds:.1f} s" + (f": {standing['who']}" if seconds > LONG_SECONDS else "")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="for how long faults happen")
    parser.add_argument("--players", type=int, default=200, help="how many there are at once")
    parser.add_argument("--every", type=float, default=15.0, help="seconds from one fault to the next")
    parser.add_argument("--seed", type=int, default=secrets.randbits(24), help="of what happens by chance")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run the soak; the exit status."""
    options = parse(arguments)
    wrong = ["it was interrupted"]

    async def run(reactor: Any) -> None:
        service = Service()
        reactor.addSystemEventTrigger("before", "shutdown", service.close)
        soak = Soak(service, options)
        bound = options.seconds + DRAIN_SECONDS + KEPT_SECONDS + SPARE_SECONDS
        try:
            await Deferred.fromCoroutine(soak.run()).addTimeout(bound, reactor)
            wrong[:] = problems(soak.evidence)
            print(table(soak.evidence), flush=True)
        except TimeoutError:
            wrong[:] = [f"it did not end within {bound:g} s"]
        finally:
            service.close()

    print(f"soak: seed {options.seed}", flush=True)
    with suppress(SystemExit):
        react(run)
    print("\n".join(f"soak: {problem}" for problem in wrong) or "soak: clean", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
