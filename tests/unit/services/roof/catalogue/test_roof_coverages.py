"""Whom roofs reach: kept, the same whoever asks with whom, and by the model that fits the antenna."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.catalogue import coverage
from maillage.services.roof.catalogue.documents import NewRoof
from maillage.services.roof.catalogue.look import BandWanted, look_of, scenario_of
from maillage.services.roof.catalogue.model import Mount
from tests.unit.services.roof.catalogue.catalogue_world import LAT, PEOPLE, Shop, shop

N78 = BandWanted("n78")


def told(folder: Path, story: Callable[[Shop], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with shop(folder) as one:
            for number in range(1, 4):
                await one.site(f"st-{number}", lat=LAT + (number - 1) / 100)
            await one.put("st-1")
            await one.put("st-2", mounts=1)
            await one.put("st-3", mounts=0, height_m=2.5)
            await one.people()
            await story(one)

    asyncio.run(whole())


async def summaries(shop: Shop, *sites: str, wanted: BandWanted = N78) -> list[Any]:
    return await shop.catalogue.coverages.summaries([await shop.catalogue.find(site) for site in sites], wanted)


@pytest.mark.parametrize(
    ("height_m", "wanted", "scenario"),
    [(4.0, None, "UMi"), (12.0, None, "UMi"), (24.9, None, "UMi"), (25.0, None, "UMa"), (40.0, None, "UMa"),
     (12.0, "RMa", "RMa"), (30.0, "UMi", "UMi")],
)  # fmt: skip
def test_the_scenario_goes_by_the_antennas_height_unless_it_is_said(
    height_m: float, wanted: Any, scenario: str
) -> None:
    assert scenario_of(height_m, wanted) == scenario


def test_figures_do_not_depend_on_what_else_is_asked_for(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        alone = await summaries(shop, "st-2")
        shop.catalogue.coverages._kept.clear()
        together = await summaries(shop, "st-1", "st-2", "st-3")
        assert together[1] == alone[0] and together[0].people > 0
        assert together[2] is None  # no model is for an antenna at 2.5 m

    told(tmp_path, story)


def test_figures_are_computed_once_and_again_for_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    real = coverage._computed
    monkeypatch.setattr(coverage, "_computed", lambda people, looks: computed.append(len(looks)) or real(people, looks))  # type: ignore[func-returns-value]

    async def story(shop: Shop) -> None:
        first = await summaries(shop, "st-1", "st-2")
        assert await summaries(shop, "st-2", "st-1") == first[::-1]
        await summaries(shop, "st-1", wanted=BandWanted("n258"))
        assert computed == [2, 1]
        await shop.put("st-1", mounts=3)
        higher = await summaries(shop, "st-1", "st-2")
        assert computed == [2, 1, 1] and higher[1] == first[1]
        await shop.people(PEOPLE.replace(b"3000", b"9000"))
        assert (await summaries(shop, "st-2"))[0].people > first[1].people
        assert computed == [2, 1, 1, 1]

    told(tmp_path, story)


def test_many_are_computed_some_at_a_time_and_the_oldest_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "ROOFS_A_TURN", 1)
    monkeypatch.setattr(coverage, "KEPT_MAX", 1)

    async def story(shop: Shop) -> None:
        found = await summaries(shop, "st-1", "st-2", "st-1")
        assert found[0] == found[2] != found[1]
        assert len(shop.catalogue.coverages._kept) == 1

    told(tmp_path, story)


def test_mounts_that_all_look_one_way_are_sectors(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.put("st-1", mounts=1)
        everywhere = (await summaries(shop, "st-1"))[0]
        east = Mount("east", 0.0, 0.0, 13.0, azimuth_deg=90.0)
        await shop.catalogue.put("st-1", NewRoof(height_m=9.5, mounts=(east,)))
        eastward = (await summaries(shop, "st-1"))[0]
        assert eastward.km2 < 0.7 * everywhere.km2 and eastward.cell_km == everywhere.cell_km

    told(tmp_path, story)


def test_a_roof_that_no_model_is_for_is_refused_by_itself(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        roof, site = await shop.catalogue.find("st-3")
        with pytest.raises(Invalid, match="too low"):
            look_of(roof, site, N78)
        with pytest.raises(Invalid):
            await shop.catalogue.coverages.document(roof, site, N78)

    told(tmp_path, story)
