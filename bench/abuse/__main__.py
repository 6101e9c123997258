"""``python -m bench.abuse``: what honest players notice while somebody abuses the players' port; README.md says how."""

from __future__ import annotations

import argparse
import sys

from bench.abuse.attacks import ATTACKS, BOTNET, Attack
from bench.abuse.cores import Cores, stay_on, two
from bench.abuse.strikes import Damage, node, strike

HEAD = f"""\
{"":28}  honest p99 (ms)           times as long     node's CPU            the attacker's
{"":28} /s before under it on a sink as before, sink    ms/s    MiB    sockets open cut out  MiB sent"""
MOST_GROWTH = 20.0
"""MiB that a node may grow by."""
MOST_SLOWED = 2.0
"""How many times longer than before the slowest one in a hundred honest answers may take."""
LONE = 10.0
"""Players a second where the node is as good as idle."""


def is_well(damage: Damage) -> bool:
    """Whether honest players hardly notice, memory stays and the attacker is cut."""
    return (
        damage.meanwhile <= MOST_SLOWED * damage.before
        and damage.grown <= MOST_GROWTH
        and damage.toll.cut + damage.toll.unanswered > 0
    )


def told(rate: float, damage: Damage) -> str:
    """One line of the table."""
    toll = damage.toll
    times = f"{damage.before * 1000:6.1f} {damage.meanwhile * 1000:6.1f} {damage.control * 1000:6.1f}"
    ratios = f"{damage.meanwhile / damage.before:5.1f} {damage.meanwhile / damage.control:5.1f}"
    cpu = f"{damage.cpu_before * 1000:5.0f} {damage.cpu_meanwhile * 1000:5.0f}"
    attacker = f"{toll.opened:7} {toll.welcomed:8} {toll.cut:6} {toll.unanswered:5} {toll.sent / 2**20:6.1f}"
    return f"{rate:4.0f} {times} {ratios} {cpu} {damage.grown:+5.1f} {attacker}"


def suffer(attack: Attack, seconds: float, rates: list[float], cores: Cores) -> bool:
    """Strike a node of our own at each rate of honest players; whether all went well. A botnet is not judged."""
    well = True
    for rate in rates:
        with node(cores) as (port, child):
            damage = strike(attack, port, child.pid, seconds, rate, cores)
        fine = attack in BOTNET or is_well(damage)
        print(f"{attack.name:<28} {told(rate, damage)}{'' if fine else '  <--'}", flush=True)
        well = well and fine
    return well


def main() -> int:
    """Strike with every attack; the status is 1 where honest players suffer."""
    parser = argparse.ArgumentParser(prog="python -m bench.abuse", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each phase is (10)")
    parser.add_argument("--only", default="", help="only attacks with this in their name")
    parser.add_argument("--rate", type=float, default=200.0, help="honest players a second (200)")
    given = parser.parse_args()
    cores = two()
    stay_on(cores.others)
    print(HEAD)
    chosen = [attack for attack in (*ATTACKS, *BOTNET) if given.only in attack.name]
    well = [suffer(attack, given.seconds, [given.rate, LONE], cores) for attack in chosen]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
