"""One suite for the records of roofs and of where people live, over both databases."""

import msgspec

from maillage.engines.records.roofs import SqlRoofRecords
from maillage.services.roof.catalogue.model import Mount, Roof
from maillage.services.roof.catalogue.ports import StoredPopulation
from tests.contract.record_databases import Place, in_threads

NOW = 1_793_534_400
PEOPLE = StoredPopulation("tracts.csv", NOW, 2, 4_500, 0, b"\x1f\x8b packed \x00")


def roof(site: str, revision: int = 1, height_m: float = 9.5) -> Roof:
    return Roof(
        site=site,
        height_m=height_m,
        mounts=(Mount("m1", 1.5, -2.25, 12.0, 120.0, wind_area_max_m2=0.8), Mount("m2", 8.0, 0.0, 14.5)),
        neighbours_m=7.0,
        outline=((-20.0, -20.0), (20.0, -20.0), (20.0, 20.0)),
        asking_rent="450.00",
        changed_at=NOW,
        revision=revision,
    )


def test_a_roof_is_kept_as_it_was_entered(place: Place) -> None:
    assert SqlRoofRecords(place.open()).put(roof("st-1"))
    again = SqlRoofRecords(place.open())
    assert again.get("st-1") == roof("st-1")
    assert again.get("st-2") is None


def test_a_change_must_follow_what_is_kept(place: Place) -> None:
    records = SqlRoofRecords(place.open())
    assert not records.put(roof("st-1", revision=2))
    assert records.put(roof("st-1"))
    assert not records.put(roof("st-1", height_m=8.0))
    assert records.put(roof("st-1", revision=2, height_m=11.0))
    assert not records.put(roof("st-1", revision=2, height_m=12.0))
    assert records.get("st-1") == roof("st-1", revision=2, height_m=11.0)


def test_of_several_who_change_a_roof_at_once_one_is_heard(place: Place) -> None:
    records = SqlRoofRecords(place.open())
    records.put(roof("st-1"))

    def change(number: int) -> float | None:
        return 10.0 + number if records.put(roof("st-1", revision=2, height_m=10.0 + number)) else None

    (height_m,) = [heard for heard in in_threads(6, change) if heard is not None]
    assert records.get("st-1") == roof("st-1", revision=2, height_m=height_m)


def test_all_roofs_come_in_order_of_their_sites_and_may_be_dropped(place: Place) -> None:
    records = SqlRoofRecords(place.open())
    for site in ("st-2", "ST-1", "st_1", "st-10", "a"):
        records.put(roof(site))
    assert [each.site for each in records.all()] == ["ST-1", "a", "st-10", "st-2", "st_1"]
    assert records.drop("a")
    assert not records.drop("a")
    assert records.get("a") is None
    assert records.put(roof("a"))


def test_of_populations_the_last_is_kept_and_each_has_its_number(place: Place) -> None:
    records = SqlRoofRecords(place.open())
    assert records.population() is None
    assert records.population_revision() == 0
    assert records.put_population(PEOPLE) == 1
    other = msgspec.structs.replace(PEOPLE, name="other.csv", packed=b"\x1f\x8b\xff")
    assert records.put_population(other) == 2
    again = SqlRoofRecords(place.open())
    assert again.population() == msgspec.structs.replace(other, revision=2)
    assert again.population_revision() == 2
