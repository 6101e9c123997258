"""What a soak has found, as a table, and what of it is wrong. Pure; the bounds are stated here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.samples import Growth, Lives

LONGEST_WAIT_SECONDS = 30.0
"""From the wish to the match, whatever happens meanwhile."""
RSS_MIB_PER_MINUTE = 1.0
DESCRIPTORS_PER_MINUTE = 10.0
"""How fast a process may grow in the second half of a soak."""
WARM_UP_SECONDS = 120.0
"""A node remembers its matches for so long: until then it has to grow."""
LEAST_SECONDS = 60.0
"""Growth is read from at least so much of a process's life, after it has warmed up."""
SPARE_DESCRIPTORS = 2
"""How many more descriptors than at first a node may have once everybody is gone."""
TORN_SECONDS = 1.0
"""A match of which some were told when the store lost everything can't be told to the others."""
LASTING_KEYS = ("tally", "calm_until", "clock_offset")
KEPT_FOR_AN_HOUR = ("dodges:", "cooldown:")
KINDS = "lost", "doubled", "mismatched", "unexpected"
FENCED = "fenced:"
"""A node that was given up is remembered for a day, one key each."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """A fault, with the seconds until everything was normal again, from when it struck and from when it was healed.

    ``last`` is what came right last; ``trouble`` is what was still not normal when it should have been.
    """

    fault: str
    after: float
    after_healed: float
    last: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        if self.trouble:
            return f"{self.fault:36} not normal after {self.after:.1f} s: {self.trouble}"
        return f"{self.fault:36} normal again after {self.after:5.1f} s; last: {self.last}"


@dataclass(slots=True)
class Evidence:
    """Everything that a soak has found. Moments are of the monotonic clock, memory is in bytes."""

    seed: int
    seconds: float
    players: int
    began: float = 0.0
    ended: float = 0.0
    recoveries: list[Recovery] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    passing: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lives: Lives = field(default_factory=Lives)
    store: list[tuple[float, int, int]] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    emptied: list[float] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    keys_before: set[str] = field(default_factory=set)
    keys_after: set[str] = field(default_factory=set)
    memory_before: int = 0
    memory_after: int = 0
    descriptors_before: dict[str, int] = field(default_factory=dict)
    descriptors_after: dict[str, int] = field(default_factory=dict)

    @property
    def hopeless(self) -> bool:
        """Whether a fault was not got over: another would tell nothing new."""
        return any(recovery.trouble for recovery in self.recoveries)

    @property
    def growths(self) -> list[Growth]:
        """How the processes grew in the second half."""
        half = (self.began + self.ended) / 2
        return self.lives.growths(half, self.ended, WARM_UP_SECONDS, LEAST_SECONDS)

    @property
    def torn(self) -> list[str]:
        """Matches that only some were told of because the store lost everything at that very moment."""
        return [what for what, at in self.account["halves"] if self._as_it_was_emptied(at)]

    @property
    def halves(self) -> list[str]:
        """Matches that only some were told of, without that excuse."""
        return [what for what, at in self.account["halves"] if not self._as_it_was_emptied(at)]

    @property
    def fenced(self) -> int:
        """How many nodes were given up since the store was last emptied."""
        return sum(key.startswith(FENCED) for key in self.keys_after)

    @property
    def stray_keys(self) -> list[str]:
        """Keys in the store that should have gone."""
        new = self.keys_after - self.keys_before - set(LASTING_KEYS)
        return sorted(key for key in new if not key.startswith((FENCED, *KEPT_FOR_AN_HOUR)))

    def _as_it_was_emptied(self, at: float) -> bool:
        return any(abs(at - moment) <= TORN_SECONDS for moment in self.emptied)


def problems(evidence: Evidence) -> list[str]:
    """Everything that is wrong, a line each; nothing when the soak is clean."""
    unhealed = [str(recovery) for recovery in evidence.recoveries if recovery.trouble]
    printed = [f"a traceback was printed: {text[text.find('Traceback') :][:2000]}" for text in evidence.tracebacks]
    return [
        *evidence.wrong,
        *unhealed,
        *_wronged_players(evidence),
        *_growth(evidence),
        *_leftovers(evidence),
        *printed,
    ]


def _wronged_players(evidence: Evidence) -> Iterator[str]:
    account = evidence.account
    for kind in KINDS:
        for what in account[kind]:
            yield f"{kind}: {what}"
    for half in evidence.halves:
        yield f"only some were told of {half}"
    if account["waits"]["p100"] > LONGEST_WAIT_SECONDS:
        yield f"somebody waited longer than {LONGEST_WAIT_SECONDS:g} s: {account['slowest'][0]}"


def _growth(evidence: Evidence) -> Iterator[str]:
    for growth in evidence.growths:
        if growth.rss_mib > RSS_MIB_PER_MINUTE or growth.descriptors > DESCRIPTORS_PER_MINUTE:
            yield f"it grows: {growth}"


def _leftovers(evidence: Evidence) -> Iterator[str]:
    most = max(evidence.descriptors_before.values()) + SPARE_DESCRIPTORS
    for node, descriptors in evidence.descriptors_after.items():
        if descriptors > most:
            yield f"{node} has {descriptors} descriptors at the end, not {most} at most"
    if evidence.fenced > len(evidence.recoveries):
        yield f"{evidence.fenced} nodes were given up, more than there were faults"
    for key in evidence.stray_keys:
        yield f"a key is left: {key}"
    for key in sorted(evidence.keys_before - evidence.keys_after):
        yield f"a key is gone: {key}"


def table(evidence: Evidence) -> str:
    """The whole soak in one table."""
    return "\n".join((*_faults(evidence), *_players(evidence), *_resources(evidence)))


def _faults(evidence: Evidence) -> Iterator[str]:
    by_fault: defaultdict[str, list[Recovery]] = defaultdict(list)
    for recovery in evidence.recoveries:
        by_fault[recovery.fault].append(recovery)
    yield f"\n{'seconds until all was normal again':36}  times   median    worst   worst after it was healed"
    for fault, recoveries in sorted(by_fault.items()):
        after = [recovery.after for recovery in recoveries]
        healed = max(recovery.after_healed for recovery in recoveries)
        yield f"{fault:36}  {len(after):5}  {median(after):7.1f}  {max(after):7.1f}   {healed:7.1f}"
    for fault, found in evidence.passing.items():
        yield f"contradictions seen during {fault}: {len(found)}, such as: {found[0]}"


def _players(evidence: Evidence) -> Iterator[str]:
    account = evidence.account
    waits = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in account["waits"].items())
    rate = account["matched"] / account["seconds"] if account["seconds"] else 0.0
    yield f"\nmatched         {account['matched']} of {evidence.players} at once, {rate:.1f} a second; {waits}"
    kinds = ", ".join(f"{len(account[kind])} {kind}" for kind in KINDS)
    yield f"wishes          {account['wishes']}: {kinds}, {len(evidence.halves)} told to some only"
    yield f"                {account['gave_up']} left over at the end; {len(evidence.torn)} torn by the store's end"
    for wish in account["slowest"]:
        yield f"slow            {wish}"
    for what, count in account["events"].items():
        yield f"                {count:7} {what}"


def _resources(evidence: Evidence) -> Iterator[str]:
    rss, descriptors = evidence.lives.peaks()
    yield f"processes       {len(evidence.lives)} lives; at most {rss:.1f} MiB, {descriptors} descriptors"
    for growth in sorted(evidence.growths, key=lambda growth: -growth.rss_mib):
        yield f"                {growth}"
    before, after = evidence.descriptors_before, evidence.descriptors_after
    yield f"at the end      descriptors {sorted(before.values())} -> {sorted(after.values())}"
    keys = max(keys for _, keys, _ in evidence.store)
    memory = max(memory for _, _, memory in evidence.store)
    last = len(evidence.keys_after)
    yield f"store keys      {len(evidence.keys_before)} -> at most {keys} -> {last}, {evidence.fenced} of them fenced:*"
    mib = [size / 2**20 for size in (evidence.memory_before, memory, evidence.memory_after)]
    yield f"store memory    {mib[0]:.2f} -> at most {mib[1]:.2f} -> {mib[2]:.2f} MiB"
    yield f"seed            {evidence.seed}\n"
