"""What a soak does to a service: each fault strikes, heals what it broke, and returns."""

from __future__ import annotations

import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bench.service import Service, name_of
from tests.support.fleet import Program
from tests.support.waiting import pause

DOWN_SECONDS = 2.0
NODE_FROZEN_SECONDS = 6.0
STORE_FROZEN_SECONDS = 3.0
SERVER_FROZEN_SECONDS = 4.0
DRAIN_SECONDS = 35.0
"""How long a node may take to end when it is asked to: it promises 30 s."""


class Failed(Exception):
    """The fault showed something wrong by itself; the text says what."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by its name; ``strike`` returns when it is healed. Raises Failed."""

    name: str
    strike: Callable[[Service, random.Random], Awaitable[None]]


def shuffled(chance: random.Random) -> Iterator[Fault]:
    """All faults in random order, and so on for ever: none comes twice before all have come."""
    while True:
        yield from chance.sample(FAULTS, len(FAULTS))


async def _nothing(service: Service, chance: random.Random) -> None:
    """What is said of the others is to be compared with this."""


async def _node_killed(service: Service, chance: random.Random) -> None:
    await _killed(service, chance.choice(service.nodes))


async def _node_frozen(service: Service, chance: random.Random) -> None:
    await _frozen(service, chance.choice(service.nodes), NODE_FROZEN_SECONDS)


async def _node_restarted(service: Service, chance: random.Random) -> None:
    """As in a rolling restart: it drains, and its successor comes."""
    node = chance.choice(service.nodes)
    service.unwell.add(node)
    node.signal(signal.SIGTERM)
    try:
        status = await node.ended(DRAIN_SECONDS)
    except AssertionError:
        node.kill()
        status = None
    await _started(service, node)
    if status != 0:
        raise Failed(f"{name_of(node)} was asked to end: exit status {status}, within {DRAIN_SECONDS:g} s")


async def _store_killed(service: Service, chance: random.Random) -> None:
    service.kill_store(empty=False)


async def _store_emptied(service: Service, chance: random.Random) -> None:
    service.kill_store(empty=True)


async def _store_frozen(service: Service, chance: random.Random) -> None:
    service.unwell.add(service.store)
    service.store.signal(signal.SIGSTOP)
    await pause(STORE_FROZEN_SECONDS)
    service.store.signal(signal.SIGCONT)
    service.unwell.discard(service.store)


async def _subscribers_killed(service: Service, chance: random.Random) -> None:
    service.store.ask("CLIENT", "KILL", "TYPE", "pubsub")


async def _server_killed(service: Service, chance: random.Random) -> None:
    await _killed(service, chance.choice(service.servers))


async def _server_frozen(service: Service, chance: random.Random) -> None:
    await _frozen(service, chance.choice(service.servers), SERVER_FROZEN_SECONDS)


async def _clients_reset(service: Service, chance: random.Random) -> None:
    service.reset_some_players()


async def _killed(service: Service, part: Program) -> None:
    service.unwell.add(part)
    part.kill()
    await pause(DOWN_SECONDS)
    await _started(service, part)


async def _frozen(service: Service, part: Program, seconds: float) -> None:
    service.unwell.add(part)
    part.freeze()
    await pause(seconds)
    part.thaw()
    service.unwell.discard(part)


async def _started(service: Service, part: Program) -> None:
    part.start()
    service.unwell.discard(part)


NOTHING = Fault("nothing, for comparison", _nothing)
FAULTS = (
    Fault("node SIGKILL, back after 2 s", _node_killed),
    Fault("node SIGSTOP for 6 s", _node_frozen),
    Fault("node SIGTERM, then its successor", _node_restarted),
    Fault("Redis SIGKILL, back with its AOF", _store_killed),
    Fault("Redis SIGKILL, back empty", _store_emptied),
    Fault("Redis SIGSTOP for 3 s", _store_frozen),
    Fault("subscriber connections killed", _subscribers_killed),
    Fault("game server SIGKILL, back after 2 s", _server_killed),
    Fault("game server SIGSTOP for 4 s", _server_frozen),
    Fault("a fifth of the clients reset", _clients_reset),
)
