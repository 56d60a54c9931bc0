"""The roofs of the chain by HTTP: entering them, looking for them, whom they reach, and plans."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely

from tests.unit.faces.http.api import NOW, Api, assert_problem, opened
from tests.unit.services.roof.catalogue.catalogue_world import PEOPLE, roof

CSV = {"Content-Type": "text/csv"}
GEO = "application/geo+json"


def enter_people(api: Api, content: bytes = PEOPLE, key: str | None = None, **params: Any) -> Any:
    return api.call("PUT", "/v1/population", key=key, content=content, headers=CSV, params=params)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Three stores with roofs in a row to the north, one without, and people."""
    with opened(tmp_path_factory.mktemp("roofs")) as api:
        for number in range(1, 5):
            api.site(f"st-{number}", lat=36.37 + number / 10)
        api.ok("PUT", "/v1/sites/st-1/roof", roof(3, asking_rent=300, power_kw=8, fibre_pairs=2, neighbours_m=5))
        api.ok("PUT", "/v1/sites/st-2/roof", roof(1, asking_rent="200", neighbours_m=20))
        outline = [[-9, -9], [-9, 9], [19, 9], [19, -9]]
        api.ok("PUT", "/v1/sites/st-3/roof", roof(2, outline=outline, access="by ladder"))
        people = b"lat,lon,population\n" + b"".join(b"36.%d7,-94.21,%d00000\n" % (n + 3, n) for n in range(1, 5))
        assert enter_people(api, people, name="mine.csv").status_code == 200
        yield api


def sites(found: Any) -> list[str]:
    return [each["site"] for each in found["items"]]


def test_a_roof_is_entered_shown_changed_and_forgotten(api: Api) -> None:
    entered = api.ok("PUT", "/v1/sites/wm-1/roof", roof(2, asking_rent="450"))
    assert (entered["site"], entered["revision"], entered["asking_rent"]) == ("wm-1", 1, "450.00")
    assert api.ok("GET", "/v1/sites/wm-1/roof") == api.ok("GET", "/v1/roofs/wm-1") == entered
    assert api.ok("GET", "/v1/sites/wm-1/capacity?kind=roof_mount")["size"] == 2
    assert api.ok("PUT", "/v1/sites/wm-1/roof", roof(3))["revision"] == 2
    api.ok("DELETE", "/v1/sites/wm-1/roof")
    assert_problem(api.call("GET", "/v1/roofs/wm-1"), 404, "not-found")
    assert_problem(api.call("DELETE", "/v1/sites/wm-1/roof"), 404, "not-found")
    acts = [each["action"] for each in api.ok("GET", "/v1/audit")["items"]]
    assert acts.count("roof.set") == 2 and acts.count("roof.drop") == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        (roof(height_m="9"), "height_m"),
        (roof(colour="red"), "body"),
        (roof(height_m=-1), "height_m"),
        (roof(mounts=201), "mounts"),
        (roof(outline=[[0, 0, 0]]), "outline[0]"),
        (roof(fibre_pairs=1.5), "fibre_pairs"),
        (roof(load_kg="heavy"), "load_kg"),
        ({"height_m": 9, "mounts": [{"id": "m1", "x_m": 0, "y_m": 0}]}, "mounts[0]"),
    ],
)
def test_what_is_no_roof_is_refused_by_its_field(shop: Api, body: Any, field: str) -> None:
    problem = assert_problem(shop.call("PUT", "/v1/sites/st-4/roof", body), 422, "invalid")
    assert problem["field"] == field
    assert_problem(shop.call("GET", "/v1/roofs/st-4"), 404, "not-found")


def test_leases_in_the_way_and_strange_sites_are_told(api: Api) -> None:
    assert_problem(api.call("PUT", "/v1/sites/nowhere/roof", roof()), 404, "not-found")
    api.ok("PUT", "/v1/sites/wm-1/roof", roof(2))
    api.ok("POST", "/v1/leases", {"needs": {"roof_mount": 2}, "site": "wm-1", "end": "2027-11-01T12:00:00Z"})
    assert_problem(api.call("PUT", "/v1/sites/wm-1/roof", roof(1)), 409, "pool-in-use")
    assert_problem(api.call("DELETE", "/v1/sites/wm-1/roof"), 409, "pool-in-use")
    assert api.ok("GET", "/v1/roofs/wm-1")["mounts_free"] == 0


