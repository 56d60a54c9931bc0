"""A chain to replay tracks on: the real office over a journal in memory, and a real key-value store for each site."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from maillage.bootstrap.replay import replay_ledger
from maillage.engines.memory_sessions import MemorySessions
from maillage.engines.sqlite_values import SqliteValues
from maillage.kernel.capacity import PoolPlan, set_capacity
from maillage.kernel.find import Finder
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import Site
from maillage.kernel.writer import Writer
from maillage.services.compute.follow.replay import Stage
from maillage.services.compute.follow.state import TrackedValues

POOLS = {"cpu": 64_000, "memory": 256_000}
"""What each store offers, in thousandths: a large store's machine."""


@asynccontextmanager
async def open_stage(sites: Sequence[Site], start: int) -> AsyncIterator[Stage]:
    """A fresh chain; its files are gone afterwards."""
    keeper, clock = replay_ledger()
    clock.set(start)
    writer = Writer(keeper)
    finder = Finder(lambda: keeper.ledger, keeper.policy)
    keeper.announcer.subscribe(finder.listen)
    office = OwnerOffice(writer, finder, keeper.policy, clock)
    writer.start()
    try:
        await office.set_sites(sites)

        def furnish(scribe: Scribe) -> None:
            for site in sites:
                for kind, size in POOLS.items():
                    set_capacity(scribe, site.id, PoolPlan(kind, size))

        await writer.submit(furnish)
        with TemporaryDirectory(prefix="maillage-follow-") as folder:
            stores = _Stores(Path(folder))
            try:
                yield Stage(office, clock.set, MemorySessions(), stores.values)
            finally:
                stores.close()
    finally:
        await writer.stop()


class _Stores:
    """The key-value stores of sites, each in a folder of its own, made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[SqliteValues] = []
        self._values: dict[str, TrackedValues] = {}

    def values(self, site: str) -> TrackedValues:
        known = self._values.get(site)
        if known is None:
            self._files.append(SqliteValues(self._folder / site))
            known = self._values[site] = TrackedValues(self._files[-1])
        return known

    def close(self) -> None:
        for file in self._files:
            file.close()
