"""Every metric of a node, declared once, in a registry of its own.

All names begin with ``matchd_``, times are in seconds, and every label has a closed set of values: what
is not in it counts as ``other``. docs/operations.md says what to watch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice

from prometheus_client import CollectorRegistry, Gauge, GCCollector, Histogram, Info, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from matchd import __version__
from matchd.messages import CloseCode
from matchd.model import Place, Reason
from matchd.tally import OTHER, Family, Labels, Scraped, Tally, WithoutBirthdays
from matchd.usage import Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""What ``Metrics.render`` makes: the Prometheus text format."""

PREFIX = "matchd"

PLACES = tuple(place.value for place in Place if place is not Place.REMEMBERED)
REASONS = tuple(reason.value for reason in Reason)
OUTCOMES = ("created", "refused", "uncertain", "no_server", "requeued")
CLOSE_CODES = ("1000", "1001", "1002", "1005", "1006", "1007", "1009", *(str(code.value) for code in CloseCode))
REFUSALS = ("full", "draining", "origin", "path", "plain_http", "address", "handshake", "outcast")
REGISTRATIONS_REFUSED = ("unauthorized", "origin", "address")
CLIENT_TYPES = ("enqueue", "resume", "dequeue", "loading_complete", "invalid")
SERVER_TYPES = ("queued", "dequeued", "start_loading", "match_found", "requeued", "error")

WAITING = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
ALLOCATION = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
LAG = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.15, 0.3, 0.6, 1, 2.5)
ROUND_TRIP = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)

MAX_TASKS = 50
"""How many tasks of the background are told apart by name: those that failed first."""


