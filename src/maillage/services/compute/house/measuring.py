"""What the house uses right now: its own instances on the store's runtime, and what the store's monitoring reports."""

import time
from collections import defaultdict
from collections.abc import Callable

from maillage.kernel.readings import Readings
from maillage.services.compute.house import KIND, TENANT
from maillage.services.compute.house.model import Use
from maillage.services.compute.house.ports import Totals

REPORT_COUNTS_S = 60
"""For so long a report is taken for what the house uses."""
LOOK_APART_S = 1.0
"""Looks at the meters that are closer than this say nothing new."""


class Measured:
    """Instances are measured by wall time in their code, as metering has it: a second a second is a vCPU. A request
    is counted when it ends, and waits count, so what a lease is taken to use never exceeds its own cpu.

    ``now`` tells seconds UTC, ``timer`` seconds of any epoch."""

    def __init__(
        self, meters: Totals, office: Readings, now: Callable[[], int], timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._meters = meters
        self._office = office
        self._now = now
        self._timer = timer
        self._looked_at: float | None = None
        self._wall_us: dict[str, int] = {}
        self._apps: defaultdict[str, int] = defaultdict(int)
        self._reports: dict[str, tuple[int, int]] = {}

    def sample(self) -> None:
        at = self._timer()
        if self._looked_at is not None and at - self._looked_at < LOOK_APART_S:
            return
        leases = self._office.glance().ledger.leases
        before, self._wall_us = self._wall_us, {}
        self._apps.clear()
        for name, meters in self._meters.totals().items():
            lease = leases.get(name)
            if lease is None or lease.cls != "house" or lease.tenant == TENANT:
                continue
            self._wall_us[name] = meters.wall_us
            if self._looked_at is not None and name in before:
                used = (meters.wall_us - before[name]) / (1_000 * (at - self._looked_at))
                self._apps[lease.site] += min(max(round(used), 0), lease.needs.get(KIND, 0))
        self._looked_at = at

    def report(self, site: str, cpu: int, at: int) -> None:
        former = self._reports.get(site)
        if former is None or at >= former[1]:
            self._reports[site] = (cpu, at)

    def use(self, site: str) -> Use:
        apps = self._apps.get(site, 0)
        report = self._reports.get(site)
        if report is None:
            return Use(apps, None, None, apps)
        cpu, at = report
        return Use(apps, cpu, at, apps + cpu if at + REPORT_COUNTS_S > self._now() else None)

    def forget(self, site: str) -> None:
        self._reports.pop(site, None)
