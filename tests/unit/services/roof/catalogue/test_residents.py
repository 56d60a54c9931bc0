"""Where people live: entered, kept, prepared once, and read again when there is something new."""

import asyncio
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Malformed
from maillage.kernel.population import Population
from maillage.services.roof.catalogue import population as population_module
from maillage.services.roof.catalogue.errors import NoPopulation
from maillage.services.roof.catalogue.population import Residents, _packed, _unpacked
from tests.unit.services.roof.catalogue.catalogue_world import PEOPLE, shop


@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 1e9)), min_size=1, max_size=30))
def test_what_is_packed_is_unpacked_to_the_last_bit(points: list[tuple[float, float, float]]) -> None:
    lat, lon, people = (np.array(column) for column in zip(*points, strict=True))
    again = _unpacked(_packed(Population(lat, lon, people, 0, 0)))
    assert again.lat.tolist() == lat.tolist()
    assert again.lon.tolist() == lon.tolist()
    assert again.people.tolist() == people.tolist()


def test_people_are_prepared_once_until_others_are_entered_by_whomever(tmp_path: Path) -> None:
    async def whole() -> None:
        async with shop(tmp_path) as one:
            residents, others = one.catalogue.residents, Residents(one.records, one.clock)
            with pytest.raises(NoPopulation):
                residents.people()
            await one.people()
            revision, people = residents.people()
            assert (revision, people.total) == (1, 4_590)
            assert residents.people()[1] is people
            await others.enter(b"lat,lon,population\n1,2,7\n", "few.csv")
            assert (residents.people()[0], residents.people()[1].total) == (2, 7)

    asyncio.run(whole())


def test_island_areas_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    content = b"lat,lon,population,geoid\n36,-94,10,05143010100\n18,-66,5,72001956300\n"

    async def whole() -> None:
        async with shop(tmp_path) as one:
            enter = one.catalogue.residents.enter
            assert ((await enter(content, "")).people, (await enter(content, "", territories=True)).people) == (10, 15)

    asyncio.run(whole())


def test_a_packed_file_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population_module, "UNPACKED_MAX", 3 << 20)
    monkeypatch.setattr(population_module, "_CHUNK", 1 << 16)
    bomb = gzip.compress(PEOPLE + b"0,0,0\n" * (1 << 20))

    async def whole() -> None:
        async with shop(tmp_path) as one:
            with pytest.raises(Malformed, match="more than 3 MiB"):
                await one.catalogue.residents.enter(bomb, "")
            assert one.records.population_revision() == 0

    asyncio.run(whole())


def test_more_places_than_can_be_prepared_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population_module, "PLACES_MAX", 3)

    async def whole() -> None:
        async with shop(tmp_path) as one:
            with pytest.raises(Malformed, match="has 4 places; at most 3 are taken"):
                await one.catalogue.residents.enter(b"lat,lon,population\n" + b"0,0,1\n" * 4, "")
            assert one.records.population_revision() == 0
            assert (await one.catalogue.residents.enter(b"lat,lon,population\n" + b"0,0,1\n" * 3, "")).people == 3

    asyncio.run(whole())