class Metrics:
    """What one node counts and measures.

    ``modes`` are the names of the game modes it serves, ``node`` is its id.
    """

    def __init__(self, modes: Iterable[str], node: str = "") -> None:
        self._registry = CollectorRegistry()
        self._modes = tuple(modes)
        self._declare_players()
        self._declare_matches()
        self._declare_connections()
        self._declare_node(node)

    def render(self) -> bytes:
        """All of it as ``CONTENT_TYPE``; raises whatever a callback that is observed raises."""
        return generate_latest(WithoutBirthdays(self._registry))

    # Players

    def _declare_players(self) -> None:
        self.observe_players(dict)
        self._scraped(GaugeMetricFamily, "players", "Players of this node.", ("mode", "state"), self._players)
        queues = self._gauge("queue_length", "Players that wait, across all nodes.", "mode")
        self._queues = {mode: queues.labels(mode) for mode in (*self._modes, OTHER)}
        waiting = self._histogram("waiting_seconds", "From the wish to play until a match is drawn.", WAITING, "mode")
        self._waiting = {mode: waiting.labels(mode) for mode in (*self._modes, OTHER)}

    def observe_players(self, read: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Ask ``read`` at every scrape how many players of this node are in each (mode, place)."""
        self._read_players = read

    def queue_length(self, mode: str, players: int) -> None:
        """So many players wait in the queue of ``mode``, whichever their nodes."""
        self._queues.get(mode, self._queues[OTHER]).set(players)

    def waited(self, mode: str, seconds: float) -> None:
        """A player was drawn after this time."""
        self._waiting.get(mode, self._waiting[OTHER]).observe(seconds)

    def _players(self) -> Mapping[Labels, int]:
        tally = Tally(self._modes, PLACES)
        for labels, players in self._read_players().items():
            tally.add(*labels, by=players)
        return tally.counts

    # Matches

    def _declare_matches(self) -> None:
        self._formed = self._tally("matches_formed", "Matches drawn.", mode=self._modes)
        self._cancelled = self._tally("sessions_cancelled", "Matches undone.", mode=self._modes, reason=REASONS)
        self._allocations = self._tally("allocations", "Game servers asked for, by how it went.", outcome=OUTCOMES)
        self._unregistered = self._tally(
            "registrations_refused", "Requests to enter or take out a game server.", reason=REGISTRATIONS_REFUSED
        )
        self._allocation = self._histogram("allocation_seconds", "From all ready to a server, or to none.", ALLOCATION)

    def matches_formed(self, mode: str, matches: int = 1) -> None:
        """So many matches more were drawn."""
        self._formed.add(mode, by=matches)

    def session_cancelled(self, mode: str, reason: str) -> None:
        """A loading session ended without a match; see ``model.Reason``."""
        self._cancelled.add(mode, reason)

    def allocation(self, outcome: str) -> None:
        """A game server was asked for a session, or none was free; see ``OUTCOMES``."""
        self._allocations.add(outcome)

    def allocated(self, seconds: float) -> None:
        """A roster got its game server, or was sent back, after this time."""
        self._allocation.observe(seconds)

    def registration_refused(self, reason: str) -> None:
        """A game server, or who would be one, was not let in; see ``REGISTRATIONS_REFUSED``."""
        self._unregistered.add(reason)

    # Connections

    def _declare_connections(self) -> None:
        self._connections = self._gauge("connections", "Open connections of players.")
        self._closed = self._tally("connections_closed", "Connections that ended.", code=CLOSE_CODES)
        self._refused = self._tally("connections_refused", "Connections refused at the door.", reason=REFUSALS)
        self._in = self._tally("messages_in", "Messages from players.", type=CLIENT_TYPES)
        self._out = self._tally("messages_out", "Messages to players.", type=SERVER_TYPES)

    def observe_connections(self, read: Callable[[], int]) -> None:
        """Ask ``read`` at every scrape how many connections are open."""
        self._connections.set_function(read)

    def connection_closed(self, code: int) -> None:
        """A connection ended with this close code, 1006 where there was none."""
        self._closed.add(str(int(code)))

    def connection_refused(self, reason: str) -> None:
        """A connection did not get as far as the WebSocket; see ``REFUSALS``."""
        self._refused.add(reason)

    def message_in(self, kind: str) -> None:
        """A player sent a message of this type; one that was refused unread is ``invalid``."""
        self._in.add(kind)

    def message_out(self, kind: str) -> None:
        """A player was sent a message of this type."""
        self._out.add(kind)

    # The node itself

    def _declare_node(self, node: str) -> None:
        self.observe_failures(dict)
        text = "Errors of what runs in the background."
        self._scraped(CounterMetricFamily, "background_failures", text, ("task",), self._failures)
        self._round_trip = self._histogram("redis_round_trip_seconds", "A PING and its answer.", ROUND_TRIP)
        self._lag = self._histogram("reactor_lag_seconds", "How late the process looks, 20 times a second.", LAG)
        self._up = self._gauge("redis_up", "1 while the store can be reached.")
        self._writable = self._gauge("redis_writable", "1 while the store can be reached and takes writes.")
        Info("node", "Which node this is.", namespace=PREFIX, registry=self._registry).info(
            {"node": node, "version": __version__}
        )
        self._registry.register(Usage())
        GCCollector(registry=self._registry)

    def redis_round_trip(self, seconds: float) -> None:
        """The store answered after this time."""
        self._round_trip.observe(seconds)

    def reactor_lag(self, seconds: float) -> None:
        """The reactor came so late to what it should have done."""
        self._lag.observe(seconds)

    def redis_up(self, up: bool) -> None:
        """The store can be reached, or no longer."""
        self._up.set(up)

    def observe_writable(self, read: Callable[[], bool]) -> None:
        """Ask ``read`` at every scrape whether the store takes writes."""
        self._writable.set_function(read)

    def observe_failures(self, read: Callable[[], Mapping[str, int]]) -> None:
        """Ask ``read`` at every scrape how often each task of the background has failed."""
        self._read_failures = read

    def _failures(self) -> Mapping[Labels, int]:
        failures = self._read_failures()
        tally = Tally(tuple(islice(failures, MAX_TASKS)))
        for task, times in failures.items():
            tally.add(task, by=times)
        return tally.counts

    # Kinds of metric

    def _tally(self, name: str, text: str, **labels: Collection[str]) -> Tally:
        tally = Tally(*labels.values())
        self._scraped(CounterMetricFamily, name, text, tuple(labels), lambda: tally.counts)
        return tally

    def _scraped(
        self, family: Family, name: str, text: str, labels: Sequence[str], read: Callable[[], Mapping[Labels, int]]
    ) -> None:
        self._registry.register(Scraped(family, f"{PREFIX}_{name}", text, labels, read))

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace=PREFIX, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace=PREFIX, registry=self._registry, buckets=buckets)
