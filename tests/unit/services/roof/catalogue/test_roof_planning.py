"""Plans over generated chains and made-up people: what they keep to, and what they add up to."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from maillage.demo.chain import generate_sites
from maillage.kernel.errors import Invalid, Refusal, TooManyRequests
from maillage.kernel.geo import EARTH_RADIUS_KM, unit_vector
from maillage.services.roof.catalogue import planning
from maillage.services.roof.catalogue.plan_documents import PlanDocument, PlanWanted
from maillage.services.roof.catalogue.plan_picture import draw
from tests.unit.services.roof.catalogue.catalogue_world import Shop, shop

SITES = generate_sites(60, seed=3)
Story = Callable[[Shop], Awaitable[None]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of 60 stores in American cities: 58 have roofs, and of those all but one a rent. The n-th has n hundred
    people beside it."""
    folder = tmp_path_factory.mktemp("planned")

    async def whole() -> None:
        async with shop(folder) as one:
            await one.office.set_sites(SITES)
            for number, site in enumerate(SITES[:58]):
                rent = {} if number == 57 else {"asking_rent": 100 + number}
                await one.put(site.id, mounts=1 + number % 3, neighbours_m=None if number == 0 else 2.0, **rent)
            lines = [f"{site.lat},{site.lon},{100 * number}" for number, site in enumerate(SITES, 1)]
            await one.people("\n".join(["lat,lon,population", *lines]).encode())

    asyncio.run(whole())
    return folder


def told(folder: Path, story: Story) -> None:
    async def whole() -> None:
        async with shop(folder) as one:
            await story(one)

    asyncio.run(whole())


async def plan(shop: Shop, tenant: str = "acme", **wanted: Any) -> PlanDocument:
    document = {"by": {"catchment_km": 2.0}, **wanted}
    return await shop.planner.plan(msgspec.convert(document, PlanWanted), tenant)


