"""Names and ids as CAMARA's patterns want them, and amounts as it writes them."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.compute.camara import sizes
from maillage.services.compute.camara.names import new_id, plain, provider_of, zone_id
from maillage.tenancy.access import TENANT_ID

CAMARA_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,53}[A-Za-z0-9])?")
PROVIDER = re.compile(r"[A-Za-z][A-Za-z0-9_]{7,63}")


@given(st.text(min_size=1, max_size=64))
def test_ids_are_of_a_version_that_camara_knows(site: str) -> None:
    assert CAMARA_ID.fullmatch(zone_id(site)) and CAMARA_ID.fullmatch(new_id())
    assert zone_id(site) == zone_id(site) != zone_id(site + "x")


def test_a_zone_keeps_its_id_for_ever() -> None:
    assert zone_id("wm-100") == "5e4c82b4-4d59-5a55-b7a5-505cf04a31df"


@given(st.text(max_size=200))
def test_a_plain_name_is_one_or_nothing(text: str) -> None:
    assert plain(text) == "" or PLAIN.fullmatch(plain(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [("Four States", "Four-States"), ("Québec/Nord", "Quebec-Nord"), ("--", ""), ("x" * 80, "x" * 55), ("日本", "")],
)
def test_a_plain_name_is_near_what_it_stands_for(text: str, name: str) -> None:
    assert plain(text) == name


@given(st.from_regex(TENANT_ID, fullmatch=True))
def test_every_tenant_is_a_provider(tenant: str) -> None:
    assert PROVIDER.fullmatch(provider_of(tenant))


@pytest.mark.parametrize(
    ("tenant", "provider"),
    [
        ("robotics_west", "robotics_west"),
        ("acme", "tenant_acme"),
        ("drone-fleet.eu", "drone_fleet_eu"),
        ("7", "tenant_7"),
    ],
)
def test_a_provider_is_its_tenant(tenant: str, provider: str) -> None:
    assert provider_of(tenant) == provider


@pytest.mark.parametrize(("text", "thousandths"), [("1", 1_000), ("0.5", 500), ("500m", 500), ("0.001", 1), ("0", 0)])
def test_processors_are_told_in_three_ways(text: str, thousandths: int) -> None:
    assert sizes.cpu(text) == thousandths


@pytest.mark.parametrize(
    ("text", "thousandths"), [("80GB", 80_000), ("512MB", 500), ("1MB", 1), ("1025MB", 1_001), ("0GB", 0)]
)
def test_storage_is_rounded_up_to_a_thousandth_of_a_gib(text: str, thousandths: int) -> None:
    assert sizes.storage(text) == thousandths


@given(st.integers(0, 1_024), st.sampled_from([("Kb", 1), ("Mb", 2), ("Gb", 3), ("Tb", 4)]))
def test_nobody_gets_less_than_was_asked(amount: int, unit: tuple[str, int]) -> None:
    name, power = unit
    asked = Decimal(amount * 1_024**power) / 1_024**3 * 1_000
    assert asked <= sizes.size(amount, name) < asked + 1
