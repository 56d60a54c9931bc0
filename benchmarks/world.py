"""A synthetic chain: 10,500 stores, clustered as towns are, made through the kernel like any other."""

import gc
import random
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from maillage.engines.clocks import SystemClock
from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.announcer import Announcer
from maillage.kernel.asks import Ask
from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.errors import Refusal
from maillage.kernel.find import Finder
from maillage.kernel.grants import Order, grant
from maillage.kernel.keeper import Decision, Keeper
from maillage.kernel.leases import LeaseClass
from maillage.kernel.sites import Site
from maillage.kernel.times import HOUR_S

SITES = 10_500
NEEDS = {"cpu": 4_000, "memory": 16_000}
"""Thousandths: 4 vCPU and 16 GiB."""
AMPLE = 1 << 50
"""Size of a pool that no run fills."""
_PORTION = 5_000


class Kernel:
    """Keeper and finder, wired as bootstrap wires them; but no snapshots are taken on the side, because these would
    run on into the peer's turn."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder)
        self.snapshots = FileSnapshots(folder / "snapshots")
        self.clock = SystemClock()
        announcer = Announcer()
        self.keeper = Keeper(self.journal, self.snapshots, self.clock, announcer)
        self.finder = Finder(lambda: self.keeper.ledger, self.keeper.policy)
        announcer.subscribe(self.finder.listen)
        gc.set_threshold(50_000, 20, 100)  # as a running chain does

    def lay_out(self, sites: Iterable[Site], pools: dict[str, int]) -> None:
        lay_out(self.keeper, sites, pools)

    def fill(self, orders: Iterable[Order]) -> None:
        """Grant orders in large commits; one that is refused is a mistake in the scenario."""
        remaining = iter(orders)
        while portion := list(islice(remaining, _PORTION)):
            for answer in self.keeper.run(*[granting(order) for order in portion]):
                if isinstance(answer, Refusal):
                    raise RuntimeError(f"the scenario's world refused an order: {answer.detail}")

    def close(self) -> None:
        self.journal.close()


def lay_out(keeper: Keeper, sites: Iterable[Site], pools: dict[str, int]) -> None:
    """Enter the sites, each with pools of these sizes in thousandths."""
    decisions: list[Decision] = []
    for site in sites:
        decisions.append(lambda scribe, site=site: set_site(scribe, site))
        decisions += [_sized(site.id, PoolPlan(kind, size)) for kind, size in pools.items()]
    keeper.run(*decisions)


def granting(order: Order) -> Decision:
    """The decision that the HTTP face submits too, answered by the lease's id."""
    return lambda scribe: grant(scribe, order).id


def order_at(
    site: str,
    start: int,
    hours: int,
    key: str | None = None,
    needs: dict[str, int] = NEEDS,
    cls: LeaseClass = "firm",
) -> Order:
    return Order("bench", Ask(needs, start, start + hours * HOUR_S, site, None, cls), (site,), key, key and "0" * 64)


def next_hour() -> int:
    """The first full hour that stays ahead during a run."""
    return (int(time.time()) // HOUR_S + 2) * HOUR_S


def clustered_sites(count: int, seed: int = 1) -> list[Site]:
    """Stores around towns of very different size in a country as wide as the contiguous United States."""
    rng = random.Random(seed)
    towns = [(rng.uniform(26, 48), rng.uniform(-122, -70), rng.paretovariate(1.1)) for _ in range(600)]
    chosen = rng.choices(towns, weights=[size for _, _, size in towns], k=count)
    return [
        Site(
            f"s{number}",
            f"Store {number}",
            rng.gauss(lat, 0.05 + 0.02 * size**0.5),
            rng.gauss(lon, 0.05 + 0.02 * size**0.5),
            "America/Chicago",
            "US",
        )
        for number, (lat, lon, size) in enumerate(chosen)
    ]


def places_near(sites: list[Site], count: int, seed: int = 2) -> list[tuple[float, float]]:
    """Where asks come from: people live where stores are, give or take 20 km."""
    rng = random.Random(seed)
    return [(rng.gauss(site.lat, 0.2), rng.gauss(site.lon, 0.2)) for site in rng.choices(sites, k=count)]


def _sized(site_id: str, plan: PoolPlan) -> Decision:
    return lambda scribe: set_capacity(scribe, site_id, plan) and None
