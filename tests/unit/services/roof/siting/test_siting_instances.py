"""Files of siting problems, told apart by their content."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.roof.siting.instances.making import Wanted, kind_of, make_problem
from maillage.services.roof.siting.instances.model import Degrees, Instance, Plane
from maillage.services.roof.siting.instances.reading import read_instance
from maillage.services.roof.siting.problem import CoverProblem, MedianProblem, NearDistances

PMED = " 4 5 2 \n1 2 3\n2 3 4\n3 4 1\n1 3 9\n 2 1 5 \n"
POINTS = "3\t9999\tp\tS\n0\t0\t10\n300\t400\t20\n300\t900\t5\n"
DISTANCES = "demand,name,DestinationName,distance\n7,s1,x,100\n7,s2,x,90.5\n3,s1,y,0\n3,s2,y,50\n"
SITES = "id,name,lat,lon,Cost\na,A,0,0,5\nb,B,0,1,7.5\n"
PEOPLE = "lat,lon,population\n0,0.05,100\n0,0.98,50\n0,0.5,10\n"


def written(folder: Path, text: str | bytes, name: str = "file.dat") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return written(tmp_path, PEOPLE, "people.csv")


def test_in_a_graph_the_last_line_of_a_repeated_edge_counts_and_paths_are_the_shortest(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path, PMED))
    assert (instance.form, instance.p, instance.ids) == ("pmed", 2, ("1", "2", "3", "4"))
    assert instance.distances.tolist() == [[0, 5, 9, 10], [5, 0, 4, 5], [9, 4, 0, 1], [10, 5, 1, 0]]
    assert instance.weights.tolist() == [1, 1, 1, 1]
    assert kind_of(instance) == "p-median"


def test_an_edge_that_costs_nothing_is_an_edge(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path, "3 2 1\n1 2 0\n2 3 4\n"))
    assert instance.distances.tolist() == [[0, 0, 4], [0, 0, 4], [4, 4, 0]]


def test_points_are_candidates_and_customers(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path, POINTS))
    assert instance.form == "points"
    assert isinstance(instance.places, Plane)
    assert instance.distances.tolist()[0][:2] == [0, 500]
    assert instance.weights.tolist() == [10, 20, 5]
    problem = make_problem(instance, Wanted(kind="mclp", p=1, radius_m=500))
    assert isinstance(problem, CoverProblem)
    assert np.diff(problem.starts).tolist() == [2, 3, 2]  # as far as the radius is within


def test_points_with_three_numbers_in_their_first_line_are_not_a_graph(tmp_path: Path) -> None:
    assert read_instance(written(tmp_path, "3 9999 800\n0 0 10\n300 400 20\n300 900 5\n")).form == "points"


def test_a_table_of_distances_has_its_columns_in_any_order(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path, DISTANCES))
    assert (instance.form, instance.ids) == ("distances", ("s1", "s2"))
    assert instance.distances.tolist() == [[100, 0], [90.5, 50]]
    assert instance.weights.tolist() == [7, 3]
    assert isinstance(make_problem(instance, Wanted(kind="p-median", p=1)), MedianProblem)


def test_sites_have_costs_and_the_people_near_them(tmp_path: Path, people: Path) -> None:
    instance = read_instance(written(tmp_path, SITES), people)
    assert (instance.form, instance.ids) == ("sites", ("a", "b"))
    assert isinstance(instance.places, Degrees)
    assert instance.costs.tolist() == [5, 7.5]
    problem = make_problem(instance, Wanted(kind="mclp", p=1, radius_m=6_000))
    assert problem.covered.tolist() == [0, 1]
    near = make_problem(instance, Wanted(kind="p-median", p=1, radius_m=6_000))
    assert isinstance(near.distances, NearDistances)
    assert near.distances.distances == pytest.approx([5_559.75, 2_223.9], abs=0.1)
    every = make_problem(instance, Wanted(kind="p-median", p=1))
    assert every.distances[0] == pytest.approx([5_559.75, 108_971, 55_597.5], abs=1)


def test_an_attribute_other_than_cost_can_say_what_a_site_costs(tmp_path: Path, people: Path) -> None:
    text = "id,name,lat,lon,rent\na,A,0,0,5\nb,B,0,1,8\n"
    assert read_instance(written(tmp_path, text), people).costs is None
    assert read_instance(written(tmp_path, text), people, "Rent").costs.tolist() == [5, 8]
    with pytest.raises(Invalid, match=r"site a is None and not a number"):
        read_instance(written(tmp_path, text), people, "price")


def test_the_content_counts_and_not_the_name_packed_or_not(tmp_path: Path, people: Path) -> None:
    assert read_instance(written(tmp_path, gzip.compress(PMED.encode()), "sites.csv")).form == "pmed"
    assert read_instance(written(tmp_path, "\ufeff" + SITES, "graph.txt"), people).form == "sites"
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1, 2]},
        "properties": {"ref": "x", "cost": 3},
    }
    text = json.dumps({"type": "FeatureCollection", "features": [feature]})
    instance = read_instance(written(tmp_path, text, "sites.txt"), people)
    assert (instance.ids, instance.costs.tolist()) == (("x",), [3])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line"),
        ("hello world\n", "begins no graph"),
        ("4 2 2\n1 2 3\n", "there are 1 edges where the first line says 2"),
        ("4 1 2\n1 2\n", "line 2: '1 2' is not 3"),
        ("4 1 2\n1 2 x\n", "line 2: '1 2 x' is not 3 numbers"),
        ("4 1 2\n1 2 nan\n", "line 2"),
        ("4 1 2\n1 2.5 3\n", "an edge leads from 1 to 2.5"),
        ("4 1 2\n1 9 3\n", "nodes go from 1 to 4"),
        ("4 1 2\n1 2 -3\n", "costs are 0 or more"),
        ("4 1 2\n1 2 3\n", "no edges lead from node 1 to node 3"),
        ("9999999 1 2\n1 2 3\n", "there may be 5,000 nodes"),
        ("3 x\n0 0 1\n", "there are 1 points where the first line says 3"),
        ("1 x\n0 0 -1\n", "a demand of -1 is below 0"),
        ("1 x\n0 inf 1\n", "line 2"),
        ("0 x\n", "there may be 1 to 5,000"),
        ("distance,name,DestinationName,demand\n", "no rows"),
        ("distance,name,DestinationName,demand\n1,a\n", "line 2: there are 2 columns"),
        ("distance,name,DestinationName,demand\nx,a,b,1\n", "line 2: distance 'x' is not a number"),
        ("distance,name,DestinationName,demand\n1,a,b,-1\n", "line 2: demand '-1' is not a finite number"),
        ("distance,name,DestinationName,demand\n1,a,b,1\n1,a,b,1\n", "line 3: a and b are there twice"),
        ("distance,name,DestinationName,demand\n1,a,b,1\n1,c,b,2\n", "line 3: b has another demand"),
        ("distance,name,DestinationName,demand\n1,a,b,1\n1,c,d,2\n", "no distance from a to d"),
        ('distance,name,DestinationName,demand\n1,"a,b,1\n', "is not|unexpected|columns"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises((Invalid, Malformed), match=said):
        read_instance(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name,lat,lon\na,A,0,0\na,B,0,1\n", "line 3 is no site: id: 'a' is used before"),
        ("id,name,lat,lon\na,A,95,0\n", "line 2 is no site: lat"),
        ("id,name,lat,lon\n", "has no sites"),
        ("id,lat,lon\na,1,2\n", "the header has no name"),
        ('{"type": "FeatureCollection", "features": []}', "has no features"),
        ("id,name,lat,lon,cost\na,A,0,0,5\nb,B,0,1,\n", "site b is None and not a number"),
        ("id,name,lat,lon,cost\na,A,0,0,true\n", "site a is True and not a number"),
    ],
)
def test_a_site_file_with_a_bad_row_is_refused(tmp_path: Path, people: Path, text: str, said: str) -> None:
    with pytest.raises((Invalid, Malformed), match=said):
        read_instance(written(tmp_path, text), people)


def test_sites_need_people_and_nothing_else_takes_them(tmp_path: Path, people: Path) -> None:
    with pytest.raises(Invalid, match="population: is missing"):
        read_instance(written(tmp_path, SITES))
    with pytest.raises(Invalid, match="population: is for sites"):
        read_instance(written(tmp_path, PMED), people)
    with pytest.raises(Invalid, match="cost_attribute: is for sites"):
        read_instance(written(tmp_path, PMED), None, "rent")


def test_a_file_that_is_not_there_or_was_cut_short_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be opened"):
        read_instance(tmp_path / "absent")
    with pytest.raises(Malformed, match="damaged or was cut short"):
        read_instance(written(tmp_path, gzip.compress(PMED.encode())[:20]))


def graph() -> Instance:
    return Instance(form="pmed", ids=("1", "2"), weights=np.ones(2), distances=np.array([[0.0, 4], [4, 0]]), p=1)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(kind="mclp"), "radius: is missing"),
        (Wanted(kind="mclp", radius_m=0), "radius: 0 m is out of range"),
        (Wanted(kind="mclp", radius_m=float("nan")), "radius: nan m is out of range"),
        (Wanted(kind="p-median", radius_m=5), "radius: is for covering"),
        (Wanted(kind="p-median", separation_km=1), "does not say where"),
        (Wanted(kind="p-median", separation_km=-1), "is not a distance"),
        (Wanted(kind="p-median", separation_km=float("inf")), "is not a distance"),
        (Wanted(kind="p-median", budget=3), "have no costs"),
    ],
)
def test_what_does_not_fit_the_file_is_refused(wanted: Wanted, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        make_problem(graph(), wanted)


def test_the_files_number_of_roofs_holds_unless_another_is_asked_for() -> None:
    assert make_problem(graph(), Wanted(kind="p-median")).p == 1
    assert make_problem(graph(), Wanted(kind="p-median", p=2)).p == 2


def test_separation_is_kept_on_the_earth_and_on_a_plane(tmp_path: Path, people: Path) -> None:
    sites = read_instance(written(tmp_path, SITES), people)
    assert make_problem(sites, Wanted(kind="mclp", p=1, separation_km=112)).conflicts.tolist() == [[0, 1]]
    points = read_instance(written(tmp_path, POINTS))
    assert make_problem(points, Wanted(kind="mclp", p=1, separation_km=0.5)).conflicts.tolist() == []
    wider = make_problem(points, Wanted(kind="mclp", p=1, separation_km=0.6)).conflicts.tolist()
    assert wider == [[0, 1], [1, 2]]
