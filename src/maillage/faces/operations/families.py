"""What is exported, as Prometheus takes it: one function for each part of a server.

The names are stable, and documented in docs/reference/metrics.md, which a test compares with what comes out here.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from maillage import __version__
from maillage.bootstrap import Chain
from maillage.faces.operations.census import Census
from maillage.faces.operations.tally import RATE_LIMITED, UNAUTHENTICATED, Tally
from maillage.kernel.histogram import Histogram
from maillage.kernel.writer import Writer
from maillage.services.compute.model import InstanceStatus

Source = Callable[[], Iterator[Metric]]


def of_requests(tally: Tally) -> Iterator[Metric]:
    """Requests and asks, since the process started."""
    requests = CounterMetricFamily(
        "maillage_http_requests", "Requests that were answered.", labels=["method", "route", "status"]
    )
    for (method, route, status), count in tally.requests():
        requests.add_metric([method, route, str(status)], count)
    yield requests
    seconds = HistogramMetricFamily(
        "maillage_http_request_duration_seconds",
        "Time until the answer of a request began.",
        labels=["method", "route"],
    )
    for (method, route), histogram in tally.seconds().items():
        _add(seconds, [method, route], histogram)
    yield seconds
    yield GaugeMetricFamily(
        "maillage_http_requests_in_flight",
        "Requests being answered now, followers of events included.",
        tally.in_flight,
    )
    yield CounterMetricFamily(
        "maillage_http_unauthenticated", "Requests without a key that is in force.", tally.with_status(UNAUTHENTICATED)
    )
    yield CounterMetricFamily(
        "maillage_http_rate_limited", "Requests refused because they came too often.", tally.with_status(RATE_LIMITED)
    )
    granted = CounterMetricFamily("maillage_asks_granted", "Asks that became a lease.", labels=["class"])
    for lease_class, count in list(tally.granted.items()):
        granted.add_metric([lease_class], count)
    yield granted
    refused = CounterMetricFamily(
        "maillage_asks_refused", "Asks that were refused, by the type of the problem.", labels=["reason"]
    )
    for reason, count in list(tally.refused.items()):
        refused.add_metric([reason], count)
    yield refused


def of_instances(statuses: Callable[[], Sequence[InstanceStatus]]) -> Iterator[Metric]:
    """The instances of tenants' code that are here, or at a hub in the stores; their requests are among all others, by
    ``/run/{app}``."""
    instances = GaugeMetricFamily("maillage_instances", "Instances of apps that are here, by state.", labels=["state"])
    for state, count in Counter(status.state for status in statuses()).items():
        instances.add_metric([state], count)
    yield instances


def of_writer(writer: Writer) -> Iterator[Metric]:
    """The queue before the writer, and its commits."""
    yield GaugeMetricFamily(
        "maillage_writer_queue_decisions", "Decisions that wait for the writer to take them up.", writer.waiting
    )
    sizes = HistogramMetricFamily("maillage_writer_batch_decisions", "Decisions that shared a commit.", labels=[])
    _add(sizes, [], writer.batch_sizes)
    yield sizes
    commits = HistogramMetricFamily(
        "maillage_journal_commit_duration_seconds", "Time until a commit was durable.", labels=[]
    )
    _add(commits, [], writer.commit_seconds)
    yield commits
    yield CounterMetricFamily(
        "maillage_journal_commit_failures", "Batches that could not be kept.", writer.batches_failed
    )
    yield CounterMetricFamily(
        "maillage_journal_events_committed", "Events committed by this process.", writer.events_committed
    )


def of_journal(chain: Chain) -> Iterator[Metric]:
    """How long the journal is, and how much of it a restart would have to replay."""
    yield GaugeMetricFamily("maillage_journal_end_events", "Events in the journal.", chain.journal.end())
    yield GaugeMetricFamily(
        "maillage_snapshot_position_events", "Events that the newest snapshot holds.", chain.snapshots.newest_pos()
    )
    age = GaugeMetricFamily("maillage_snapshot_age_seconds", "Age of the newest snapshot; absent without one.")
    taken_at = chain.snapshots.newest_at()
    if taken_at is not None:
        age.add_metric([], max(0.0, time.time() - taken_at))
    yield age


def of_ledger(census: Census, unit_of: Callable[[str], str]) -> Iterator[Metric]:
    """Sites, leases and pools as the last census found them."""
    found = census.found
    yield GaugeMetricFamily("maillage_sites", "Sites.", found.sites)
    leases = GaugeMetricFamily("maillage_leases", "Leases by state, those that are over included.", labels=["state"])
    for state, count in found.leases.items():
        leases.add_metric([state], count)
    yield leases
    size = GaugeMetricFamily(
        "maillage_pool_size", "Capacity now, over all sites, in the kind's unit.", labels=["kind", "unit"]
    )
    committed = GaugeMetricFamily(
        "maillage_pool_committed", "Of it leased to house and firm now.", labels=["kind", "unit"]
    )
    everything = GaugeMetricFamily("maillage_pool_all", "Of it leased to all classes now.", labels=["kind", "unit"])
    for kind, sums in sorted(found.pools.items()):
        labels = [kind, unit_of(kind)]
        size.add_metric(labels, sums.size / 1_000)
        committed.add_metric(labels, sums.committed / 1_000)
        everything.add_metric(labels, sums.all / 1_000)
    yield from (size, committed, everything)
    yield GaugeMetricFamily(
        "maillage_census_age_seconds", "Age of the figures on sites, leases and pools.", census.age_s
    )


def of_build() -> Iterator[Metric]:
    """Which Maillage this is."""
    yield InfoMetricFamily("maillage_build", "The version that runs.", {"version": __version__})


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    """Prometheus counts from the first bucket on up to each."""
    counts, so_far = list(histogram.counts), 0
    buckets = []
    for bound, count in zip((*map(str, map(float, histogram.bounds)), "+Inf"), counts, strict=True):
        so_far += count
        buckets.append((bound, so_far))
    family.add_metric(labels, buckets, histogram.total)
