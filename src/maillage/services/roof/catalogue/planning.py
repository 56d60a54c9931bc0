"""Which roofs are best, of those in the catalogue."""

import asyncio
from collections import Counter

from maillage.kernel.errors import Invalid, TooManyRequests
from maillage.kernel.threads import to_the_end
from maillage.services.roof.catalogue.desk import Catalogue
from maillage.services.roof.catalogue.listing import RoofFilter
from maillage.services.roof.catalogue.look import BandWanted, band_of
from maillage.services.roof.catalogue.plan_documents import PlanDocument, PlanWanted
from maillage.services.roof.catalogue.plan_making import made

AT_ONCE = 2
"""Plans that are made at the same time; each has one of the few threads of the process."""
WAITING_MAX = 8
OWN_MAX = 3
"""Of one tenant, under way and waiting, so that others come to theirs."""
RETRY_AFTER_S = 60


class Planner:
    """Plans of a catalogue's roofs."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asked: Counter[str] = Counter()

    async def plan(self, wanted: PlanWanted, tenant: str) -> PlanDocument:
        """Invalid for what can't be planned, NoPopulation where nobody knows where people live, TooManyRequests where
        many others wait for plans, or the tenant for several."""
        _check(wanted)
        if self._asked[tenant] >= OWN_MAX:
            raise TooManyRequests(f"{OWN_MAX} plans are being made for you already", RETRY_AFTER_S)
        if self._asked.total() >= AT_ONCE + WAITING_MAX:
            raise TooManyRequests(f"{WAITING_MAX} others wait for their plans", RETRY_AFTER_S)
        self._asked[tenant] += 1
        try:
            async with self._turns:
                return await self._plan(wanted)
        finally:
            self._asked[tenant] -= 1
            self._asked += Counter()  # forgets who has none

    async def _plan(self, wanted: PlanWanted) -> PlanDocument:
        catalogue = self._catalogue
        _, people = await to_the_end(catalogue.residents.people)
        chosen = await catalogue.select(_filter(wanted), wanted.fixed)
        known = {each.site.id for each in chosen.candidates}
        for name in wanted.fixed:
            if name not in known:
                raise Invalid("fixed", f"{name!r} is no site that has a roof")
        without = catalogue.sites - len(known) - sum(chosen.passed_over.values())
        return await to_the_end(
            made, wanted, people, chosen.candidates, chosen.passed_over, catalogue.currency, without
        )


def _check(wanted: PlanWanted) -> None:
    by = wanted.by
    if (by.catchment_km is None) == (by.band is None):
        raise Invalid("by", "says either catchment_km, how far people come, or band, what radio reaches them")
    if by.band is not None:
        band_of(BandWanted(by.band))
        if wanted.problem == "p-median":
            raise Invalid("by.band", "goes with the problem cover; p-median counts kilometres, so say catchment_km")
    if wanted.count is None and wanted.budget is None:
        raise Invalid("count", "is missing: how many roofs are to be chosen; or give a budget")


def _filter(wanted: PlanWanted) -> RoofFilter:
    near = wanted.near
    return RoofFilter(
        near=None if near is None else (near.lat, near.lon),
        within_km=None if near is None else near.within_km,
        country=wanted.country,
        region=wanted.region,
        above_neighbours_m=wanted.min_above_neighbours_m,
        unknown_heights=wanted.unknown_heights,
        power_kw=wanted.power_kw,
        fibre_pairs=wanted.fibre_pairs,
        free_mounts=wanted.free_mounts,
    )
