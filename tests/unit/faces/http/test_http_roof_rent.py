"""The rent roll by HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from tests.unit.faces.http.api import Api, assert_problem, opened
from tests.unit.services.roof.rent.rent_terms import terms
from tests.unit.services.roof.rent.roof_leases_made import roof_lease

ROLL = "/v1/roof-rent-roll"


@pytest.fixture(scope="module")
def let(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("chain")
    with opened(folder) as api:
        records = SqlRoofLeaseRecords(api.chain.database)
        records.add(roof_lease("rl-1", state="signed"))
        records.add(roof_lease("rl-2", tenant="other", site="wm-2", let=terms("500"), state="signed"))
        records.add(roof_lease("rl-3", tenant="other", state="permit"))
        yield api


def leases(roll: dict[str, list[dict[str, str]]]) -> list[str]:
    return [line["lease"] for line in roll["items"]]


@pytest.mark.parametrize("role", ["operator", "node"])
def test_operators_and_nodes_see_the_rent_of_all(let: Api, role: str) -> None:
    roll = let.ok("GET", ROLL, key=let.tenant(f"staff-{role}", role))
    assert leases(roll) == ["rl-1", "rl-2"]
    assert (roll["currency"], roll["rate_percent"], roll["with_renewals"]) == ("USD", 8.0, "856357.48")


def test_a_tenant_sees_its_own_rent_whatever_it_asks_for(let: Api) -> None:
    key = let.tenant("other")
    for query in ("", "?tenant=acme", "?site=wm-2"):
        assert leases(let.ok("GET", ROLL + query, key=key)) == ["rl-2"]
    assert leases(let.ok("GET", f"{ROLL}?prospects=true", key=key)) == ["rl-2", "rl-3"]
    assert leases(let.ok("GET", f"{ROLL}?site=wm-1", key=key)) == []


def test_operators_ask_for_a_tenant_or_a_site(let: Api) -> None:
    assert leases(let.ok("GET", f"{ROLL}?tenant=acme")) == ["rl-1"]
    assert leases(let.ok("GET", f"{ROLL}?site=wm-2")) == ["rl-2"]


@pytest.mark.parametrize("rate", ["-1", "100.5", "nan", "inf", "much", ""])
def test_a_rate_that_cannot_be_is_422(let: Api, rate: str) -> None:
    problem = assert_problem(let.call("GET", f"{ROLL}?rate={rate}"), 422, "invalid")
    assert problem["field"] == "rate"


def test_the_rate_is_what_the_rent_is_discounted_by(let: Api) -> None:
    plain, discounted = let.ok("GET", f"{ROLL}?rate=0"), let.ok("GET", f"{ROLL}?rate=12.5")
    assert plain["present_value_with_renewals"] == plain["with_renewals"] == discounted["with_renewals"]
    assert float(discounted["present_value_with_renewals"]) < float(plain["present_value_with_renewals"])
