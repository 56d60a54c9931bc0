"""Rent rolls out of the records of a chain."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from maillage.kernel.errors import Invalid
from maillage.services.roof.rent.desk import RentDesk
from tests.unit.faces.http.api import Api, opened
from tests.unit.services.roof.rent.rent_terms import terms
from tests.unit.services.roof.rent.roof_leases_made import roof_lease

LEASES = [
    roof_lease("rl-1"),
    roof_lease("rl-2", tenant="other", site="wm-2", tz="America/New_York", let=terms("500"), state="signed"),
    roof_lease("rl-3", state="permit", first=date(2028, 1, 1)),
    roof_lease("rl-4", state="inquiry"),
    roof_lease("rl-5", state="declined"),
    roof_lease("rl-6", state="decommissioned", lease="wm-1~9"),  # whose kernel lease is still to be given back
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("chain")
    with opened(folder) as chain:
        records = SqlRoofLeaseRecords(chain.chain.database)
        for lease in LEASES:
            records.add(lease)
        yield chain


@pytest.fixture(scope="module")
def desk(api: Api) -> RentDesk:
    return RentDesk(SqlRoofLeaseRecords(api.chain.database), api.chain.office, api.chain.clock)


def test_the_roll_comes_in_pages_each_with_the_sums_of_all(api: Api, desk: RentDesk) -> None:
    first = api.run(desk.roll(limit=1))
    second = api.run(desk.roll(limit=1, cursor=first.next))
    assert [line.lease for page in (first, second) for line in page.items] == ["rl-1", "rl-2"]
    assert (first.leases, first.with_renewals) == (second.leases, second.with_renewals) == (2, "856357.48")
    assert second.next is None


def test_leases_in_force_are_on_the_roll_in_the_currency_of_the_price_book(api: Api, desk: RentDesk) -> None:
    found = api.run(desk.roll())
    assert [line.lease for line in found.items] == ["rl-1", "rl-2"]
    assert (found.currency, found.rate_percent, found.as_of) == ("USD", 8.0, "2026-11-01T12:00:00Z")
    assert found.with_renewals == "856357.48"  # 570,904.99 and 285,452.49
    assert [line.time_zone for line in found.items] == ["America/Chicago", "America/New_York"]
    assert found.items[1].start == "2027-01-01T05:00:00Z"


def test_prospects_are_told_of_when_asked_for(api: Api, desk: RentDesk) -> None:
    found = api.run(desk.roll(prospects=True))
    assert [(line.lease, line.state) for line in found.items] == [
        ("rl-1", "on_air"),
        ("rl-2", "signed"),
        ("rl-3", "permit"),
    ]
    assert found.prospects


def test_the_roll_of_a_tenant_or_a_site_has_theirs_only(api: Api, desk: RentDesk) -> None:
    assert [line.lease for line in api.run(desk.roll(tenant="other")).items] == ["rl-2"]
    assert [line.lease for line in api.run(desk.roll(site="wm-1")).items] == ["rl-1"]
    assert api.run(desk.roll(tenant="other", site="wm-1")).items == []


def test_a_lower_rate_makes_the_same_rent_worth_more(api: Api, desk: RentDesk) -> None:
    low, high = (api.run(desk.roll(rate_percent=rate)) for rate in (2.0, 12.0))
    assert low.with_renewals == high.with_renewals
    assert float(low.present_value_with_renewals) > float(high.present_value_with_renewals)


def test_a_rate_that_cannot_be_is_refused_before_anything_is_read(desk: RentDesk) -> None:
    with pytest.raises(Invalid, match="rate"):
        asyncio.run(desk.roll(rate_percent=float("nan")))
