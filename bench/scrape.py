"""What a node says of itself at ``/metrics``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]

LAG = "matchd_reactor_lag_seconds_bucket"


async def scrape(port: int) -> Samples:
    """Every sample, by name and labels. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def longest_lag(before: Samples, after: Samples) -> float:
    """How late (s) the reactor came at worst between two scrapes: the bound of the last bucket with more in it.

    It looks every 50 ms, so the stall behind it may have been so much longer.
    """
    bounds = sorted((float(dict(labels)["le"]), labels) for name, labels in after if name == LAG)
    below = 0.0
    worst = 0.0
    for bound, labels in bounds:
        more = after[LAG, labels] - before.get((LAG, labels), 0.0)
        if more > below:
            below, worst = more, bound
    return worst
