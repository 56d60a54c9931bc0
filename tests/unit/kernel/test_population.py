"""Population files: points with people, the national rule on territories, and faults that name their line."""

import gzip
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, Malformed, Refusal
from maillage.kernel.population import Population, read_population
from tests.shared_data import shared_file


def population_of(folder: Path, content: str | bytes, include_territories: bool = False) -> Population:
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_population(path, include_territories)


def test_points_and_people_are_read_in_order(tmp_path: Path) -> None:
    population = population_of(tmp_path, "\ufeffPopulation,LON,lat,note\r\n10,4.4,51.2,x\r\n\r\n2.5,6.1,52.5,\r\n")
    assert population.lat.tolist() == [51.2, 52.5]
    assert population.lon.tolist() == [4.4, 6.1]
    assert population.people.tolist() == [10.0, 2.5]
    assert (population.places_left_out, population.people_left_out) == (0, 0)


TERRITORIES = """lat,lon,population,geoid
32.4,-86.4,1775,01001020100
18.1,-66.7,3000,72001956300
18.3,-64.9,500,1400000US78010970100
"""


def test_territories_are_left_out_and_counted(tmp_path: Path) -> None:
    population = population_of(tmp_path, TERRITORIES)
    assert population.people.tolist() == [1775.0]
    assert (population.places_left_out, population.people_left_out) == (2, 3_500)


def test_territories_count_when_asked_for(tmp_path: Path) -> None:
    population = population_of(tmp_path, TERRITORIES, include_territories=True)
    assert population.people.sum() == 5_275
    assert population.places_left_out == 0


def test_geoids_that_lost_their_leading_zeros_are_refused_lest_california_pass_for_samoa(tmp_path: Path) -> None:
    content = "lat,lon,population,geoid\n37.8,-122.2,3000,6001400100\n30.2,-97.7,3000,48453001100\n"
    with pytest.raises(Malformed, match="geoids of 10 and of 11 digits"):
        population_of(tmp_path, content)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,4.4,1", "lat: 'x' is not a number"),
        ("nan,4.4,1", "lat: 'nan'"),
        ("91,4.4,1", "lat: 91.0 is not a latitude"),
        ("51,-181,1", "lon: -181.0 is not a longitude"),
        ("51,4.4,", "population: '' is not a number"),
        ("51,4.4,-1", "population: -1 is no number of people"),
        ("51,4.4,1e999", "population: inf is no number of people"),
        ("51,4.4,1e300", "population: 1e+300 is no number of people; it goes from 0 to 10,000,000,000"),
        ('51,4.4,"1,000"', "population: '1,000' is not a number"),
        ("51,4.4", "there are 2 where the header has 3"),
        ("51,4.4,1,2", "there are 4 where the header has 3"),
        ('51,4.4,"1"x', "is not CSV"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(Malformed) as refusal:
        population_of(tmp_path, f"lat,lon,population\n51,4.4,1\n{row}\n51,4.4,1\n")
    assert refusal.value.detail.startswith("line 3")
    assert said in refusal.value.detail
    assert refusal.value.extra["line"] == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no lat, no lon, no population; .* has: nothing"),
        (b"lat,lon,people\n", "no population; .* has: lat, lon, people"),
        (b"lat,lon,population\n", "nobody living anywhere"),
        (b"lat,lon,population\n51,4,0\n", "nobody living anywhere"),
        (b"lat,lon,population,note\n51,4,1,\xe9\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_population_is_malformed(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        population_of(tmp_path, content)


def test_a_file_that_is_not_there_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be opened"):
        read_population(tmp_path / "nowhere.csv")
    damaged = tmp_path / "people.csv.gz"
    damaged.write_bytes(gzip.compress(b"lat,lon,population\n51,4,1\n")[:-12])
    with pytest.raises(Refusal, match="cut short"):
        read_population(damaged)


def test_the_census_of_2020_counts_the_fifty_states_and_the_district() -> None:
    population = read_population(shared_file("data/population/us_tracts_2020.csv.gz"))
    assert len(population.people) == 84_414
    assert population.people.sum() == 331_449_281
    assert (population.places_left_out, population.people_left_out) == (981, 3_285_874)
