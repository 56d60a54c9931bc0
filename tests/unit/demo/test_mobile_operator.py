"""The demo's operator of mobile networks: it plans, leases, goes on air and pays."""

import io
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from maillage.bootstrap import ManualClock, open_local, run
from maillage.demo.chain import capacity_of, generate_sites
from maillage.demo.roofs.operator import BUDGET, OPERATOR, ROOFS, MobileOperator
from maillage.demo.roofs.report import RoofReport
from maillage.demo.roofs.show import show_roofs
from maillage.demo.roofs.townspeople import townspeople
from maillage.kernel.capacity import set_capacity
from maillage.kernel.population import read_population
from maillage.kernel.scribe import Scribe
from maillage.kernel.times import HOUR_S, parse_time
from maillage.verify import check

NOW = parse_time("2026-12-01T12:00:00Z", "at")


async def lived(folder: Path) -> RoofReport:
    sites = generate_sites(80)
    clock = ManualClock(NOW)

    def furnish(scribe: Scribe) -> None:
        for site in sites:
            for plan in capacity_of(site, Random(1)):
                set_capacity(scribe, site.id, plan)

    async with open_local(folder, clock, "") as chain:
        chain.access.add_tenant(OPERATOR.tenant, "Ridgeline Mobile", "tenant")
        await chain.office.set_sites(sites)
        await chain.writer.submit(furnish)
        operator = MobileOperator(chain)
        await operator.plan((sites[0].lat, sites[0].lon), None)
        await operator.lease()
        clock.advance(48 * HOUR_S)
        await operator.go_on_air()
        return await operator.tell()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roofs")


@pytest.fixture(scope="module")
def report(folder: Path) -> RoofReport:
    return run(lived(folder))


def test_the_plan_keeps_to_its_budget_and_adds_up(report: RoofReport) -> None:
    assert 1 <= len(report.roofs) <= ROOFS
    assert float(report.cost) <= BUDGET
    assert report.people == sum(roof.people for roof in report.roofs) > 0
    assert report.people <= report.bound + 0.5


def test_every_roof_is_on_air_and_its_first_month_is_charged(report: RoofReport) -> None:
    assert {roof.state for roof in report.roofs} == {"on_air"}
    assert float(report.rent_charged) == sum(float(roof.rent_per_month) for roof in report.roofs)
    assert float(report.rent_with_renewals) > float(report.rent_committed) > float(report.present_value_committed) > 0


def test_a_second_operator_does_not_get_the_same_mounts(report: RoofReport) -> None:
    assert "are let from" in report.refused


def test_a_subscriber_s_phone_is_sent_to_the_roof_that_serves_it(report: RoofReport) -> None:
    assert report.breakout == f"{report.roofs[0].networks[0]} breaks out at the roof of {report.roofs[0].site}"


def test_its_books_are_whole(folder: Path, report: RoofReport) -> None:
    books = check(folder)
    assert books.ok
    assert books.charged_micro[report.operator] == round(float(report.rent_charged) * 1_000_000)


@pytest.mark.parametrize("width", [80, 160])
def test_people_see_the_plan_the_leases_and_the_rent(report: RoofReport, width: int) -> None:
    text = io.StringIO()
    show_roofs(Console(file=text, width=width), report)
    leases = [roof.lease for roof in report.roofs]
    said = " ".join(text.getvalue().split())
    for told in ("Roofs for 5G around", *leases, *report.roofs[0].networks, "on_air", "Rent charged so far"):
        assert told in said


def test_the_made_up_tracts_hold_the_people_of_the_cities(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(townspeople())
    population = read_population(file)
    assert 1.5e8 < population.people.sum() < 2.5e8
    assert population.people.max() < 6_100