def test_roofs_are_listed_by_site_in_pages(shop: Api) -> None:
    first = shop.ok("GET", "/v1/roofs?limit=2")
    assert sites(first) == ["st-1", "st-2"]
    assert sites(shop.ok("GET", f"/v1/roofs?limit=2&cursor={first['next']}")) == ["st-3"]
    wrong = shop.call("GET", f"/v1/roofs?limit=2&region=x&cursor={first['next']}")
    assert assert_problem(wrong, 422, "invalid")["field"] == "cursor"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("near=36.6,-94.21", ["st-2", "st-3", "st-1"]),
        ("near=36.6,-94.21&within_km=12", ["st-2", "st-3"]),
        ("country=US", []),
        ("region=", ["st-1", "st-2", "st-3"]),
        ("above_neighbours_m=5", ["st-1"]),
        ("above_neighbours_m=-10", ["st-1", "st-2"]),
        ("above_neighbours_m=5&unknown_heights=true", ["st-1", "st-3"]),
        ("power_kw=8", ["st-1"]),
        ("power_kw=8.5", []),
        ("fibre_pairs=2", ["st-1"]),
        ("free_mounts=2", ["st-1", "st-3"]),
        ("free_mounts=4", []),
        ("band=n78&people=1000", ["st-2", "st-3"]),
    ],
)
def test_roofs_are_found_by_what_is_asked_of_them(shop: Api, query: str, found: list[str]) -> None:
    assert sites(shop.ok("GET", f"/v1/roofs?{query}")) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("within_km=5", "within_km"),
        ("people=5", "people"),
        ("near=91,0", "lat"),
        ("near=here", "near"),
        ("band=n99", "band"),
        ("band=../../bands/n78.json", "band"),
        ("band=n78&place=cellar", "place"),
        ("band=n78&scenario=Moon", "scenario"),
        ("band=n78&probability=1", "probability"),
        ("band=n78&probability=nan", "probability"),
        ("power_kw=-1", "power_kw"),
        ("format=xml", "format"),
    ],
)
def test_a_filter_that_is_none_is_refused_by_its_name(shop: Api, query: str, field: str) -> None:
    assert assert_problem(shop.call("GET", f"/v1/roofs?{query}"), 422, "invalid")["field"] == field


def test_in_a_band_each_roof_says_whom_it_reaches_and_how_far(shop: Api) -> None:
    outdoors = shop.ok("GET", "/v1/roofs?band=n78")["items"][1]["coverage"]
    behind_walls = shop.ok("GET", "/v1/roofs?band=n78&place=indoor_high&probability=0.95")["items"][1]["coverage"]
    assert (outdoors["scenario"], outdoors["place"], outdoors["probability"]) == ("UMi", "outdoor", 0.9)
    assert outdoors["cell_km"] > 2 * behind_walls["cell_km"] > 0
    assert outdoors["people"] > 0 and outdoors["km2"] == pytest.approx(3.14 * outdoors["cell_km"] ** 2, rel=0.02)
    tall = shop.ok("GET", "/v1/roofs?band=n78&scenario=UMa")["items"]
    assert [each["coverage"] for each in tall] == [None, None, None]
    assert shop.ok("GET", "/v1/roofs")["items"][0]["coverage"] is None


def test_lists_come_as_geojson_by_accept_and_by_format(shop: Api) -> None:
    by_accept = shop.call("GET", "/v1/roofs?limit=2&band=n78", headers={"Accept": GEO})
    assert by_accept.headers["content-type"].startswith(GEO)
    assert by_accept.json() == shop.ok("GET", "/v1/roofs?limit=2&band=n78&format=geojson")
    found = by_accept.json()
    assert (found["type"], len(found["features"]), found["next"] is None) == ("FeatureCollection", 2, False)
    first = found["features"][0]
    assert (first["id"], first["geometry"]["coordinates"]) == ("st-1", [-94.21, 36.47])
    assert first["properties"]["mounts_free"] == 3 and first["properties"]["coverage"]["band"] == "n78"
    assert "application/json" in shop.call("GET", "/v1/roofs", headers={"Accept": "*/*"}).headers["content-type"]


def test_one_roof_comes_as_geojson_with_its_outline_and_mounts(shop: Api) -> None:
    found = shop.ok("GET", "/v1/sites/st-3/roof?format=geojson")
    assert [each["properties"]["part"] for each in found["features"]] == ["roof", "outline", "mount", "mount"]
    ring = shapely.from_geojson(json.dumps(found["features"][1]["geometry"])).exterior
    assert ring.is_ccw and ring.is_closed
    places = [shapely.from_geojson(json.dumps(each["geometry"])) for each in found["features"]]
    assert all(places[1].covers(each) for each in places)


def test_the_coverage_of_a_roof_has_figures_and_contours(shop: Api) -> None:
    found = shop.ok("GET", "/v1/roofs/st-2/coverage?band=n78&place=indoor_low")
    assert (found["site"], found["place"], found["population_revision"]) == ("st-2", "indoor_low", 1)
    assert any("13" in each or "UMi" in each for each in found["warnings"])
    assert found["people"] == shop.ok("GET", "/v1/roofs?band=n78&place=indoor_low")["items"][1]["coverage"]["people"]
    levels = [each["properties"] for each in found["geojson"]["features"]]
    assert len(levels) >= 3
    largest = shapely.from_geojson(json.dumps(found["geojson"]["features"][0]["geometry"]))
    assert largest.covers(shapely.Point(-94.21, 36.57))


