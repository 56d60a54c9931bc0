"""The areas of Thiessen cells, against plane figures and scipy's own cells on the sphere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import SphericalVoronoi

from maillage.kernel.geo import EARTH_RADIUS_KM
from maillage.services.roof.coverage.thiessen import cell_areas_km2

KM_A_DEGREE = np.radians(1) * EARTH_RADIUS_KM


def test_a_point_alone_has_the_circle_it_spreads_over() -> None:
    area = cell_areas_km2(np.array([45.0]), np.array([7.0]), np.array([10.0]))
    assert area == pytest.approx([np.pi * 100])


def test_two_points_share_the_land_between_them_alike() -> None:
    apart_km = 2.0
    areas = cell_areas_km2(np.array([0.0, 0.0]), np.array([0.0, apart_km / KM_A_DEGREE]), np.array([5.0, 5.0]))
    # a circle of 5 km less the segment beyond 1 km
    segment = 25 * np.arccos(1 / 5) - np.sqrt(25 - 1)
    assert areas == pytest.approx([np.pi * 25 - segment] * 2, rel=1e-6)


def test_the_inner_points_of_a_lattice_have_its_squares() -> None:
    steps = np.arange(7) / KM_A_DEGREE
    lat, lon = (axis.ravel() for axis in np.meshgrid(steps, steps))
    areas = cell_areas_km2(lat, lon, np.full(49, 2.0)).reshape(7, 7)
    assert areas[1:-1, 1:-1] == pytest.approx(np.ones((5, 5)), rel=1e-4)
    assert areas[0, 3] > 1.9  # at the edge the cell goes on until the spread ends


def test_points_on_one_line_are_no_hull_by_themselves_and_work_all_the_same() -> None:
    lon = np.arange(5) / KM_A_DEGREE
    areas = cell_areas_km2(np.zeros(5), lon, np.full(5, 10.0))
    middle = 2 * np.sqrt(100 - 0.25)
    assert areas[2] == pytest.approx(middle, rel=1e-2)
    assert areas[0] == pytest.approx(areas[4])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 300))
def test_all_cells_on_the_sphere_are_those_of_scipy(seed: int, count: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    # in the small, so that the plane is true: everything within 100 km of one place, and far points around
    lat = 40 + vectors[:, 0]
    lon = -90 + vectors[:, 1]
    around_lat, around_lon = np.array([80.0, 0, 0, -80, 20]), np.array([0.0, 0, 90, 0, 180])
    every = np.radians(np.r_[lat, around_lat]), np.radians(np.r_[lon, around_lon])
    points = np.stack([np.cos(every[0]) * np.cos(every[1]), np.cos(every[0]) * np.sin(every[1]), np.sin(every[0])], 1)
    voronoi = SphericalVoronoi(points)
    theirs = voronoi.calculate_areas()[:count] * EARTH_RADIUS_KM**2
    corners = [
        np.linalg.norm(voronoi.vertices[region] - points[n], axis=1).max()
        for n, region in enumerate(voronoi.regions[:count])
    ]
    inner = np.array(corners) * EARTH_RADIUS_KM < 100
    ours = cell_areas_km2(lat, lon, np.full(count, 100.0))
    assert ours[inner] == pytest.approx(theirs[inner], rel=2e-3)


def test_points_that_are_ten_metres_apart_each_have_a_cell() -> None:
    lat, lon = (axis.ravel() for axis in np.meshgrid(60 + np.arange(40) * 1e-4, 10 + np.arange(40) * 1e-4))
    areas = cell_areas_km2(lat, lon, np.full(1_600, 1.0))
    assert areas.min() > 0.5 * (1e-4 * KM_A_DEGREE) ** 2 * 0.5
