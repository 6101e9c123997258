"""What Prometheus sees of a node."""

from __future__ import annotations

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from matchd import __version__
from matchd.messages import CloseCode
from matchd.metrics import Metrics
from matchd.model import Place, Reason


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics = Metrics(["Normal_1v1", "Ranked"], "node-1")

    def series(self, prefix: str = "matchd_") -> dict[str, float]:
        """Every series as it is scraped, its labels in order of their names."""
        families = text_string_to_metric_families(self.metrics.render().decode())
        samples = [sample for family in families for sample in family.samples if sample.name.startswith(prefix)]
        return {
            name + ",".join(f" {key}={value}" for key, value in sorted(labels.items())): number
            for name, labels, number in ((s.name, s.labels, s.value) for s in samples)
        }

    def seen(self, prefix: str) -> dict[str, float]:
        """The series that begin so and are not 0."""
        return {name: number for name, number in self.series(prefix).items() if number}


class Counting(Case):
    def test_matches(self) -> None:
        """Matches drawn, undone, and how asking for game servers went."""
        self.metrics.matches_formed("Ranked")
        self.metrics.matches_formed("Ranked", 100)
        self.metrics.session_cancelled("Ranked", Reason.PLAYER_LEFT)
        for outcome in ("created", "refused", "uncertain", "no_server", "requeued"):
            self.metrics.allocation(outcome)
        self.assertEqual({"matchd_matches_formed_total mode=Ranked": 101}, self.seen("matchd_matches"))
        self.assertEqual(
            {"matchd_sessions_cancelled_total mode=Ranked, reason=player_left": 1}, self.seen("matchd_sessions")
        )
        outcomes = ("created", "refused", "uncertain", "no_server", "requeued")
        expected = {f"matchd_allocations_total outcome={outcome}": 1 for outcome in outcomes}
        self.assertEqual(expected, self.seen("matchd_allocations"))

    def test_connections(self) -> None:
        """Open connections, and why others ended or were never made."""
        self.metrics.observe_connections(lambda: 42)
        self.metrics.connection_closed(CloseCode.SUPERSEDED)
        self.metrics.connection_closed(1006)
        self.metrics.connection_closed(3999)
        self.metrics.connection_refused("full")
        expected = {
            "matchd_connections": 42,
            "matchd_connections_closed_total code=4001": 1,
            "matchd_connections_closed_total code=1006": 1,
            "matchd_connections_closed_total code=other": 1,
            "matchd_connections_refused_total reason=full": 1,
        }
        self.assertEqual(expected, self.seen("matchd_connections"))

    def test_messages(self) -> None:
        """Messages both ways by type."""
        for kind in ("enqueue", "enqueue", "invalid"):
            self.metrics.message_in(kind)
        for kind in ("queued", "a-type-from-outside"):
            self.metrics.message_out(kind)
        expected = {
            "matchd_messages_in_total type=enqueue": 2,
            "matchd_messages_in_total type=invalid": 1,
            "matchd_messages_out_total type=queued": 1,
            "matchd_messages_out_total type=other": 1,
        }
        self.assertEqual(expected, self.seen("matchd_messages"))

    def test_everything_is_there_from_the_start(self) -> None:
        """A counter that never counted is 0, not absent, so that its first count shows as a rise."""
        series = self.series()
        self.assertEqual(0, series["matchd_matches_formed_total mode=Normal_1v1"])
        self.assertEqual(0, series["matchd_sessions_cancelled_total mode=Ranked, reason=allocation_failed"])
        self.assertEqual(0, series["matchd_connections_closed_total code=4013"])
        self.assertEqual(0, series["matchd_messages_out_total type=match_found"])

    def test_made_up_names(self) -> None:
        """However many names are made up outside, the number of series stays what it was (T26)."""
        made_up = [f"x{number}" for number in range(10_000)]
        self.metrics.observe_players(lambda: {(name, name): 1 for name in made_up})
        self.metrics.observe_failures(lambda: {"sweep": 2})
        before = self.series("").keys()
        for name in made_up:
            self.metrics.matches_formed(name)
            self.metrics.session_cancelled(name, name)
            self.metrics.allocation(name)
            self.metrics.queue_length(name, 1)
            self.metrics.waited(name, 1)
            self.metrics.connection_closed(int(name[1:]) + 5000)
            self.metrics.connection_refused(name)
            self.metrics.registration_refused(name)
            self.metrics.message_in(name)
            self.metrics.message_out(name)
        after = self.series("")
        self.assertEqual(before, after.keys())
        self.assertEqual(10_000, after["matchd_players mode=other, state=other"])
        self.assertEqual(10_000, after["matchd_messages_in_total type=other"])
        self.assertEqual(10_000, after["matchd_sessions_cancelled_total mode=other, reason=other"])
        self.assertEqual(10_000, after["matchd_waiting_seconds_count mode=other"])


