"""A chain with stores, roofs and people around them, in a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from maillage.bootstrap import IN_THE_FOLDER, LocalChain, ManualClock
from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from maillage.engines.records.roofs import SqlRoofRecords
from maillage.kernel.asks import Ask
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.sites import Site
from maillage.kernel.times import FOREVER
from maillage.services.roof.catalogue.desk import Catalogue
from maillage.services.roof.catalogue.documents import NewRoof, RoofDocument
from maillage.services.roof.catalogue.planning import Planner
from maillage.services.roof.leasing.model import RoofLease, State
from maillage.services.roof.rent.terms import Terms

NOW = 1_793_534_400  # 2026-11-01T12:00:00Z
LAT, LON = 36.37, -94.21
PEOPLE = b"lat,lon,population\n36.370,-94.210,3000\n36.372,-94.205,1000\n36.450,-94.100,500\n37.000,-94.000,90\n"
"""At the first store, half a kilometre and thirteen from it, and far away."""


def roof(mounts: int = 2, **fields: Any) -> dict[str, Any]:
    """A roof as it is PUT, its mounts 5 m apart at 12 m and more."""
    places = [{"id": f"m{n}", "x_m": 5.0 * n, "y_m": 0.0, "radiation_centre_m": 12.0 + n} for n in range(1, mounts + 1)]
    return {"height_m": 9.5, "mounts": places, **fields}


class Shop:
    """A catalogue and all that it stands on."""

    def __init__(self, chain: LocalChain, clock: ManualClock) -> None:
        self.chain, self.clock = chain, clock
        self.office = chain.office
        self.records, self.leases = SqlRoofRecords(chain.database), SqlRoofLeaseRecords(chain.database)
        self.catalogue = Catalogue(self.records, self.leases, chain.office, clock)
        self.planner = Planner(self.catalogue)

    async def site(self, name: str, lat: float = LAT, lon: float = LON, **fields: Any) -> None:
        await self.office.set_site(Site(name, name.upper(), lat, lon, "America/Chicago", **fields))

    async def pool(self, site: str, kind: str, size: float, **fields: Any) -> None:
        await self.office.set_capacity(site, kind, CapacityPlanDocument(size, **fields))

    async def put(self, site: str, **fields: Any) -> RoofDocument:
        return await self.catalogue.put(site, msgspec.convert(roof(**fields), NewRoof))

    async def size(self, site: str, kind: str) -> float:
        (pool,) = await self.office.capacity(site, kind, None, None)
        return pool.size

    async def lease(self, site: str, kind: str, quantity: int, start: int = NOW, end: int = FOREVER) -> str:
        """A firm lease of the kernel's."""
        ask = Ask({kind: quantity * 1_000}, start, end, site, None, "firm", None, None)
        return (await self.office.lease("acme", ask, None, None)).id

    def roof_lease(self, name: str, site: str, *mounts: str, state: State = "signed") -> None:
        """The record of a roof lease, without what it stands on."""
        lease = RoofLease(
            id=name,
            tenant="acme",
            site=site,
            state=state,
            mounts=mounts,
            needs={"roof_mount": 1_000 * len(mounts)},
            antennas=(),
            terms=Terms(rent_per_month=Decimal(100)),
            start=NOW,
            runs_until=NOW + 86_400,
            created_at=NOW,
            revision=1,
        )
        self.leases.add(lease)

    async def people(self, content: bytes = PEOPLE) -> None:
        await self.catalogue.residents.enter(content, "people.csv")


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Shop]:
    clock = ManualClock(NOW)
    async with LocalChain(folder / "chain", clock, IN_THE_FOLDER, lets_roofs=False) as chain:
        yield Shop(chain, clock)
