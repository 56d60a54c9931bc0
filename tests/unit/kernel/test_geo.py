"""The index of sites: its nearest are those that comparing with every site would find, anywhere on earth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.kernel.geo import (
    CELL_SITES,
    EARTH_RADIUS_KM,
    SiteIndex,
    chord_of_km,
    km_of_chord,
    km_of_chords,
    unit_vector,
    unit_vectors,
)

LATITUDES = st.floats(-90, 90) | st.sampled_from((-90.0, 0.0, 90.0))
LONGITUDES = st.floats(-180, 180) | st.sampled_from((-180.0, 179.999, 180.0))
PLACES = st.tuples(LATITUDES, LONGITUDES)


def index_of(*places: tuple[float, float]) -> SiteIndex:
    return SiteIndex([lat for lat, _ in places], [lon for _, lon in places])


def nearest_of(index: SiteIndex, place: tuple[float, float], k: int, within_km: float = math.inf) -> list[int]:
    _, numbers = index.nearest(np.array(unit_vector(*place)), k, within_km)
    return [int(number) for number in numbers]


@given(st.lists(PLACES, min_size=1, max_size=40), PLACES, st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_the_nearest_are_those_that_brute_force_finds(
    places: list[tuple[float, float]], place: tuple[float, float], k: int
) -> None:
    index = index_of(*places)
    point = np.array(unit_vector(*place))
    chords, numbers = index.nearest(point, k)
    brute = np.sort(np.linalg.norm(index.vectors - point, axis=1))[:k]
    found = min(k, len(places))
    np.testing.assert_allclose(chords[:found], brute, rtol=0, atol=1e-15)
    # Two sites at one distance may come in either order, so each number is held to its own distance.
    own = np.linalg.norm(index.vectors[numbers[:found]] - point, axis=1)
    np.testing.assert_allclose(own, chords[:found], rtol=0, atol=1e-15)
    assert len(set(numbers[:found].tolist())) == found
    assert np.isinf(chords[found:]).all()
    assert (numbers[found:] == index.count).all()


def test_many_points_are_asked_at_once() -> None:
    index = index_of((0, 0), (10, 10), (50, 50))
    points = unit_vectors(np.array([1.0, 49.0, 11.0]), np.array([1.0, 49.0, 11.0]))
    chords, numbers = index.nearest(points, k=2)
    assert chords.shape == (3, 2)
    assert numbers[:, 0].tolist() == [0, 2, 1]


def test_neighbours_across_the_antimeridian_are_neighbours() -> None:
    index = index_of((-17.0, -179.9), (-17.0, 178.0))
    assert nearest_of(index, (-17.0, 179.9), k=2) == [0, 1]


@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_at_a_pole_all_longitudes_are_one_place(pole: float) -> None:
    index = index_of((pole, 0.0), (0.0, 0.0))
    chords, numbers = index.nearest(np.array(unit_vector(pole, 123.0)), k=1)
    assert numbers.tolist() == [0]
    assert km_of_chord(float(chords[0])) < 1e-6


def test_beyond_the_distance_asked_there_is_nobody() -> None:
    index = index_of((0, 0), (0, 1), (0, 3))
    assert nearest_of(index, (0, 0), k=3, within_km=150) == [0, 1, index.count]


def test_a_site_exactly_at_the_distance_counts() -> None:
    index = index_of((0, 1))
    edge = EARTH_RADIUS_KM * math.radians(1)
    assert nearest_of(index, (0, 0), k=1, within_km=edge) == [0]
    assert nearest_of(index, (0, 0), k=1, within_km=edge - 0.001) == [1]


def test_an_index_of_nothing_finds_nothing() -> None:
    chords, _ = SiteIndex([], []).nearest(np.array(unit_vector(0, 0)), k=2)
    assert np.isinf(chords).all()
    assert chords.shape == (2,)


@given(st.floats(0, EARTH_RADIUS_KM * math.pi))
def test_a_distance_survives_the_way_to_a_chord_and_back(km: float) -> None:
    # Near the antipode the chord hardly grows with the arc, so a rounding there weighs up to some tenths of a metre.
    assert km_of_chord(chord_of_km(km)) == pytest.approx(km, rel=1e-12, abs=3e-4)
    assert km_of_chords(np.array([chord_of_km(km)]))[0] == pytest.approx(km, rel=1e-12, abs=3e-4)


@given(LATITUDES, LONGITUDES)
def test_one_point_and_many_agree(lat: float, lon: float) -> None:
    np.testing.assert_allclose(unit_vectors(np.array([lat]), np.array([lon]))[0], unit_vector(lat, lon), atol=1e-15)


def test_paris_to_new_york_is_as_far_as_on_the_map() -> None:
    paris, new_york = np.array(unit_vector(48.8566, 2.3522)), np.array(unit_vector(40.7128, -74.0060))
    assert km_of_chord(float(np.linalg.norm(paris - new_york))) == pytest.approx(5_837, abs=1)


@given(
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=60),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.integers(0, 3),
)
def test_the_sites_that_are_certainly_the_nearest_are_the_nearest(places, lat: float, lon: float, huddle: int) -> None:
    near_by = [(max(-90.0, min(90.0, lat + i * 0.01)), lon) for i in range(-huddle * 8, huddle * 8)]
    sites = places + near_by
    index = SiteIndex([site[0] for site in sites], [site[1] for site in sites])
    for _ in range(2):  # once with the cell made, once with it kept
        chords, numbers = index.certain(lat, lon, unit_vector(lat, lon))
        right, _ = index.nearest(np.array(unit_vector(lat, lon)), max(2, len(sites)))
        assert len(set(numbers)) == len(numbers)
        assert chords == pytest.approx(right[: len(chords)].tolist(), abs=1e-12)
        if len(sites) < CELL_SITES:
            assert len(chords) == len(sites)