def test_the_coverage_of_a_roof_comes_as_a_picture(shop: Api) -> None:
    picture = shop.call("GET", "/v1/roofs/st-2/coverage.png?band=n258")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["coverage", "coverage.png"])
def test_coverage_is_refused_where_it_can_not_be_told(shop: Api, form: str) -> None:
    for query, field in (("", "request"), ("?band=n99", "band"), ("?band=n78&scenario=UMa", "h_bs_m")):
        assert assert_problem(shop.call("GET", f"/v1/roofs/st-2/{form}{query}"), 422, "invalid")["field"] == field
    assert_problem(shop.call("GET", f"/v1/roofs/st-4/{form}?band=n78"), 404, "not-found")


def test_without_a_population_it_is_said_how_to_enter_one(api: Api) -> None:
    api.ok("PUT", "/v1/sites/wm-1/roof", roof())
    for asked in ("/v1/population", "/v1/roofs?band=n78", "/v1/roofs/wm-1/coverage?band=n78"):
        problem = assert_problem(api.call("GET", asked), 404, "no-population")
        assert "maillage roof population FILE" in problem["detail"]
    plan = {"by": {"catchment_km": 5}, "count": 1}
    assert_problem(api.call("POST", "/v1/roof-plans", plan), 404, "no-population")


def test_a_population_is_entered_plain_or_packed_and_shown(api: Api) -> None:
    assert enter_people(api, PEOPLE, name="plain.csv").json()["revision"] == 1
    packed = enter_people(api, gzip.compress(PEOPLE), name="packed.csv.gz").json()
    assert packed == api.ok("GET", "/v1/population")
    told = {name: packed[name] for name in ("name", "places", "people", "revision")}
    assert told == {"name": "packed.csv.gz", "places": 4, "people": 4_590, "revision": 2}
    assert api.ok("GET", "/v1/audit")["items"][-1]["action"] == "population.set"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there is no body"),
        (b"lat,lon\n1,2\n", "no population"),
        (b"lat,lon,population\n1,2,3\n1,2,-4\n", "line 3"),
        (b"lat,lon,population\n1,2,0\n", "nobody living anywhere"),
        (b"\x1f\x8b broken", "damaged"),
        (gzip.compress(PEOPLE)[:-9], "damaged"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_no_population_is_refused_and_the_former_stays(shop: Api, content: bytes, said: str) -> None:
    assert said in assert_problem(enter_people(shop, content), 400, "malformed")["detail"]
    assert shop.ok("GET", "/v1/population")["name"] == "mine.csv"


def test_a_population_is_csv_and_not_json(shop: Api) -> None:
    assert_problem(shop.call("PUT", "/v1/population", {}), 415, "wrong-type")


def test_a_plan_names_the_roofs_that_reach_most(shop: Api) -> None:
    found = shop.ok("POST", "/v1/roof-plans", {"by": {"catchment_km": 5}, "count": 2})
    assert [each["site"] for each in found["roofs"]] == ["st-3", "st-2"]
    assert [each["people"] for each in found["roofs"]] == [300_000, 200_000]
    assert (found["people"], found["population"], found["share"]) == (500_000, 1_000_000, 0.5)
    assert (found["candidates"], found["sites_without_roof"], found["cost"]) == (3, 1, None)
    assert found["proved"] is True and found["bound"] == 500_000


def test_tenants_look_and_plan_but_only_operators_change(api: Api) -> None:
    tenant, node = api.tenant("acme"), api.tenant("n1", "node")
    api.ok("PUT", "/v1/sites/wm-1/roof", roof())
    enter_people(api)
    for key in (tenant, node):
        assert_problem(api.call("PUT", "/v1/sites/wm-1/roof", roof(), key=key), 403, "not-allowed")
        assert_problem(api.call("DELETE", "/v1/sites/wm-1/roof", key=key), 403, "not-allowed")
        assert_problem(enter_people(api, key=key), 403, "not-allowed")
        assert sites(api.ok("GET", "/v1/roofs?band=n78", key=key)) == ["wm-1"]
        assert api.ok("GET", "/v1/roofs/wm-1", key=key)["mounts_free"] == 2
        assert api.ok("GET", "/v1/population", key=key)["people"] == 4_590
        assert api.ok("POST", "/v1/roof-plans", {"by": {"band": "n78"}, "count": 1}, key=key)["people"] > 0


def test_roofs_and_population_are_there_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        api.site("wm-1")
        entered = api.ok("PUT", "/v1/sites/wm-1/roof", roof())
        enter_people(api)
        before, key = api.ok("GET", "/v1/roofs?band=n78"), api.operator
    with opened(tmp_path) as api:
        api.operator = key
        assert api.ok("GET", "/v1/roofs/wm-1") == entered
        assert api.ok("GET", "/v1/roofs?band=n78") == before
        assert entered["changed_at"] == "2026-11-01T12:00:00Z" and api.clock.now() == NOW
