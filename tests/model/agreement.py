"""What has to be true once all that is on its way has come: players and store believe the same of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.snapshot import Snapshot
from tests.support.world import MODES

if TYPE_CHECKING:
    from tests.model.clients import Client
    from tests.model.world import ModelWorld

Finding = tuple[int, str]

STATES = ("queued", "loading", "matched")
LEASE = 60.0
UNDECIDED = 3.0
LOST = 2.5
"""Seconds of service time that setting the clock may cost where no node knows the time: the store was emptied."""
SLACK = 12.0
"""Seconds that detecting and putting right a fault may take, besides what is waited for on purpose."""


def at_rest(world: ModelWorld, snapshot: Snapshot) -> Iterator[Finding]:
    """Whatever clients of nodes that are well, and the store, do not agree on."""
    for client in world.open_clients:
        contested = client.player_id in world.history.contested
        knows = str(client.node) in snapshot.set("nodes")  # one that the others gave up may not have heard of it yet
        if client.node.well and knows and not contested and not _may_be_undecided(world, client, snapshot):
            yield from _agrees(client, snapshot.players.get(client.player_id, {}))
            yield from _is_answered(client, world.lived())
    yield from _nobody_is_left_behind(world, snapshot)


def _may_be_undecided(world: ModelWorld, client: Client, snapshot: Snapshot) -> bool:
    """The store has forgotten what this client loads, and the nodes have a moment to say that it was matched."""
    forgotten = client.transcript.store_forgot or client.player_id not in snapshot.players
    return forgotten and world.lived() - max(client.node.well_since, world.clock_set_at + LOST) < UNDECIDED


def _agrees(client: Client, record: dict[str, str]) -> Iterator[Finding]:
    mine = record.get("conn") == client.connection_id
    stands = record["state"] if mine and record["state"] in STATES else "none"
    if client.place in ("queued", "loading"):
        if not mine:
            yield (
                10,
                f"{client} is {client.place} and still open, and {record.get('conn')} speaks for {client.player_id}",
            )
        elif client.place != stands or (stands == "loading" and record["session"] != client.transcript.session):
            yield 2, f"{client} is {client.place} {client.transcript.session}, and by the store {record}"
    elif stands in ("queued", "loading"):
        yield 2, f"{client} is {client.place}, and by the store {record}"
    if mine and client.transcript.last_seq is not None and int(record["seq"]) != client.transcript.last_seq:
        yield 11, f"{client} heard {client.transcript.last_seq} last, and was sent {record['seq']}"


def _is_answered(client: Client, now: float) -> Iterator[Finding]:
    transcript = client.transcript
    if transcript.unanswered:
        yield 11, f"{client} has no answer to {transcript.questions.open} of what it asked"
    if client.place == "loading":
        longest = max(mode.loading_timeout for mode in MODES.values())
        seconds = now - max(transcript.since, client.node.well_since)
        if seconds > longest + LEASE + SLACK:
            yield 11, f"{client} loads {transcript.session} since {seconds:g} s"


def _nobody_is_left_behind(world: ModelWorld, snapshot: Snapshot) -> Iterator[Finding]:
    """10: whoever is under way has a connection, a moment at which they are out, or a departure that is told again."""
    nodes = {str(node): node for node in world.nodes}
    speaking = {client.connection_id for client in world.open_clients}
    for player, record in snapshot.under_way.items():
        node = nodes.get(record["node"])
        if node is not None and node.well and not node.node.departures and record["conn"] not in speaking:
            yield 10, f"{player} is {record['state']} by {record['conn']}, which is gone"
