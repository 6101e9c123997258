"""One attack on one node: what honest players, the node's processor and its memory notice of it."""

from __future__ import annotations

import math
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Process, Queue
from pathlib import Path

from bench.abuse.attacks import UNBOUNDED, Attack, Attacker, Pace, Toll
from bench.abuse.cores import Cores, be_modest, children, stay_on
from bench.abuse.honest import Answer, flowing, p99
from bench.abuse.sink import sink
from bench.samples import cpu_seconds, look
from tests.support.children import Child, twistd
from tests.support.valkey import free_port

ANYWHERE = Cores(None, None)
VICTIM = "127.0.0.1"
PATIENCE = 20.0
"""Seconds that a node has on a busy machine to notice an attacker."""
SETTLING = 1.0
"""Seconds of flow before anything counts."""
SETTINGS = """
[limits]
trusted_networks = ["{trusted}"]

[modes.Duel]
"""


@dataclass(frozen=True, slots=True)
class Damage:
    """What an attack did.

    The 99th percentile of honest answers (s) before it, under it, and under the same attack on a sink beside the
    node (nan where that was not tried); the node's CPU time before and under it (s a second); the memory that it grew
    by (MiB); the attacker's toll.
    """

    before: float
    meanwhile: float
    control: float
    cpu_before: float
    cpu_meanwhile: float
    grown: float
    toll: Toll


@contextmanager
def node(cores: Cores = ANYWHERE, trusted: str = f"{VICTIM}/32") -> Iterator[tuple[int, Child]]:
    """A node with its default limits, but that only these are trusted: its port and its process."""
    with tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder) / "matchd.toml", free_port()
        config.write_text(SETTINGS.format(trusted=trusted))
        listen = f"tcp:{port}:interface={VICTIM}"
        child = twistd(Path(folder), "-n", "matchd", "--config", str(config), "--listen", listen, "--http", "none")
        try:
            child.wait_to_print("players: ")
            stay_on(cores.node, child.pid)
            for store in children(child.pid):
                stay_on(cores.others, store)
            yield port, child
        finally:
            child.signal(signal.SIGTERM)
            child.ended()


def _attack(
    attack: Attack, port: int, seconds: float, pace: Pace, modest: bool, patience: float, answer: Queue[Toll]
) -> None:
    if modest:
        be_modest()
    answer.put(Attacker(attack, (VICTIM, port), pace).attack(seconds, patience))


def carry_out(
    attack: Attack,
    port: int,
    seconds: float,
    pace: Pace = UNBOUNDED,
    modest: bool = False,
    patience: float = 0.0,
) -> Toll:
    """Attack the port for so long, from a process of its own; a modest one leaves its core to others.

    With ``patience`` the attack then goes on until somebody was cut, for so many more seconds at most.
    """
    answer: Queue[Toll] = Queue()
    attacker = Process(target=_attack, args=(attack, port, seconds, pace, modest, patience, answer), daemon=True)
    attacker.start()
    toll = answer.get(timeout=seconds + patience + 60)
    attacker.join(30)
    return toll


class Phase:
    """Some seconds in the life of a node: which they are, what it took of its core in them, how much it grew."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began, self._cpu, self._memory = time.monotonic(), cpu_seconds(pid), _memory(pid)

    def end(self) -> Phase:
        """It is over."""
        self._ended = time.monotonic()
        self.cpu = (cpu_seconds(self._pid) - self._cpu) / (self._ended - self._began)
        self.grown = _memory(self._pid) - self._memory
        return self

    def p99(self, answers: list[Answer]) -> float:
        """How long (s) the slowest one in a hundred honest answers took in it."""
        return p99(answers, self._began, self._ended)


def strike(attack: Attack, port: int, pid: int, seconds: float, rate: float, cores: Cores | None = None) -> Damage:
    """Attack the node with this port and process, while so many honest players come a second.

    With ``cores``, on which everything already is, the attacker is modest, and strikes a sink too. Without, on one
    that may be busy, he goes on until he is noticed.
    """
    control = None
    with flowing(f"ws://{VICTIM}:{port}/ws/", rate) as answers:
        time.sleep(SETTLING)
        calm = Phase(pid)
        time.sleep(seconds)
        calm.end()
        attacked = Phase(pid)
        toll = carry_out(attack, port, seconds, modest=cores is not None, patience=0.0 if cores else PATIENCE)
        attacked.end()
        if cores is not None:
            time.sleep(SETTLING)
            with sink(toll.sent // toll.opened, cores.node) as drain:
                control = Phase(pid)
                carry_out(attack, drain, seconds, Pace.of(toll), modest=True)
                control.end()
    return Damage(
        calm.p99(answers),
        attacked.p99(answers),
        control.p99(answers) if control else math.nan,
        calm.cpu,
        attacked.cpu,
        attacked.grown,
        toll,
    )


def _memory(pid: int) -> float:
    sample = look(pid, 0.0)
    assert sample is not None
    return sample.rss_mib
