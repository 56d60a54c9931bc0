"""What each roof covers by itself."""

import numpy as np
import pytest
from msgspec.structs import replace

from maillage.kernel.errors import Invalid
from maillage.services.roof.coverage.cell import cell_km
from maillage.services.roof.coverage.roof_figures import RoofFigures, figures_of
from maillage.services.roof.coverage.signal_chance import Signal
from maillage.services.roof.coverage.station import Station
from maillage.services.roof.radio.budgets import budget
from tests.unit.services.roof.coverage.coverage_world import KM_A_DEGREE, PER_KM2, TRACT_PEOPLE, country, roof

BAND = budget("n78")
PEOPLE = country()


def one(station: Station, **more: float) -> RoofFigures:
    (figures,) = figures_of(PEOPLE, [station], BAND, "UMi", **more)
    return figures


def test_land_and_people_are_those_of_the_cells_circle() -> None:
    figures = one(roof(), resolution_m=100)
    for place in ("outdoor", "indoor_low", "indoor_high"):
        covered = getattr(figures, place)
        radius_km = cell_km(BAND, "UMi", 10, place=place)
        assert covered.cell_km == radius_km
        assert covered.km2 == pytest.approx(np.pi * radius_km**2, rel=0.03)
        assert covered.people == pytest.approx(covered.km2 * PER_KM2, rel=0.002)


def test_expected_people_are_the_integral_of_the_chance() -> None:
    radii = np.linspace(0.5, 1_999.5, 2_000)
    chance = Signal(BAND, "UMi", 10).probability("outdoor", radii)
    integral_km2 = float((chance * 2 * np.pi * radii).sum()) / 1e6
    assert one(roof(), resolution_m=20).outdoor.people_expected == pytest.approx(integral_km2 * PER_KM2, rel=0.005)


def test_by_tract_those_count_whose_point_lies_within_the_cell() -> None:
    standing = roof(0.3, 0.2)
    figures = one(standing).outdoor
    east, north = np.meshgrid(
        np.arange(-15, 16) * 0.01 * KM_A_DEGREE - 0.3, np.arange(-15, 16) * 0.01 * KM_A_DEGREE - 0.2
    )
    km = np.hypot(east, north)
    assert figures.people_by_tract == TRACT_PEOPLE * (km <= figures.cell_km).sum() == 2 * TRACT_PEOPLE
    chance = Signal(BAND, "UMi", 10).probability("outdoor", km[km <= 2] * 1_000)
    assert figures.people_by_tract_expected == pytest.approx(TRACT_PEOPLE * chance.sum(), rel=1e-4)


def test_indoors_is_less_than_outdoors_and_a_higher_probability_less_than_a_lower() -> None:
    figures = one(roof(), resolution_m=50)
    for name in ("km2", "people", "people_expected"):
        values = [getattr(getattr(figures, place), name) for place in ("outdoor", "indoor_low", "indoor_high")]
        assert values == sorted(values, reverse=True)
        assert values[0] > values[1]
    strict, lax = one(roof(), probability=0.99), one(roof(), probability=0.5)
    assert strict.outdoor.people < figures.outdoor.people < lax.outdoor.people
    assert strict.outdoor.people_expected == lax.outdoor.people_expected


def test_a_sector_covers_less_than_an_antenna_that_is_as_strong_all_round() -> None:
    omni, sector, three = one(roof()), one(roof(0, 0, 90.0)), one(roof(0, 0, 0.0, 120.0, 240.0))
    assert 0.2 * omni.outdoor.km2 < sector.outdoor.km2 < 0.6 * omni.outdoor.km2
    assert sector.outdoor.km2 < three.outdoor.km2 < omni.outdoor.km2
    assert sector.outdoor.people_expected < three.outdoor.people_expected < omni.outdoor.people_expected


def test_where_a_sector_looks_does_not_matter_in_an_even_country() -> None:
    east, south = one(roof(0, 0, 90.0)), one(roof(0, 0, 180.0))
    assert east.outdoor.km2 == pytest.approx(south.outdoor.km2)
    assert east.outdoor.people_expected == pytest.approx(south.outdoor.people_expected, rel=1e-3)


def test_a_sector_that_looks_at_a_town_covers_it() -> None:
    figures = [
        figures_of(PEOPLE, [roof(17.3, 0, azimuth)], BAND, "UMi")[0].outdoor.people_expected
        for azimuth in (270.0, 90.0)
    ]
    assert figures[0] > 1.3 * figures[1]  # the country ends 17 km east of its middle


def test_many_roofs_have_the_figures_of_each_alone_in_their_order() -> None:
    roofs = [
        roof(0.1, 0.2, name="a"),
        roof(3.0, -1.0, height_m=12, name="b"),
        roof(-4.0, 2.0, 45.0, name="c"),
        roof(5.0, 5.0, name="d"),
    ]
    done: list[int] = []
    together = figures_of(PEOPLE, roofs, BAND, "UMi", progress=done.append)
    assert [each.id for each in together] == ["a", "b", "c", "d"]
    assert sum(done) == 4
    for station, figures in zip(roofs, together, strict=True):
        alone = one(station)
        assert figures.outdoor.people == pytest.approx(alone.outdoor.people)
        assert figures.indoor_low.people_by_tract_expected == pytest.approx(alone.indoor_low.people_by_tract_expected)


def test_no_roofs_have_no_figures() -> None:
    assert figures_of(PEOPLE, [], BAND, "UMi") == []


def test_more_power_covers_more_people() -> None:
    louder = replace(BAND, up=replace(BAND.up, eirp_dbm=26.0))
    figures = [figures_of(PEOPLE, [roof()], each, "UMi")[0].outdoor for each in (BAND, louder)]
    assert figures[0].people < figures[1].people
    assert figures[0].people_expected < figures[1].people_expected


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"probability": 1.0}, "probability"),
        ({"resolution_m": 1.0}, "resolution"),
        ({"resolution_m": float("nan")}, "resolution"),
        ({"reach_km": 6.0}, "reach"),
        ({"reach_km": 0.2, "resolution_m": 500.0}, "resolution"),
    ],
)
def test_what_can_not_be_asked_is_refused(more: dict[str, float], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        one(roof(), **more)
    assert refused.value.extra["field"] == field
