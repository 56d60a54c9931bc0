"""People by tract and by raster: nobody is lost, nobody is made up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.kernel.geo import EARTH_RADIUS_KM, FloatArray, unit_vectors
from maillage.kernel.population import Population, read_population
from maillage.kernel.site_files import form_of, open_site_file, read_sites
from maillage.kernel.sites import Site
from maillage.services.roof.coverage.people import SPREAD_KM_MAX, People
from tests.shared_data import shared_file

KM_A_DEGREE = np.radians(1) * EARTH_RADIUS_KM


def people_of(lat: FloatArray, lon: FloatArray, count: FloatArray) -> People:
    return People(Population(lat, lon, count, 0, 0))


def on_a_raster(people: People, low: float, high: float, west: float, east: float, step_deg: float) -> float:
    """Everybody within a box in degrees, by the densities of its cells."""
    lat, lon = np.meshgrid(np.arange(low, high, step_deg) + step_deg / 2, np.arange(west, east, step_deg))
    cell_km2 = (step_deg * KM_A_DEGREE) ** 2 * np.cos(np.radians(lat))
    return float((people.density_at(unit_vectors(lat.ravel(), lon.ravel())) * cell_km2.ravel()).sum())


def test_a_lattice_of_tracts_has_its_density_everywhere_within() -> None:
    steps = np.arange(-10, 11) * 0.01
    lat, lon = (axis.ravel() for axis in np.meshgrid(steps, steps))
    people = people_of(lat, lon, np.full(lat.size, 250.0))
    inside = np.random.default_rng(1).uniform(-0.08, 0.08, (500, 2))
    density = 250 / (0.01 * KM_A_DEGREE) ** 2
    assert people.density_at(unit_vectors(*inside.T)) == pytest.approx(np.full(500, density), rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000))
def test_people_spread_over_the_land_are_as_many_as_were_counted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lat, lon = rng.normal(47.0, 0.05, 80), rng.normal(8.0, 0.05, 80)
    people = people_of(lat, lon, rng.integers(0, 5_000, 80).astype(float))
    assert on_a_raster(people, 46.4, 47.6, 7.2, 8.8, 0.002) == pytest.approx(people.total, rel=0.01)


def test_nobody_is_sought_far_from_the_only_tract() -> None:
    people = people_of(np.array([10.0]), np.array([20.0]), np.array([1_000.0]))
    at_km = np.array([0.0, SPREAD_KM_MAX - 0.1, SPREAD_KM_MAX + 0.1])
    density = people.density_at(unit_vectors(10 + at_km / KM_A_DEGREE, np.full(3, 20.0)))
    assert density.tolist() == pytest.approx([1_000 / (np.pi * SPREAD_KM_MAX**2)] * 2 + [0.0])


def test_tracts_at_one_place_are_added_up() -> None:
    people = people_of(np.array([1.0, 1.00001, 2.0]), np.array([5.0, 5.0, 5.0]), np.array([3.0, 4.0, 5.0]))
    assert people.people.tolist() == [7.0, 5.0]
    assert people.total == 12


def test_tracts_near_a_station_come_with_distance_and_bearing() -> None:
    people = people_of(np.array([0.01, 0.0, 0.0, -0.01]), np.array([0.0, 0.02, 0.09, -0.01]), np.ones(4))
    near = people.near(np.array([0.0]), np.array([0.0]), 3.0)
    found = {round(bearing): round(metres) for bearing, metres in zip(near.bearing_deg, near.distance_m, strict=True)}
    assert found == {0: 1_112, 90: 2_224, 225: 1_573}


def test_the_antimeridian_is_no_border() -> None:
    people = people_of(np.array([-17.0]), np.array([-179.995]), np.array([10.0]))
    near = people.near(np.array([-17.0]), np.array([179.995]), 2.0)
    assert near.distance_m == pytest.approx([1_063.4], abs=0.5)
    assert near.bearing_deg == pytest.approx([90.0], abs=0.01)


@pytest.mark.long
def test_one_in_twenty_americans_lives_within_1200_metres_of_a_walmart() -> None:
    people = People(read_population(shared_file("data/population/us_tracts_2020.csv.gz")))
    path = shared_file("data/sites/walmart_us_2018.csv")
    with open_site_file(path) as stream:
        sites = [each for each in read_sites(stream, form_of(path.name)) if isinstance(each, Site)]
    near = people.near(np.array([site.lat for site in sites]), np.array([site.lon for site in sites]), 1.2)
    assert people.people[np.unique(near.tract)].sum() / people.total == pytest.approx(0.0494, abs=0.00005)


@pytest.mark.long
def test_chicago_has_as_many_people_on_a_raster_as_in_its_tracts() -> None:
    people = People(read_population(shared_file("data/population/us_tracts_2020.csv.gz")))
    inside = (abs(people.lat - 41.8) < 0.2) & (abs(people.lon + 87.8) < 0.4)
    assert on_a_raster(people, 41.6, 42.0, -88.2, -87.4, 0.001) == pytest.approx(people.people[inside].sum(), rel=0.01)
