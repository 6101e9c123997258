"""docs/operations.md against the metrics of a node: every family, its type, its labels and their values."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from matchd.metrics import OUTCOMES, PLACES, REASONS, REFUSALS, REGISTRATIONS_REFUSED, Metrics
from tests.support.documents import CODE, Document, bare

OPERATIONS = Document.read("docs/operations.md")
OF_HISTOGRAMS = {"le"}


def rendered() -> tuple[dict[str, str], dict[str, set[str]]]:
    """The type and the labels of every family that Prometheus is told of, by name."""
    metrics = Metrics(["Duel"], "node")
    metrics.observe_players(lambda: {("Duel", "queued"): 1})
    text = metrics.render().decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        name = family.name if family.name in types else f"{family.name}_total"
        labels[name] = {label for sample in family.samples for label in sample.labels} - OF_HISTOGRAMS
    return types, labels


class MetricsTests(SynchronousTestCase):
    """Whoever builds a dashboard from the document finds what it names."""

    def setUp(self) -> None:
        (table,) = OPERATIONS.section("Metrics").tables
        self.rows = {bare(row["metric"]): row for row in table}
        self.types, self.labels = rendered()

    def test_every_family(self) -> None:
        """No metric is missing, none is made up, none is explained twice."""
        (table,) = OPERATIONS.section("Metrics").tables
        self.assertEqual(sorted(bare(row["metric"]) for row in table), sorted(self.types))

    def test_types_and_labels(self) -> None:
        """Each has the type and the labels that are said."""
        self.assertEqual({name: row["type"] for name, row in self.rows.items()}, self.types)
        self.assertEqual({name: set(CODE.findall(row["labels"])) for name, row in self.rows.items()}, self.labels)

    def test_values(self) -> None:
        """The values of a label are all named where there are only a few."""
        few = {
            "matchd_players": PLACES,
            "matchd_sessions_cancelled_total": REASONS,
            "matchd_allocations_total": OUTCOMES,
            "matchd_connections_refused_total": REFUSALS,
            "matchd_registrations_refused_total": REGISTRATIONS_REFUSED,
        }
        for name, values in few.items():
            self.assertLessEqual(set(values), set(CODE.findall(self.rows[name]["what it is"])), name)

    def test_names_elsewhere(self) -> None:
        """A metric that is spoken of anywhere in the document is one."""
        named = re.findall(r"`((?:matchd|process|python)_[a-z_]+)`", OPERATIONS.text)
        self.assertEqual(set(named) - set(self.types), set())
