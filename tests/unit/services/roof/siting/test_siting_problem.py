"""What no choice can be made of is refused with the field that is wrong."""

import numpy as np
import pytest

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import unit_vectors
from maillage.services.roof.siting import places as places_module
from maillage.services.roof.siting.places import count_within_km, nearer_than_km, nearer_than_m, pairs_within_km
from maillage.services.roof.siting.problem import CoverProblem, MedianProblem, NearDistances
from tests.unit.services.roof.siting.siting_world import cover, median

COVERS = {"a": [0, 1], "b": [1, 2], "c": [2]}


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({}, "p", "is missing"),
        ({"p": 0}, "p", "goes from 1 to 3"),
        ({"p": 4}, "p", "goes from 1 to 3"),
        ({"p": 1, "fixed": ("x",)}, "fixed", "x is not among the candidates"),
        ({"p": 2, "fixed": ("a", "a")}, "fixed", "named twice"),
        ({"p": 1, "fixed": ("a", "b")}, "fixed", "only 1 are to be chosen"),
        ({"p": 2, "fixed": ("a", "b"), "conflicts": np.array([[0, 1]])}, "fixed", "a and b are too near"),
        ({"p": 2, "conflicts": np.array([[0, 3]])}, "conflicts", "none of the 3"),
        ({"p": 2, "conflicts": np.array([[1, 1]])}, "conflicts", "with itself"),
        ({"p": 2, "conflicts": np.array([1, 2])}, "conflicts", "are pairs"),
        ({"budget": 5.0}, "budget", "have no costs"),
        ({"costs": np.array([1.0, 2]), "p": 1}, "costs", "2 for 3 candidates"),
        ({"costs": np.array([1.0, 2, -1]), "p": 1}, "costs", "-1 is among them"),
        ({"costs": np.array([1.0, 2, 3]), "budget": 0.5}, "budget", "the cheapest costs 1.00"),
        ({"costs": np.array([1.0, 2, 3]), "budget": np.nan}, "budget", "is no amount"),
        ({"costs": np.array([1.0, 2, 3]), "budget": np.inf}, "budget", "is no amount"),
        ({"costs": np.array([1.0, 2, 3]), "budget": 4.0, "fixed": ("b", "c")}, "budget", "fixed ones cost, 5.00"),
    ],
)
def test_rules_that_nothing_can_keep_to_are_refused(more: dict, field: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        cover(COVERS, [1, 2, 3], **more)
    assert refused.value.extra["field"] == field


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_weights_are_finite_numbers_from_zero(wrong: float) -> None:
    with pytest.raises(Invalid, match="weights"):
        cover(COVERS, [1, wrong, 3], p=1)


def test_candidates_and_demand_are_needed_and_ids_are_used_once() -> None:
    with pytest.raises(Invalid, match="there are none"):
        cover({}, [1.0], p=1)
    with pytest.raises(Invalid, match="none to be served"):
        cover({"a": []}, [], p=1)
    rows = {"starts": np.array([0, 1, 2]), "covered": np.array([0, 0])}
    with pytest.raises(Invalid, match="a is there twice"):
        CoverProblem(ids=("a", "a"), weights=np.ones(1), p=1, **rows)


@pytest.mark.parametrize(
    ("starts", "covered", "said"),
    [
        ([0, 1], [0], "no rows of 2 candidates"),
        ([0, 2, 1], [0], "no rows of 2 candidates"),
        ([0, 1, 2], [0, 3], "over 3 demands"),
        ([0, 2, 2], [1, 1], "names a demand twice"),
    ],
)
def test_a_cover_fits_its_candidates_and_demands(starts: list[int], covered: list[int], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        CoverProblem(ids=("a", "b"), weights=np.ones(3), p=1, starts=np.array(starts), covered=np.array(covered))


def test_distances_fit_and_are_finite_numbers_from_zero() -> None:
    with pytest.raises(Invalid, match="distances"):
        MedianProblem(ids=("a",), weights=np.ones(2), p=1, distances=np.ones((2, 2)))
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(Invalid, match="distances"):
            median([[1, wrong]], p=1)
    near = {"starts": np.array([0, 1]), "demands": np.array([0])}
    for distance, far in ((5.0, 4.0), (1.0, 0.0), (1.0, np.inf), (-1.0, 4.0)):
        with pytest.raises(Invalid, match="distances"):
            given = NearDistances(**near, distances=np.array([distance]), far=far)
            MedianProblem(ids=("a",), weights=np.ones(2), p=1, distances=given)


def test_who_is_within_reach_and_who_is_too_near_is_measured_over_the_ground() -> None:
    # A degree of longitude on the equator is 111.195 km.
    candidates = unit_vectors(np.zeros(3), np.array([0.0, 1.0, 179.9]))
    demands = unit_vectors(np.zeros(3), np.array([0.5, 1.0, -179.9]))
    starts, found, km = pairs_within_km(candidates, demands, 60)
    assert starts.tolist() == [0, 1, 3, 4]
    assert found.tolist() == [0, 0, 1, 2]
    assert km == pytest.approx([55.5975, 55.5975, 0, 22.239], abs=1e-3)
    assert count_within_km(candidates, demands, 60) == 4
    assert nearer_than_km(candidates, 111.2).tolist() == [[0, 1]]
    assert nearer_than_km(candidates, 111.1).tolist() == []
    assert nearer_than_km(candidates, 0).tolist() == []


def test_two_exactly_as_far_apart_as_asked_may_stand() -> None:
    places = np.array([[0.0, 0.0], [300.0, 400.0], [300.0, 401.0]])
    assert nearer_than_m(places, 500).tolist() == [[1, 2]]
    assert nearer_than_m(places, 500.1).tolist() == [[0, 1], [1, 2]]


def test_a_separation_that_sets_too_many_apart_is_refused_before_they_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places_module, "CONFLICTS_MAX", 2)
    places = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert len(nearer_than_m(places, 1.5)) == 2
    with pytest.raises(Invalid, match="3 pairs of places are nearer to each other than that; at most 2") as refused:
        nearer_than_m(places, 2.5)
    assert refused.value.extra["field"] == "separation_km"
