"""What the faces may ask of the roofs of a chain, in documents."""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

import msgspec

from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import NotFound
from maillage.kernel.office import Office
from maillage.kernel.paging import page
from maillage.kernel.ports import Clock
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.readings import currency_of
from maillage.kernel.sites import HOLDING, Site
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import FOREVER
from maillage.services.roof.catalogue.checks import checked_roof
from maillage.services.roof.catalogue.coverage import Coverages
from maillage.services.roof.catalogue.documents import (
    ListedRoof,
    NewRoof,
    RoofDocument,
    RoofPage,
    listed_roof,
    roof_document,
)
from maillage.services.roof.catalogue.errors import MountLeased, RoofChanged
from maillage.services.roof.catalogue.listing import Candidate, RoofFilter, Selection, in_stock, matching, with_stock
from maillage.services.roof.catalogue.look import BandWanted
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.catalogue.population import Residents
from maillage.services.roof.catalogue.ports import RoofRecords
from maillage.services.roof.catalogue.stock import FIBRE, LOAD, MOUNT, POWER, held_mounts
from maillage.services.roof.leasing.ports import RoofLeaseRecords


class Catalogue:
    """The roofs of the sites that the office knows."""

    def __init__(self, records: RoofRecords, leases: RoofLeaseRecords, office: Office, clock: Clock) -> None:
        self.residents = Residents(records, clock)
        self.coverages = Coverages(self.residents)
        self._records = records
        self._leases = leases
        self._office = office
        self._clock = clock
        self._changing = asyncio.Lock()

    # -- one roof ------------------------------------------------------------------------------------------------------

    async def put(self, site_id: str, document: NewRoof) -> RoofDocument:
        """Enter or replace a roof, and give the site's pools their sizes.

        NotFound without the site, Invalid for what is no roof, MountLeased where roof leases hold mounts that would be
        gone; what the kernel refuses because of leases is passed on. Of a refusal nothing is kept.
        """
        site = await self._office.get_site(site_id)
        roof = checked_roof(_roof(site.id, document))
        sizes = _sizes(document)
        async with self._changing:
            former = await to_the_end(self._records.get, site.id)
            check = partial(self._require_held, site.id, {mount.id for mount in roof.mounts})
            await to_the_end(check)
            await self._set_pools(site.id, sizes)
            revision = 0 if former is None else former.revision
            if former is None or roof != msgspec.structs.replace(former, changed_at=0, revision=0):
                roof = msgspec.structs.replace(roof, changed_at=self._clock.now(), revision=revision + 1)
                if not await to_the_end(self._records.put, roof, check):
                    raise RoofChanged(
                        f"somebody else changed the roof of {site.id} meanwhile; look at it and try again"
                    )
        return await self.get(site.id)

    async def get(self, site_id: str) -> RoofDocument:
        """NotFound without the site, or without its roof."""
        roof, site = await self.find(site_id)
        held = await self._held()
        (candidate,) = await with_stock([Candidate(roof, site)], held, self._office)
        return roof_document(roof, self._listed(candidate))

    async def drop(self, site_id: str) -> None:
        """Forget a roof, and offer its mounts no more; refused where leases stand in the way."""
        async with self._changing:
            await self.find(site_id)
            check = partial(self._require_held, site_id, set())
            await to_the_end(check)
            await self._set_pools(site_id, {MOUNT: 0})
            await to_the_end(self._records.drop, site_id, check)

    async def find(self, site_id: str) -> tuple[Roof, Site]:
        """A roof and its site. NotFound without them."""
        site = await self._office.get_site(site_id)
        roof = await to_the_end(self._records.get, site_id)
        if roof is None:
            raise NotFound(f"{site_id[:64]!r} has no roof yet; PUT one, or 'maillage roof put'")
        return roof, site

    # -- many ----------------------------------------------------------------------------------------------------------

    async def some(
        self, wanted: RoofFilter, band: BandWanted | None, people: int | None, cursor: str | None, limit: int
    ) -> RoofPage:
        """Roofs with what is free of them, and with their coverage where a ``band`` is given; only those that reach
        ``people`` where that is given too. NoPopulation where coverage is asked for without one."""
        selection = await self.select(wanted)
        found = selection.candidates
        if band is not None and people is not None:
            summaries = await self.coverages.summaries([(each.roof, each.site) for each in found], band)
            found = [
                each
                for each, summary in zip(found, summaries, strict=True)
                if summary is not None and summary.people >= people
            ]
        filters = (wanted, band, people)
        some = page(found, lambda _: True, filters, cursor, limit)
        items = some.items if wanted.asks_for_stock else await with_stock(some.items, await self._held(), self._office)
        listed = [self._listed(each) for each in items]
        if band is not None:
            summaries = await self.coverages.summaries([(each.roof, each.site) for each in items], band)
            listed = [
                msgspec.structs.replace(each, coverage=summary) for each, summary in zip(listed, summaries, strict=True)
            ]
        return RoofPage(listed, some.next)

    async def select(self, wanted: RoofFilter, always: Collection[str] = ()) -> Selection:
        """The roofs that fit and those of the sites ``always``, with what is to be had of them where that was asked
        for; and why the others do not fit."""
        roofs = await to_the_end(self._records.all)
        selection = await asyncio.to_thread(matching, roofs, self._sites_of(roofs), wanted, always)
        if not wanted.asks_for_stock:
            return selection
        candidates = await with_stock(selection.candidates, await self._held(), self._office)
        left = in_stock(candidates, wanted, always)
        return Selection(left.candidates, selection.passed_over | left.passed_over)

    @property
    def currency(self) -> str:
        """Of all rents."""
        return currency_of(self._office.glance())

    @property
    def sites(self) -> int:
        """How many stores there are, with a roof and without; what hubs hold there is none."""
        return sum(HOLDING not in site for site in self._office.glance().ledger.sites)

    # -- shared --------------------------------------------------------------------------------------------------------

    def _sites_of(self, roofs: Sequence[Roof]) -> dict[str, Site]:
        sites = self._office.glance().ledger.sites
        return {roof.site: sites[roof.site] for roof in roofs if roof.site in sites}

    def _listed(self, candidate: Candidate) -> ListedRoof:
        return listed_roof(candidate.roof, candidate.site, candidate.stock, self.currency, candidate.distance_km)

    async def _held(self) -> dict[str, dict[str, str]]:
        return held_mounts(await to_the_end(self._leases.holding))

    def _require_held(self, site_id: str, kept: set[str]) -> None:
        """MountLeased where a mount that is not among those kept is held."""
        held = held_mounts(self._leases.of_site(site_id)).get(site_id, {})
        gone = {mount: lease for mount, lease in held.items() if mount not in kept}
        if gone:
            told = ", ".join(f"{mount} by {lease}" for mount, lease in sorted(gone.items()))
            raise MountLeased(
                f"roof leases at {site_id} hold {told[:400]}",
                mounts=sorted(gone),
                roof_leases=sorted(set(gone.values())),
            )

    async def _set_pools(self, site_id: str, sizes: dict[str, int | float | str]) -> None:
        """Have pools of these sizes; notice and calendar stay. What is refused comes before anything is changed."""
        known = {pool.kind: pool for pool in await self._office.capacity(site_id, None, None, None)}
        pools = self._office.glance().ledger.pools.get(site_id, {})

        def is_in_the_way(kind: str) -> bool:
            pool, size = pools.get(kind), to_thousandths(sizes[kind], kind, minimum=0)
            return pool is not None and pool.committed.peak(self._clock.now(), FOREVER) > size

        for kind in sorted(sizes, key=is_in_the_way, reverse=True):
            pool = known.get(kind)
            if pool is None:
                plan = CapacityPlanDocument(sizes[kind])
            else:
                plan = CapacityPlanDocument(sizes[kind], None, pool.notice_s, pool.calendar)
            await self._office.set_capacity(site_id, kind, plan)


def _roof(site: str, document: NewRoof) -> Roof:
    return Roof(
        site=site,
        height_m=document.height_m,
        mounts=document.mounts,
        neighbours_m=document.neighbours_m,
        outline=document.outline,
        asking_rent=None if document.asking_rent is None else str(document.asking_rent),
        equipment_room_m2=document.equipment_room_m2,
        access=document.access,
        warranty=document.warranty,
    )


def _sizes(document: NewRoof) -> dict[str, int | float | str]:
    """The sizes of pools that a document says, by kind; Invalid for what is none."""
    sizes: dict[str, int | float | str] = {MOUNT: len(document.mounts)}
    for field, kind in (("power_kw", POWER), ("load_kg", LOAD), ("fibre_pairs", FIBRE)):
        size = getattr(document, field)
        if size is not None:
            to_thousandths(size, field, minimum=0)
            sizes[kind] = size
    return sizes
