"""The catchment: who lives how far from the nearest store, on small maps whose answer is known, and on a real chain."""

import numpy as np
import pytest

from maillage.kernel.catchment import catchment
from maillage.kernel.errors import Invalid
from maillage.kernel.geo import EARTH_RADIUS_KM, KM_PER_MILE
from maillage.kernel.population import Population, read_population
from maillage.kernel.site_files import form_of, open_site_file, read_sites
from maillage.kernel.sites import Site
from tests.shared_data import shared_file

KM_PER_DEGREE = EARTH_RADIUS_KM * np.pi / 180


def people_at(*places: tuple[float, float, float]) -> Population:
    lat, lon, people = np.array(places, np.float64).T
    return Population(lat, lon, people, places_left_out=3, people_left_out=400)


def test_distances_are_weighed_by_people() -> None:
    population = people_at((0, 0.0, 1), (0, 0.1, 2), (0, 0.3, 1))
    found = catchment([0.0], [0.0], population, within_km=20)
    assert (found.sites, found.places, found.people) == (1, 3, 4)
    assert (found.people_within, found.share) == (3, 0.75)
    assert found.mean_km == pytest.approx(0.125 * KM_PER_DEGREE)
    assert found.median_km == pytest.approx(0.1 * KM_PER_DEGREE)
    assert found.mean_miles == pytest.approx(found.mean_km / KM_PER_MILE)
    assert found.median_miles == pytest.approx(found.median_km / KM_PER_MILE)
    assert (found.places_left_out, found.people_left_out) == (3, 400)


def test_the_median_is_the_smallest_distance_that_half_of_the_people_are_within() -> None:
    population = people_at((0, 0.3, 1), (0, 0.0, 2), (0, 0.2, 1))
    assert catchment([0.0], [0.0], population, within_km=1).median_km == 0.0


def test_a_person_between_two_stores_belongs_to_the_nearer_across_the_date_line_too() -> None:
    found = catchment([0.0, 0.0], [179.9, -170.0], people_at((0, -179.9, 5)), within_km=25)
    assert found.share == 1.0
    assert found.mean_km == pytest.approx(0.2 * KM_PER_DEGREE)


def test_places_where_nobody_lives_move_nothing() -> None:
    with_desert = catchment([0.0], [0.0], people_at((0, 0.1, 2), (50, 50, 0)), within_km=20)
    without = catchment([0.0], [0.0], people_at((0, 0.1, 2)), within_km=20)
    assert with_desert.places == 2
    assert (with_desert.share, with_desert.mean_km, with_desert.median_km) == (
        without.share,
        without.mean_km,
        without.median_km,
    )


def test_the_rings_grow_to_all_of_the_people() -> None:
    found = catchment([0.0], [0.0], people_at((0, 0.0, 1), (0, 0.1, 2), (0, 0.3, 1)), within_km=20)
    assert [(ring.miles, ring.people, ring.share) for ring in found.rings] == [
        (1, 1, 0.25),
        (2, 1, 0.25),
        (5, 1, 0.25),
        (10, 3, 0.75),
        (20, 3, 0.75),
        (50, 4, 1.0),
    ]


def test_a_chain_without_stores_has_no_catchment() -> None:
    with pytest.raises(Invalid, match="no store yet"):
        catchment([], [], people_at((0, 0, 1)), within_km=20)


@pytest.mark.parametrize("within_km", [-1.0, float("nan"), float("inf")])
def test_a_distance_that_is_none_is_refused(within_km: float) -> None:
    with pytest.raises(Invalid, match="within_km"):
        catchment([0.0], [0.0], people_at((0, 0, 1)), within_km)


def test_nine_in_ten_americans_live_within_ten_miles_of_the_largest_chain() -> None:
    path = shared_file("data/sites/walmart_us_2018.csv")
    population = read_population(shared_file("data/population/us_tracts_2020.csv.gz"))
    with open_site_file(path) as stream:
        sites = [site for site in read_sites(stream, form_of(path.name)) if isinstance(site, Site)]
    found = catchment([site.lat for site in sites], [site.lon for site in sites], population, 10 * KM_PER_MILE)
    assert (found.sites, found.places, found.people) == (4_654, 84_414, 331_449_281)
    assert found.share == pytest.approx(0.8938, abs=5e-5)
    assert found.mean_miles == pytest.approx(4.997, abs=5e-4)
    assert found.median_miles == pytest.approx(3.005, abs=5e-4)
    assert (found.places_left_out, found.people_left_out) == (981, 3_285_874)