async def refused(asked: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await asked
    return caught.value


def km_apart(one: Any, other: Any) -> float:
    chord = np.linalg.norm(np.array(unit_vector(one.lat, one.lon)) - np.array(unit_vector(other.lat, other.lon)))
    return float(2 * EARTH_RADIUS_KM * np.arcsin(chord / 2))


def within(sites: Any, km: float) -> int:
    """People who have one of the sites within so many kilometres, counted the long way."""
    return sum(
        100 * number for number, home in enumerate(SITES, 1) if any(km_apart(home, site) <= km for site in sites)
    )


def test_a_cover_has_the_roofs_with_most_people_around_them(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        found = await plan(shop, count=5, method="exact")
        assert (len(found.roofs), found.proved, found.candidates, found.sites_without_roof) == (5, True, 58, 2)
        assert found.people == sum(each.people for each in found.roofs) == within(found.roofs, 2.0)
        assert found.objective == found.people and found.population == 100 * 60 * 61 // 2
        assert found.share == pytest.approx(found.people / found.population)
        assert [each.people for each in found.roofs] == sorted((each.people for each in found.roofs), reverse=True)
        greedy = await plan(shop, count=5)
        assert 0.63 * found.people <= greedy.people <= found.people <= greedy.bound + 1e-6

    told(folder, story)


def test_a_budget_is_kept_and_roofs_without_a_rent_are_passed_over(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        found = await plan(shop, budget="8000")
        rents = [float(each.rent_per_year or "nan") for each in found.roofs]
        assert sum(rents) == float(found.cost or "nan") <= 8_000
        assert len(rents) >= 3 and found.passed_over == {"asking_rent": 1}
        both = await plan(shop, budget="8000", count=2)
        assert len(both.roofs) == 2

    told(folder, story)


def test_a_budget_that_pays_for_nothing_names_the_cheapest_price(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        problem = await refused(plan(shop, budget=1_199.99))
        assert isinstance(problem, Invalid) and problem.extra["field"] == "budget"
        assert "1,200.00" in problem.detail
        assert (await plan(shop, budget=1_200)).cost == "1200.00"

    told(folder, story)


def test_where_every_roof_costs_one_the_budget_counts_them(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        found = await plan(shop, budget=4, cost="uniform")
        assert len(found.roofs) == 4 and found.passed_over == {}

    told(folder, story)


def test_fixed_roofs_are_in_the_plan_whatever_the_filters_say(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        found = await plan(shop, count=3, fixed=[SITES[0].id], free_mounts=3, min_above_neighbours_m=1)
        assert [each.site for each in found.roofs if each.fixed] == [SITES[0].id]
        others = [await shop.catalogue.get(each.site) for each in found.roofs if not each.fixed]
        assert [each.mounts_free for each in others] == [3, 3]
        for name in ("st-00060", "nowhere"):
            problem = await refused(plan(shop, count=3, fixed=[name]))
            assert isinstance(problem, Invalid) and problem.extra["field"] == "fixed"
        unpriced = await refused(plan(shop, budget=9_999, fixed=[SITES[57].id]))
        assert "no asking rent" in unpriced.detail

    told(folder, story)


def test_no_two_roofs_are_nearer_than_the_separation(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        close = await plan(shop, count=30)
        apart = await plan(shop, count=30, separation_km=25.0)
        assert min(km_apart(one, other) for one, other in combinations(close.roofs, 2)) < 25.0
        assert min(km_apart(one, other) for one, other in combinations(apart.roofs, 2)) >= 25.0

    told(folder, story)


def test_a_p_median_brings_roofs_near_and_says_how_near(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        found = await plan(shop, problem="p-median", by={"catchment_km": 40.0}, count=4, method="exact")
        homes = [(100 * number, home) for number, home in enumerate(SITES, 1)]
        total = sum(people * min(40.0, min(km_apart(home, each) for each in found.roofs)) for people, home in homes)
        assert found.objective == pytest.approx(total, rel=1e-4)
        assert found.mean_km == pytest.approx(found.objective / found.population)
        assert found.people == within(found.roofs, 40.0)

    told(folder, story)


def test_by_band_a_roof_serves_its_own_cell(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        found = await plan(shop, by={"band": "n78"}, count=3)
        listed = await shop.catalogue.coverages.summaries(
            [await shop.catalogue.find(each.site) for each in found.roofs], planning.BandWanted("n78")
        )
        for each, coverage in zip(found.roofs, listed, strict=True):
            assert coverage is not None and each.cell_km == coverage.cell_km
            assert 0 < each.people <= 1.05 * coverage.people + 1
        assert (await plan(shop, by={"catchment_km": 2.0}, count=3)).roofs[0].cell_km is None
        too_low = await refused(plan(shop, by={"band": "n78", "scenario": "UMa"}, count=3))
        assert too_low.extra["passed_over"] == {"no_cell": 58}

    told(folder, story)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "count"),
        ({"count": 1, "by": {}}, "by"),
        ({"count": 1, "by": {"catchment_km": 1, "band": "n78"}}, "by"),
        ({"count": 1, "by": {"band": "n99"}}, "band"),
        ({"count": 1, "by": {"band": "n78"}, "problem": "p-median"}, "by.band"),
        ({"count": 1, "region": "Atlantis"}, "candidates"),
        ({"budget": -1}, "budget"),
        ({"budget": "much"}, "budget"),
        ({"count": 1, "fixed": [SITES[0].id, SITES[1].id]}, "fixed"),
    ],
)
def test_what_can_not_be_planned_is_refused_by_its_field(folder: Path, wanted: dict[str, Any], field: str) -> None:
    async def story(shop: Shop) -> None:
        problem = await refused(plan(shop, **wanted))
        assert isinstance(problem, Invalid) and problem.extra["field"] == field

    told(folder, story)


def test_filters_leave_roofs_out_and_count_them(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        region = SITES[5].region
        there = sum(site.region == region for site in SITES[:58])
        found = await plan(shop, count=50, region=region, min_above_neighbours_m=5)
        assert len(found.roofs) <= there
        assert found.passed_over["region"] == 58 - there
        assert sum(found.passed_over.values()) + found.candidates == 58
        near = {"lat": SITES[5].lat, "lon": SITES[5].lon, "within_km": 1.0}
        assert SITES[5].id in [each.site for each in (await plan(shop, count=50, near=near)).roofs]

    told(folder, story)


def test_who_asks_while_many_wait_is_told_to_come_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(shop: Shop) -> None:
        monkeypatch.setattr(planning, "WAITING_MAX", 1)
        answers = await asyncio.gather(
            *(plan(shop, f"tenant-{number}", count=2) for number in range(6)), return_exceptions=True
        )
        late = [each for each in answers if isinstance(each, TooManyRequests)]
        assert len(late) == 6 - planning.AT_ONCE - 1 and late[0].extra["retry_after_s"] > 0
        assert len((await plan(shop, count=2)).roofs) == 2

    told(folder, story)


def test_one_tenant_does_not_hold_all_places(folder: Path) -> None:
    async def story(shop: Shop) -> None:
        asked = [plan(shop, tenant, count=2) for tenant in ("acme",) * 5 + ("other",)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(each, TooManyRequests) for each in answers] == [False, False, False, True, True, False]
        assert len((await plan(shop, count=2)).roofs) == 2

    told(folder, story)


@pytest.mark.parametrize("by", [{"catchment_km": 2.0}, {"band": "n78"}])
def test_a_plan_is_drawn(folder: Path, tmp_path: Path, by: dict[str, Any]) -> None:
    from PIL import Image

    async def story(shop: Shop) -> None:
        found = await plan(shop, count=5, by=by, fixed=[SITES[0].id])
        draw(found, [(site.lat, site.lon) for site in SITES], tmp_path / "plan.png")
        colours = {colour for _, colour in Image.open(tmp_path / "plan.png").getcolors(1 << 20) or ()}
        assert {(196, 52, 40), (33, 102, 172), (176, 181, 190)} <= colours

    told(folder, story)
