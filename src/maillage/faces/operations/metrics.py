"""The metrics of a server: counted as it works, put together when somebody asks.

Imported by the first scrape: most processes that could be asked are commands, and never are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from maillage.bootstrap import Chain
from maillage.faces.operations import families, mesh_families, store_families
from maillage.faces.operations.census import Census
from maillage.faces.operations.tally import Tally

__all__ = ["CONTENT_TYPE_LATEST", "Metrics", "metrics_of"]


class Metrics:
    """Sources in a registry of its own, and what must be brought up to date before they are read."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._refresh: list[Callable[[], Awaitable[None]]] = []
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self.add(families.of_build)

    def add(self, source: families.Source, refresh: Callable[[], Awaitable[None]] | None = None) -> None:
        """Have what a source yields in every scrape; ``refresh`` is awaited before. Sources are read in a thread."""
        self._registry.register(_Collected(source))
        if refresh is not None:
            self._refresh.append(refresh)

    async def text(self) -> bytes:
        """A scrape, in Prometheus' text format."""
        for refresh in self._refresh:
            await refresh()
        return await asyncio.to_thread(generate_latest, self._registry)


class _Collected(Collector):
    """A source as the registry wants it."""

    def __init__(self, source: families.Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        return self._source()


def metrics_of(chain: Chain, tally: Tally) -> Metrics:
    """The metrics of a server, of whichever kind it is."""
    census = Census(lambda: chain.ledger, chain.clock.now)
    metrics = Metrics()
    metrics.add(partial(families.of_requests, tally))
    metrics.add(partial(families.of_writer, chain.writer))
    metrics.add(partial(families.of_journal, chain))
    metrics.add(partial(families.of_ledger, census, lambda kind: chain.policy.require_kind(kind).unit), census.refresh)
    if chain.runs_code:
        metrics.add(partial(families.of_instances, chain.compute.host.statuses))
    if chain.has_devices:
        _add_store(metrics, chain)
    if chain.mesh is not None or chain.node is not None:
        metrics.add(partial(mesh_families.of_line, chain))
    if chain.mesh is not None:
        metrics.add(partial(mesh_families.of_hub, chain.mesh.hub))
    if chain.node is not None:
        metrics.add(partial(mesh_families.of_node, chain.node))
    return metrics


def _add_store(metrics: Metrics, chain: Chain) -> None:
    """Of the stores' devices; the broker and what it brings only where there is one."""
    devices, intake = chain.devices, chain.sensing.intake
    if devices.line is not None:
        line = devices.line
        metrics.add(lambda: store_families.of_device_line(line.connected))
    if devices.broker is not None:
        broker = devices.broker
        metrics.add(lambda: store_families.of_broker(broker.counts))
    if intake is not None:
        metrics.add(lambda: store_families.of_readings(intake.counts))
    metrics.add(partial(store_families.of_alarms, chain.sensing.coldchain))
    metrics.add(partial(store_families.of_robots, chain.robots.fleet))
