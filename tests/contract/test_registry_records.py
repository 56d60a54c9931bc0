"""One suite for the records of sensing's registry, over both databases."""

import msgspec
import pytest

from maillage.engines.records.sensing import SqlRegistryRecords
from maillage.services.sensing.model import Context, Device, Measure, Profile, Rule
from tests.contract.record_databases import Place

PROFILE = Profile(
    id="probe",
    name="Sonde à piquer",
    format="json",
    topic="maillage/{site}/{device}",
    measures=(Measure(name="t", unit="Cel", role="temperature", path="air.t", minimum=-40, maximum=60),),
    rules=(Rule(id="warm", measure="t", side="above", limit=5, dwell_s=60, severity="critical"),),
    context=Context(exposure_limit=5.0),
    time_path="at",
)


def device(name: str, site: str = "wm-1") -> Device:
    return Device(id=name, site=site, profile="probe", name=f"The {name}", unit="u1", created_at=1_793_534_400)


@pytest.fixture
def records(place: Place) -> SqlRegistryRecords:
    return SqlRegistryRecords(place.open())


def test_at_first_there_is_nothing(records: SqlRegistryRecords) -> None:
    assert (records.profiles(), records.devices()) == ([], [])
    records.put_devices([])
    records.drop_profile("probe")


def test_profiles_are_there_after_a_restart(place: Place, records: SqlRegistryRecords) -> None:
    other = msgspec.structs.replace(PROFILE, id="a-probe", rules=(), time_path=None)
    records.put_profile(PROFILE)
    records.put_profile(other)
    assert SqlRegistryRecords(place.open()).profiles() == [other, PROFILE]
    changed = msgspec.structs.replace(PROFILE, name="Other", interval_s=5)
    records.put_profile(changed)
    records.drop_profile("a-probe")
    assert SqlRegistryRecords(place.open()).profiles() == [changed]


def test_devices_are_there_after_a_restart_in_the_order_of_their_entry(
    place: Place, records: SqlRegistryRecords
) -> None:
    records.put_devices([device("z"), device("m")])
    records.put_devices([device("a", "wm-2")])
    retired = msgspec.structs.replace(device("z"), retired_at=1_793_534_500, name="Z")
    records.put_devices([retired, device("b")])
    assert SqlRegistryRecords(place.open()).devices() == [retired, device("m"), device("a", "wm-2"), device("b")]


def test_many_devices_are_entered_in_one_go(records: SqlRegistryRecords) -> None:
    many = [device(f"d{number}") for number in range(3_000)]
    records.put_devices(many)
    assert records.devices() == many
