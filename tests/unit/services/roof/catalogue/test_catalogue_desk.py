"""Entering, changing and dropping roofs, and what that does to the pools of their sites."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import Invalid, NotFound, PoolInUse, Refusal
from maillage.services.roof.catalogue.errors import MountLeased, RoofChanged
from maillage.services.roof.catalogue.model import Roof
from tests.unit.services.roof.catalogue.catalogue_world import NOW, Shop, roof, shop

DAY_S = 86_400


def told(folder: Path, story: Callable[[Shop], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with shop(folder) as one:
            await one.site("st-1")
            await story(one)

    asyncio.run(whole())


async def refused(asked: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await asked
    return caught.value


def test_a_roof_is_entered_and_its_pools_have_its_sizes(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        document = await shop.put("st-1", power_kw="7.5", load_kg=1_200, fibre_pairs=4, asking_rent=450, neighbours_m=7)
        assert (document.name, document.revision, document.asking_rent, document.currency) == (
            "ST-1",
            1,
            "450.00",
            "USD",
        )
        assert (document.radiation_centre_m, document.above_neighbours_m, document.mounts_free) == (14.0, 7.0, 2)
        assert [each.free for each in document.mounts] == [True, True]
        assert document.mounts[0].lon > document.lon and document.mounts[0].lat == document.lat
        sizes = [await shop.size("st-1", kind) for kind in ("roof_mount", "roof_power", "roof_load", "fibre_pair")]
        assert sizes == [2, 7.5, 1_200, 4]
        assert (document.power_kw.size, document.load_kg.free, document.fibre_pairs.free) == (7.5, 1_200, 4)
        assert await shop.catalogue.get("st-1") == document

    told(tmp_path, story)


def test_what_is_not_said_of_a_pool_stays_and_so_do_notice_and_calendar(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.pool("st-1", "roof_power", 9)
        await shop.pool("st-1", "roof_mount", 6, notice_s=600, calendar={"mon": [("08:00", "20:00")]})
        document = await shop.put("st-1")
        (mounts,) = await shop.office.capacity("st-1", "roof_mount", None, None)
        assert (mounts.size, mounts.notice_s, mounts.calendar) == (2, 600, {"mon": [("08:00", "20:00")]})
        assert document.power_kw.size == 9
        assert document.fibre_pairs.size == document.load_kg.size == 0

    told(tmp_path, story)


def test_the_same_roof_again_changes_nothing_and_another_counts_on(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        first = await shop.put("st-1")
        shop.clock.advance(60)
        assert await shop.put("st-1") == first
        changed = await shop.put("st-1", mounts=3)
        assert (changed.revision, changed.mounts_free, changed.changed_at) == (2, 3, "2026-11-01T12:01:00Z")

    told(tmp_path, story)


def test_a_roof_needs_its_site_and_must_be_one(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        assert isinstance(await refused(shop.put("nowhere")), NotFound)
        assert isinstance(await refused(shop.catalogue.get("st-1")), NotFound)
        assert isinstance(await refused(shop.catalogue.drop("st-1")), NotFound)
        wrong = await refused(shop.put("st-1", power_kw=-1))
        assert isinstance(wrong, Invalid) and wrong.extra["field"] == "power_kw"
        assert isinstance(await refused(shop.put("st-1", height_m=0)), Invalid)
        assert await shop.office.capacity("st-1", None, None, None) == []
        assert shop.records.all() == []

    told(tmp_path, story)


def test_leases_that_stand_in_the_way_refuse_a_smaller_roof_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        before = await shop.put("st-1", mounts=4, power_kw=8, fibre_pairs=2)
        await shop.lease("st-1", "roof_power", 5)
        in_use = await refused(shop.put("st-1", mounts=1, power_kw=4, fibre_pairs=1))
        assert isinstance(in_use, PoolInUse) and in_use.extra["leases_in_the_way"] == 1
        after = await shop.catalogue.get("st-1")
        assert [after.revision, len(after.mounts), after.fibre_pairs] == [1, 4, before.fibre_pairs]
        assert await shop.size("st-1", "roof_mount") == 4
        await shop.lease("st-1", "roof_mount", 4)
        assert isinstance(await refused(shop.catalogue.drop("st-1")), PoolInUse)

    told(tmp_path, story)


def test_mounts_that_roof_leases_hold_stay_until_those_are_over(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.put("st-1", mounts=3)
        shop.roof_lease("rl_1", "st-1", "m1", "m3")
        shop.roof_lease("rl_2", "st-1", "m2", state="inquiry")
        held = await refused(shop.put("st-1", mounts=2))
        assert isinstance(held, MountLeased)
        assert (held.extra["mounts"], held.extra["roof_leases"]) == (["m3"], ["rl_1"])
        assert isinstance(await refused(shop.catalogue.drop("st-1")), MountLeased)
        document = await shop.put("st-1", mounts=4)
        assert [each.free for each in document.mounts] == [False, True, False, True]
        assert document.mounts_free == 2
        (lease,) = [each for each in shop.leases.of_site("st-1") if each.id == "rl_1"]
        shop.leases.change(msgspec.structs.replace(lease, state="decommissioned", revision=2))
        assert (await shop.put("st-1", mounts=2)).mounts_free == 2

    told(tmp_path, story)


def test_a_mount_that_is_let_while_a_roof_is_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(shop: Shop) -> None:
        await shop.put("st-1", mounts=3)
        write = shop.records.put

        def meanwhile(roof: Roof, check: Callable[[], None] | None = None) -> bool:
            shop.roof_lease("rl_1", "st-1", "m3")
            return write(roof, check)

        monkeypatch.setattr(shop.records, "put", meanwhile)
        assert isinstance(await refused(shop.put("st-1", mounts=2)), MountLeased)
        assert len((await shop.catalogue.get("st-1")).mounts) == 3

    told(tmp_path, story)


def test_free_is_what_the_pool_has_left_for_three_months_at_most_the_mounts_nobody_holds(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.put("st-1", mounts=4, power_kw=10)
        await shop.lease("st-1", "roof_mount", 3, NOW + 80 * DAY_S, NOW + 81 * DAY_S)
        await shop.lease("st-1", "roof_power", 4, NOW + 91 * DAY_S)
        document = await shop.catalogue.get("st-1")
        assert (document.mounts_free, document.power_kw.free) == (1, 10)
        shop.clock.advance(2 * DAY_S)
        assert (await shop.catalogue.get("st-1")).power_kw.free == 6

    told(tmp_path, story)


def test_a_dropped_roof_offers_no_mounts_and_may_be_entered_again(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.put("st-1", power_kw=5)
        await shop.catalogue.drop("st-1")
        assert isinstance(await refused(shop.catalogue.get("st-1")), NotFound)
        assert (await shop.size("st-1", "roof_mount"), await shop.size("st-1", "roof_power")) == (0, 5)
        assert (await shop.put("st-1")).revision == 1

    told(tmp_path, story)


def test_who_was_too_slow_is_told_so(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.put("st-1")
        shop.records.put = lambda *_: False  # type: ignore[method-assign]
        assert isinstance(await refused(shop.put("st-1", mounts=3)), RoofChanged)

    told(tmp_path, story)


def test_several_who_enter_a_roof_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        documents = await asyncio.gather(*(shop.put("st-1", mounts=count) for count in range(1, 6)))
        kept: Roof | None = shop.records.get("st-1")
        assert kept is not None and kept.revision == 5
        assert sorted(each.revision for each in documents)[-1] == 5
        assert await shop.size("st-1", "roof_mount") == len(kept.mounts)

    told(tmp_path, story)


def test_a_roof_is_the_same_for_whoever_opens_the_chain_next(tmp_path: Path) -> None:
    async def whole() -> None:
        async with shop(tmp_path) as one:
            await one.site("st-1")
            before = await one.put("st-1", outline=[[-30, -9], [30, -9], [30, 9], [-30, 9]])
        async with shop(tmp_path) as one:
            assert await one.catalogue.get("st-1") == before

    asyncio.run(whole())


def test_the_document_that_comes_out_has_what_went_in(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        said = {"access": "by the north ladder", "warranty": "no penetrations", "equipment_room_m2": 6.0}
        document = await shop.put("st-1", **said)
        assert {name: getattr(document, name) for name in said} == said
        assert [each.id for each in document.mounts] == [each["id"] for each in roof()["mounts"]]

    told(tmp_path, story)
