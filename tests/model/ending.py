"""The end of every run: all faults are healed, everybody behaves, and everything has to come to a legal end in time."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.agreement import Finding
from tests.model.world import LONGEST_STEP, ModelWorld
from tests.support.world import MODES

KEPT = 130.0
"""Seconds after which nothing is told again, and tombstones are gone."""
ASKED_TO_END = 600.0
"""Seconds for which a server is asked to end what nobody plays."""
LASTING = ("nodes", "modes", "tally", "swept", "calm_until", "clock_offset", "fenced:")


def finish(world: ModelWorld) -> None:
    """Play a run to its end; raises Broken."""
    heal(world)
    _play_on(world)
    _report(world, _nobody_waits_for_nothing(world))
    _say_goodbye(world)
    _report(world, _nothing_is_left(world))


def heal(world: ModelWorld) -> None:
    """Every node and link is well again, game servers answer, and one more with room for all comes."""
    if not world.open_nodes:
        world.add_node()
    for node in world.living:
        node.thaw()
        node.heal()
        node.unrun.clear()
    for node in world.nodes:
        node.unrun.clear()
    for host in world.hosts:
        host.behaviour = "ok"
    world.settle()
    world.hosts.open("spare", 100)
    for host in world.hosts:
        host.beating = True
        world.beat(host)
    world.hosts.answer()
    world.settle()
    world.check()


def _play_on(world: ModelWorld) -> None:
    """Everybody loads whatever there is to load, until nothing is under way that could go on."""
    for _ in range(100):
        for client in world.open_clients:
            if client.place == "loading":
                client.load()
        world.settle()
        world.check()
        world.advance(2, step=LONGEST_STEP)  # who is back in the queue just now is drawn again
        if _is_over(world):
            world.advance(10, step=LONGEST_STEP)  # who has not heard where they are is compared with the store by then
            world.check()
            if _is_over(world):
                break


def _is_over(world: ModelWorld) -> bool:
    return not world.snapshot().sessions and not list(_nobody_waits_for_nothing(world))


def _nobody_waits_for_nothing(world: ModelWorld) -> Iterator[Finding]:
    snapshot = world.snapshot()
    for session in snapshot.sessions.values():
        yield 11, f"{session} comes to no end"
    for mode in MODES.values():
        waiting = snapshot.set(f"queue:{mode.name}")
        if len(waiting) >= mode.size:
            yield 11, f"{sorted(waiting)} wait for {mode.name}, and there are game servers"
    for client in world.open_clients:
        if client.place == "loading":
            yield 11, f"{client} still loads {client.transcript.session}"


def _say_goodbye(world: ModelWorld) -> None:
    """Everybody goes; then nothing happens for so long that everything is forgotten."""
    for client in world.open_clients:
        client.vanish()
    for _ in range(20):
        world.advance(2, step=LONGEST_STEP)
        if not world.snapshot().under_way:
            break
    world.check()
    for host in world.hosts:
        host.beating = False
    world.advance(KEPT, step=KEPT)
    world.advance(6, step=LONGEST_STEP)
    world.check()


def _nothing_is_left(world: ModelWorld) -> Iterator[Finding]:
    left = [key for key in world.snapshot().content if not key.startswith(LASTING)]
    if left:
        yield 12, f"all have left, and the store holds {left}"
    if contradictions := world.contradictions():
        yield 2, f"the census says {contradictions}"
    for host in world.hosts:
        for session in host.sessions.keys() - world.history.forgiven:
            given_up = world.now() - world.hosts.asked_at[host.address, session] > ASKED_TO_END
            server, _ = world.history.settled.get(session, ("", 0.0))
            if server not in host.ids and not given_up:
                yield 6, f"{host.server_id} runs {session}, of which nobody was told"
    for node in world.living:
        if node.node.background.failures or node.node.background.running:
            yield 12, f"{node} failed at {node.node.background.failures}, and does {node.node.background.running}"
        if len(node.node.presence) or len(node.node.departures) or len(node.node.allocator):
            yield 12, f"{node} still knows of players or sessions"


def _report(world: ModelWorld, findings: Iterator[Finding]) -> None:
    for invariant, text in findings:
        world.history.wrong(invariant, text)
    world.check()
