"""Counting with closed label sets: cheap where it happens, read where it is scraped.

``prometheus_client``'s own counter takes a lock and more than a microsecond, for every message in and out.
matchd counts in one thread, so a dict of ints will do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import product

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

OTHER = "other"
"""What a label's value counts as when it is none of those declared."""

Labels = tuple[str, ...]
Family = type[CounterMetricFamily] | type[GaugeMetricFamily]


class Tally:
    """A count for every combination of closed label sets, all there from the start, each 0.

    A value that was not declared counts as ``other``: whoever makes up names can't make series.
    """

    def __init__(self, *declared: Collection[str]) -> None:
        self._declared = [frozenset(values) for values in declared]
        self.counts: dict[Labels, int] = dict.fromkeys(product(*((*values, OTHER) for values in declared)), 0)

    def add(self, *values: str, by: int = 1) -> None:
        """Count ``by`` more of what has these label values, one for each set declared."""
        try:
            self.counts[values] += by
        except KeyError:
            self.counts[self._folded(values)] += by

    def _folded(self, values: Labels) -> Labels:
        pairs = zip(values, self._declared, strict=True)
        return tuple(value if value in declared else OTHER for value, declared in pairs)


class Scraped(Collector):
    """A metric family whose values are asked for when it is scraped."""

    def __init__(
        self,
        family: Family,
        name: str,
        text: str,
        labels: Sequence[str],
        read: Callable[[], Mapping[Labels, int]],
    ) -> None:
        self._family = family
        self._name = name
        self._text = text
        self._labels = labels
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """The family with the values of now."""
        family = self._family(self._name, self._text, labels=self._labels)
        for values, number in self._read().items():
            family.add_metric(values, number)
        yield family


class WithoutBirthdays(Collector):
    """A registry less the ``_created`` series, which double what is scraped and which nobody graphs.

    The library can leave them out by itself, but only for the whole process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Every family of the registry, trimmed."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
