"""Whom roofs would reach, computed when somebody asks and kept for the next."""

import asyncio
from collections.abc import Sequence

import msgspec

from maillage.kernel.sites import Site
from maillage.kernel.threads import to_the_end
from maillage.services.roof.catalogue.documents import CoverageDocument, CoverageSummary
from maillage.services.roof.catalogue.look import BandWanted, Look, band_of, look_of, look_or_none
from maillage.services.roof.catalogue.map import contours_of, picture_of
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.catalogue.population import Residents
from maillage.services.roof.coverage.cell import is_capped
from maillage.services.roof.coverage.people import People
from maillage.services.roof.coverage.roof_figures import Covered, figures_of
from maillage.services.roof.radio.validity import warnings_for

ROOFS_A_TURN = 200
"""Roofs whose figures are computed at a time, so that somebody who asks for one need not wait for all."""
KEPT_MAX = 50_000


class Coverages:
    """Figures of roofs, kept as long as roofs, population and memory stay as they are."""

    def __init__(self, residents: Residents) -> None:
        self._residents = residents
        self._computing = asyncio.Lock()
        self._kept: dict[tuple[int, Look], Covered] = {}

    async def summaries(self, roofs: Sequence[tuple[Roof, Site]], wanted: BandWanted) -> list[CoverageSummary | None]:
        """In order; None for a roof that no model is for, being too low or too high for the one asked for. Invalid for
        a band that there is none of, NoPopulation where nobody knows where people live."""
        band_of(wanted)
        looks = [look_or_none(roof, site, wanted) for roof, site in roofs]
        figures = await self._figures([look for look in looks if look is not None])
        return [None if look is None else _summary(look, figures[look]) for look in looks]

    async def document(self, roof: Roof, site: Site, wanted: BandWanted) -> CoverageDocument:
        """Of one roof, with contours. Invalid also where no model is for it."""
        look = look_of(roof, site, wanted)
        covered = (await self._figures([look]))[look]
        revision, people = await to_the_end(self._residents.people)
        summary = _summary(look, covered)
        return CoverageDocument(
            **msgspec.structs.asdict(summary),
            site=site.id,
            height_m=look.height_m,
            people_by_tract=round(covered.people_by_tract),
            population_revision=revision,
            ends_at_model=is_capped(covered.cell_km, look.scenario),
            warnings=warnings_for(look.scenario, look.height_m, place=look.place),
            geojson=await to_the_end(contours_of, people, look),
        )

    async def picture(self, roof: Roof, site: Site, wanted: BandWanted) -> bytes:
        """A PNG of the chance of a signal around one roof. Invalid also where no model is for it."""
        look = look_of(roof, site, wanted)
        _, people = await to_the_end(self._residents.people)
        title = f"{site.name}: {look.band}, {look.place}, {look.scenario}, antennas at {look.height_m:g} m"
        return await to_the_end(picture_of, people, look, title)

    async def _figures(self, looks: Sequence[Look]) -> dict[Look, Covered]:
        revision, people = await to_the_end(self._residents.people)
        found: dict[Look, Covered] = {}
        for start in range(0, len(looks), ROOFS_A_TURN):
            some = looks[start : start + ROOFS_A_TURN]
            async with self._computing:
                unknown = [look for look in dict.fromkeys(some) if (revision, look) not in self._kept]
                if unknown:
                    computed = await to_the_end(_computed, people, unknown)
                    self._keep(revision, unknown, computed)
                found.update((look, self._kept[revision, look]) for look in some)
        return found

    def _keep(self, revision: int, looks: Sequence[Look], figures: Sequence[Covered]) -> None:
        for look, each in zip(looks, figures, strict=True):
            self._kept[revision, look] = each
        while len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]


def _computed(people: People, looks: Sequence[Look]) -> list[Covered]:
    """Figures of some, in order; of one height and band together, which have their chances in common."""
    alike: dict[tuple[object, ...], list[Look]] = {}
    for look in looks:
        alike.setdefault((look.height_m, *look[4:]), []).append(look)
    found: dict[Look, Covered] = {}
    for some in alike.values():
        first = some[0]
        figures = figures_of(
            people,
            [look.station for look in some],
            first.budget,
            first.scenario,
            probability=first.probability,
            resolution_m=first.resolution_m,
            reach_km=first.reach_km,
        )
        found.update((look, getattr(each, first.place)) for look, each in zip(some, figures, strict=True))
    return [found[look] for look in looks]


def _summary(look: Look, covered: Covered) -> CoverageSummary:
    return CoverageSummary(
        band=look.band,
        scenario=look.scenario,
        place=look.place,
        probability=look.probability,
        cell_km=covered.cell_km,
        people=round(covered.people),
        km2=round(covered.km2, 3),
    )