class Measuring(Case):
    def test_players(self) -> None:
        """Who is where on this node is asked for at the moment of the scrape."""
        census = {("Ranked", Place.QUEUED): 3, ("Ranked", Place.LOADING): 2, ("removed", Place.QUEUED): 1}
        self.metrics.observe_players(lambda: census)
        expected = {
            "matchd_players mode=Ranked, state=queued": 3,
            "matchd_players mode=Ranked, state=loading": 2,
            "matchd_players mode=other, state=queued": 1,
        }
        self.assertEqual(expected, self.seen("matchd_players"))
        census.clear()
        self.assertEqual({}, self.seen("matchd_players"))

    def test_queues(self) -> None:
        """The length of a queue is what was said last."""
        self.metrics.queue_length("Ranked", 7)
        self.metrics.queue_length("Ranked", 5)
        self.assertEqual({"matchd_queue_length mode=Ranked": 5}, self.seen("matchd_queue_length"))

    def test_waiting(self) -> None:
        """Waiting times are told apart from 5 ms to 10 minutes."""
        for seconds in (0.004, 0.3, 599, 601):
            self.metrics.waited("Ranked", seconds)
        series = self.series("matchd_waiting_seconds")
        counts = {bound: series[f"matchd_waiting_seconds_bucket le={bound}, mode=Ranked"] for bound in BOUNDS}
        self.assertEqual({"0.005": 1, "0.25": 1, "0.5": 2, "300.0": 2, "600.0": 3, "+Inf": 4}, counts)
        self.assertAlmostEqual(1200.304, series["matchd_waiting_seconds_sum mode=Ranked"])

    def test_store(self) -> None:
        """Whether the store is up, and how fast it answers."""
        self.assertEqual(0, self.series()["matchd_redis_up"])
        self.metrics.redis_up(True)
        self.metrics.redis_round_trip(0.0003)
        self.assertEqual(1, self.series()["matchd_redis_up"])
        self.assertEqual(0, self.series()["matchd_redis_round_trip_seconds_bucket le=0.00025"])
        self.assertEqual(1, self.series()["matchd_redis_round_trip_seconds_bucket le=0.0005"])
        self.assertEqual(0, self.series()["matchd_redis_writable"])
        self.metrics.observe_writable(lambda: True)
        self.assertEqual(1, self.series()["matchd_redis_writable"])
        self.metrics.redis_up(False)
        self.assertEqual(0, self.series()["matchd_redis_up"])

    def test_allocation(self) -> None:
        """How long rosters waited for a game server."""
        self.metrics.allocated(4.0)
        self.assertEqual(4.0, self.series()["matchd_allocation_seconds_sum"])

    def test_failures(self) -> None:
        """What failed in the background, by name; of very many names the latest are taken together."""
        failures = Counter({"sweep": 2})
        self.metrics.observe_failures(lambda: failures)
        self.assertEqual({"matchd_background_failures_total task=sweep": 2}, self.seen("matchd_background"))
        failures.update(f"task {number}" for number in range(100))
        seen = self.seen("matchd_background")
        self.assertEqual(51, len(seen))
        self.assertEqual(2, seen["matchd_background_failures_total task=sweep"])
        self.assertEqual(51, seen["matchd_background_failures_total task=other"])


class Registry(Case):
    def test_node(self) -> None:
        """Which node it is, and of which version."""
        self.assertEqual({f"matchd_node_info node=node-1, version={__version__}": 1}, self.series("matchd_node"))

    def test_process(self) -> None:
        """Memory, descriptors, CPU and garbage collections of the process are there too."""
        series = self.series("")
        self.assertGreater(series["process_resident_memory_bytes"], 0)
        self.assertGreater(series["process_open_fds"], 0)
        self.assertIn("python_gc_collections_total generation=2", series)

    def test_no_birthdays(self) -> None:
        """The times at which series were made are not scraped."""
        self.metrics.waited("Ranked", 1)
        self.assertFalse([name for name in self.series("") if "_created" in name])

    def test_two_nodes_in_a_process(self) -> None:
        """Two nodes in one process, as in tests, count apart."""
        other = Metrics(["Ranked"], "node-2")
        other.matches_formed("Ranked")
        self.assertEqual({}, self.seen("matchd_matches"))


BOUNDS = ("0.005", "0.25", "0.5", "300.0", "600.0", "+Inf")
