"""Site files: good rows load, each bad row is rejected by itself, and only a file that is no site file fails whole."""

import gzip
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.site_files import Rejection, SiteForm, form_of, open_site_file, read_sites
from maillage.kernel.site_files.json_depth import DEPTH_MAX, DepthGuard
from maillage.kernel.sites import ATTRIBUTES_MAX, Site
from tests.shared_data import shared_file


def rows_of(content: bytes | str, form: SiteForm = "csv") -> list[Site | Rejection]:
    return list(read_sites(io.BytesIO(content.encode() if isinstance(content, str) else content), form))


def ids_of(outcomes: list[Site | Rejection]) -> list[str]:
    return [outcome.id for outcome in outcomes if isinstance(outcome, Site)]


def only_rejection(outcomes: list[Site | Rejection]) -> Rejection:
    (rejection,) = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
    return rejection


def csv_with(bad_row: str | bytes) -> bytes:
    """A file of three rows, on lines 2 to 4, with the row in question in the middle."""
    bad = bad_row.encode() if isinstance(bad_row, str) else bad_row
    return b"id,name,lat,lon,tz\na,Anvers,51.2,4.4,\n" + bad + b"\nz,Zwolle,52.5,6.1,\n"


def feature(ref: Any = "r1", lon: Any = 4.4, lat: Any = 51.2, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"ref": ref, **properties},
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
    }


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


# --- CSV: what a row becomes


def test_a_row_becomes_a_site_with_the_time_zone_of_its_place() -> None:
    assert rows_of("id,name,lat,lon\n1,Rogers,36.3313,-94.149024\n") == [
        Site(id="1", name="Rogers", lat=36.3313, lon=-94.149024, tz="America/Chicago")
    ]


def test_columns_come_in_any_order_and_case_after_a_byte_order_mark_and_with_windows_line_ends() -> None:
    content = b"\xef\xbb\xbfLon,LAT, Name ,ID,TZ,Country,Region\r\n4.4,51.2,Anvers,a,Europe/Brussels,be,VAN\r\n"
    assert rows_of(content) == [
        Site(id="a", name="Anvers", lat=51.2, lon=4.4, tz="Europe/Brussels", country="BE", region="VAN")
    ]


def test_other_columns_become_attributes_of_the_type_that_they_plainly_have() -> None:
    header = "id,name,lat,lon,Type,floor,height,clinic,zip,phone,note\n"
    (site,) = rows_of(header + "a,Anvers,51.2,4.4,Express,1200,-6.5,TRUE,01234,1e5,\n")
    assert isinstance(site, Site)
    assert site.attributes == {
        "type": "Express",
        "floor": 1200,
        "height": -6.5,
        "clinic": True,
        "zip": "01234",
        "phone": "1e5",
    }


def test_the_state_is_the_region_when_there_is_no_other_and_is_not_kept_twice() -> None:
    (site,) = rows_of("id,name,lat,lon,state\n1,Rogers,36.3,-94.1,AR\n")
    assert isinstance(site, Site)
    assert (site.region, site.attributes) == ("AR", {})


def test_beside_a_region_the_state_is_an_attribute() -> None:
    (site,) = rows_of("id,name,lat,lon,state,region\n1,Rogers,36.3,-94.1,AR,South\n")
    assert isinstance(site, Site)
    assert (site.region, site.attributes) == ("South", {"state": "AR"})


def test_a_store_without_a_name_goes_by_its_id() -> None:
    (site,) = rows_of("id,name,lat,lon\nst-9,,51.2,4.4\n")
    assert isinstance(site, Site)
    assert site.name == "st-9"


def test_blank_lines_are_skipped_and_still_counted() -> None:
    outcomes = rows_of("\r\nid,name,lat,lon\r\n\r\na,Anvers,51.2,4.4\r\n  \r\nb,Bad,x,4.4")
    assert ids_of(outcomes) == ["a"]
    assert only_rejection(outcomes).line == 6


def test_a_text_between_quotes_may_hold_commas_quotes_and_line_breaks() -> None:
    outcomes = rows_of('id,name,lat,lon\na,"The ""Big""\none, Anvers",51.2,4.4\nb,B,x,1\n')
    assert isinstance(outcomes[0], Site)
    assert outcomes[0].name == 'The "Big" one, Anvers'
    assert only_rejection(outcomes).line == 4


# --- CSV: what is rejected


@pytest.mark.parametrize("lat", ["91", "-90.01", "nan", "inf", "-inf", "1e999", "north", "", "51,2", "5_1.2", "٥١"])
def test_a_row_with_a_bad_latitude_is_rejected_with_its_line(lat: str) -> None:
    outcomes = rows_of(csv_with(f'b,Bad,"{lat}",4.4,'))
    assert ids_of(outcomes) == ["a", "z"]
    rejection = only_rejection(outcomes)
    assert (rejection.line, rejection.id) == (3, "b")
    assert rejection.reason.startswith("lat: ")


@pytest.mark.parametrize("lon", ["180.5", "-181", "NaN", "Infinity", "east", " "])
def test_a_row_with_a_bad_longitude_is_rejected_with_its_line(lon: str) -> None:
    outcomes = rows_of(csv_with(f"b,Bad,51.2,{lon},"))
    assert ids_of(outcomes) == ["a", "z"]
    assert only_rejection(outcomes).reason.startswith("lon: ")


@pytest.mark.parametrize(
    ("row", "site_id", "said"),
    [
        (",Nameless,51.2,4.4,", None, "id: is empty"),
        ("b.1/x,Dotted,51.2,4.4,", "b.1/x", "no dots or blanks"),
        ("b,Lost,51.2,4.4,Mars/Olympus", "b", "Mars/Olympus' is not an IANA time zone"),
        ("a,Again,51.2,4.4,", "a", "used before, at line 2"),
        ("b,Short,51.2", "b", "3 columns where the header has 5"),
        ("b,Antwerp, North,51.2,4.4,", "b", "6 columns where the header has 5"),
        ('b,"Big" Joe,51.2,4.4,', None, "a quote that is not closed, or closed within"),
        (f"b,{'x' * 201},51.2,4.4,", "b", "1 to 200 characters"),
        (f"b,{'x' * 200_000},51.2,4.4,", None, "longer than 131072 bytes"),
        (b"b,Li\xe8ge,51.2,4.4,", "b", "not UTF-8 at its byte 5 (0xe8)"),
        (b"b\xff,Anvers,51.2,4.4,", "b\\xff", "not UTF-8 at its byte 2"),
        ("b,Old Mac,51.2,4.4,\rc,Old Mac,51.2,4.4,", None, "lines end with LF or CR LF"),
    ],
)
def test_a_bad_row_is_rejected_by_itself(row: str | bytes, site_id: str | None, said: str) -> None:
    outcomes = rows_of(csv_with(row))
    assert ids_of(outcomes) == ["a", "z"]
    rejection = only_rejection(outcomes)
    assert (rejection.line, rejection.id) == (3, site_id)
    assert said in rejection.reason


@pytest.mark.parametrize("rows_after", [1, 3, 500])
def test_a_quote_that_is_never_closed_costs_its_own_row_only(rows_after: int) -> None:
    rows = "".join(f"z{n},Zwolle,52.5,6.1\n" for n in range(rows_after))
    outcomes = rows_of(f'id,name,lat,lon\na,Anvers,51.2,4.4\nb,"Bad,51.2,4.4\n{rows}')
    assert ids_of(outcomes) == ["a", *(f"z{n}" for n in range(rows_after))]
    assert only_rejection(outcomes).line == 3


def test_an_open_quote_that_meets_another_far_below_costs_no_row_between_them() -> None:
    outcomes = rows_of('id,name,lat,lon\nb,"Bad,51.2,4.4\nc,C,51,4\nd,"Dent, D",51,4\ne,E"\nf,F,51,4\n')
    assert ids_of(outcomes) == ["c", "d", "f"]
    assert [outcome.line for outcome in outcomes if isinstance(outcome, Rejection)] == [2, 5]


def test_a_rejected_row_leaves_its_id_to_a_later_good_one() -> None:
    outcomes = rows_of("id,name,lat,lon\na,Bad,999,4.4\na,Anvers,51.2,4.4\n")
    assert ids_of(outcomes) == ["a"]


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bytes_the_good_rows_around_them_load_or_the_bytes_are_quoted_text(noise: bytes) -> None:
    content = b"id,name,lat,lon\nfirst,First,51.2,4.4\n" + noise + b"\n" + b"last,Last,52.5,6.1\n" * 2
    outcomes = rows_of(content)
    assert ids_of(outcomes)[0] == "first"
    assert all(outcome.reason for outcome in outcomes if isinstance(outcome, Rejection))


# --- CSV: whole files


@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed, match="the file is empty"):
        rows_of(content)


def test_a_header_without_the_required_columns_is_malformed_and_says_what_it_has() -> None:
    with pytest.raises(Malformed, match=r"no lat, no lon; .* has: id, name, latitude, longitude"):
        rows_of("id,name,latitude,longitude\n1,Rogers,36.3,-94.1\n")


def test_a_header_that_names_a_column_twice_is_malformed() -> None:
    with pytest.raises(Malformed, match="names lat twice"):
        rows_of("id,name,lat,lon,Lat\n")


@pytest.mark.parametrize(
    "content",
    ["id,name,lat,lon".encode("utf-16"), gzip.compress(b"id,name,lat,lon"), b'"id,name'],
    ids=["UTF-16", "packed", "open quote"],
)
def test_a_header_that_is_no_text_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed, match="the header"):
        rows_of(content)


def test_a_header_alone_is_a_chain_without_stores() -> None:
    assert rows_of("id,name,lat,lon\n") == []


# --- GeoJSON: what a feature becomes


def test_a_feature_of_all_the_places_becomes_a_site() -> None:
    properties = {
        "name": "Rogers Supercenter",
        "brand": "Walmart",
        "@spider": "walmart_us",
        "addr:country": "US",
        "addr:state": "AR",
        "drive_through": False,
        "levels": 1,
        "height": 9.5,
        "image": None,
        "extra": {"a": 1},
        "tags": ["x"],
        "opening_hours": "x" * 300,
    }
    assert rows_of(collection(feature("1", -94.149, 36.331, **properties)), "geojson") == [
        Site(
            id="1",
            name="Rogers Supercenter",
            lat=36.331,
            lon=-94.149,
            tz="America/Chicago",
            country="US",
            region="AR",
            attributes={
                "brand": "Walmart",
                "@spider": "walmart_us",
                "drive_through": False,
                "levels": 1,
                "height": 9.5,
            },
        )
    ]


def test_a_ref_may_be_a_number_and_the_features_own_id_stands_in_for_it() -> None:
    unnumbered = {**feature(None), "id": "h4sh_-"}
    assert ids_of(rows_of(collection(feature(100), unnumbered), "geojson")) == ["100", "h4sh_-"]


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"branch": "North", "brand": "Acme"}, "North"),
        ({"name": " ", "brand": "Acme"}, "Acme"),
        ({"name": None}, "r1"),
    ],
)
def test_the_name_falls_back_to_branch_brand_and_id(properties: dict[str, Any], name: str) -> None:
    (site,) = rows_of(collection(feature(**properties)), "geojson")
    assert isinstance(site, Site)
    assert site.name == name


def test_of_too_many_properties_the_same_ones_are_kept_in_whatever_order_they_come() -> None:
    properties = {f"k{n:03d}": n for n in range(100)}
    backwards = dict(reversed(properties.items()))
    (site,) = rows_of(collection(feature(**properties)), "geojson")
    assert isinstance(site, Site)
    assert site.attributes == {f"k{n:03d}": n for n in range(ATTRIBUTES_MAX)}
    assert rows_of(collection(feature(**backwards)), "geojson") == [site]


def test_a_number_too_large_to_be_exact_is_left_out_and_not_the_store() -> None:
    (site,) = rows_of(collection(feature(big=1 << 60)), "geojson")
    assert isinstance(site, Site)
    assert site.attributes == {}


# --- GeoJSON: what is rejected


@pytest.mark.parametrize(
    ("bad", "site_id", "said"),
    [
        (feature("b.1"), "b.1", "no dots or blanks"),
        (feature(None), None, "ref: is missing"),
        (feature(True), None, "ref: is missing"),
        (feature("a"), "a", "used before, at feature 1"),
        (feature("b", lat="51.2"), "b", "are not two numbers"),
        (feature("b", lat=None), "b", "are not two numbers"),
        (feature("b", lat=True), "b", "are not two numbers"),
        (feature("b", lon=51.2, lat=-94.1), "b", "puts the longitude first"),
        (feature("b", lon=181), "b", "181.0 is not a longitude"),
        (feature("b", lat=1e300, lon=1e300), "b", "not a latitude"),
        ({**feature("b"), "geometry": None}, "b", "is null"),
        ({**feature("b"), "geometry": 7}, "b", "'7' is not a Point"),
        ({**feature("b"), "geometry": {"type": "Point"}}, "b", "are not two numbers"),
        ({**feature("b"), "geometry": {"type": "Polygon", "coordinates": [[[0, 0]]]}}, "b", "'Polygon' is not a Point"),
        ({**feature("b"), "properties": None}, None, "ref: is missing"),
        (feature("b", **{"addr:country": "Belgium"}), "b", "ISO 3166-1"),
        ({"type": "Point"}, None, "is not a GeoJSON Feature"),
        ([1, 2], None, "is not a GeoJSON Feature"),
        (None, None, "is not a GeoJSON Feature"),
    ],
)
def test_a_bad_feature_is_rejected_by_itself(bad: Any, site_id: str | None, said: str) -> None:
    outcomes = rows_of(collection(feature("a"), bad, feature("z")), "geojson")
    assert ids_of(outcomes) == ["a", "z"]
    rejection = only_rejection(outcomes)
    assert (rejection.line, rejection.id) == (2, site_id)
    assert said in rejection.reason


# --- GeoJSON: whole files


@pytest.mark.parametrize(
    "tail", [b"", b",", b',{"type": ', b"} garbage", b',"\xff"', b"," + b"9" * 5_000, b",1e999", b"," + b"[" * 100]
)
def test_json_that_breaks_midway_has_given_the_features_before(tail: bytes) -> None:
    content = collection(feature("a"), feature("b")).removesuffix(b"]}") + tail
    outcomes = read_sites(io.BytesIO(content), "geojson")
    good = []
    with pytest.raises(Malformed, match="breaks after feature"):
        for outcome in outcomes:
            good.append(outcome.id)
    assert good == (["a", "b"] if b"[[" not in tail else [])


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"7",
        b'{"type":"FeatureCollection","features":[]}',
        b'{"features":3}',
        json.dumps(feature()).encode(),
    ],
)
def test_json_without_features_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed, match="has no features"):
        rows_of(content, "geojson")


@pytest.mark.parametrize("content", [b"", b"id,name,lat,lon\n", b"\xff\xfe{"])
def test_what_is_no_json_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed, match="breaks after feature 0"):
        rows_of(content, "geojson")


def test_a_byte_order_mark_before_json_is_passed_over() -> None:
    assert ids_of(rows_of(b"\xef\xbb\xbf" + collection(feature("a")), "geojson")) == ["a"]


def test_a_megabyte_of_brackets_is_refused_before_it_takes_the_memory() -> None:
    with pytest.raises(Malformed, match="nested deeper"):
        rows_of(b'{"features":' + b"[" * 1_000_000, "geojson")


def test_one_feature_without_an_end_is_refused() -> None:
    with pytest.raises(Malformed, match="pass without another"):
        list(read_sites(made_up(b'{"features":[{"a":[', b'"' + b"x" * 100_000 + b'",', 400), "geojson"))


NESTED = st.recursive(
    st.text(alphabet='[]{}"\\ a', max_size=6) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner, max_size=3)
    ),
)


@given(NESTED, st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_brackets_within_strings_do_not_count_wherever_the_text_is_cut(value: Any, size: int) -> None:
    inner = json.dumps(value).encode()
    text = b"[" * (DEPTH_MAX - 20) + inner + b"]" * (DEPTH_MAX - 20)
    guard = DepthGuard()
    for start in range(0, len(text), size):
        guard.pass_over(text[start : start + size])
    guard.pass_over(b"[" * DEPTH_MAX)
    with pytest.raises(ValueError, match="nested deeper"):
        guard.pass_over(b"[")


# --- streams


class Rows(io.RawIOBase):
    """A file that is made up as it is read: a head, then the same piece many times. Counts what was read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        self.bytes_read += len(piece)
        return len(piece)


def pieces_of(head: bytes, piece: bytes, times: int) -> Iterator[bytes]:
    yield head
    for _ in range(times):
        yield piece


def made_up(head: bytes, piece: bytes, times: int) -> io.BufferedReader:
    return io.BufferedReader(Rows(pieces_of(head, piece, times)))


WIDE_CSV = (b"id,name,lat,lon,note\n", b"b,Bad,north,4.4," + b"x" * 100_000 + b"\n")
LONG_CSV = (b"id,name,lat,lon\n", b"y" * 100_000)
WIDE_JSON = (
    b'{"type":"FeatureCollection","features":[0',
    b',{"type":"Feature","properties":{"ref":"b","note":"' + b"x" * 100_000 + b'"},"geometry":null}',
)


@pytest.mark.parametrize(
    ("head", "piece", "times", "form", "end"),
    [(*WIDE_CSV, 300, "csv", b""), (*LONG_CSV, 5_000, "csv", b""), (*WIDE_JSON, 1_000, "geojson", b"]}")],
    ids=["30 MB of rows", "a line of 500 MB", "100 MB of features"],
)
def test_a_file_far_larger_than_two_megabytes_is_read_within_two(
    head: bytes, piece: bytes, times: int, form: SiteForm, end: bytes
) -> None:
    rows = Rows(iter([head, *[piece] * times, end]))
    tracemalloc.start()
    try:
        for _ in read_sites(io.BufferedReader(rows), form):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows.bytes_read == len(head) + len(piece) * times + len(end)
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("head", "piece", "form"), [(*WIDE_CSV, "csv"), (*WIDE_JSON, "geojson")], ids=["csv", "geojson"]
)
def test_reading_runs_ahead_of_the_rows_given_by_a_few_hundred_kilobytes_at_most(
    head: bytes, piece: bytes, form: SiteForm
) -> None:
    rows = Rows(pieces_of(head, piece, 3_000))
    outcomes = read_sites(io.BufferedReader(rows), form)
    assert rows.bytes_read == 0
    for count, _ in enumerate(outcomes, start=1):
        assert rows.bytes_read <= count * len(piece) + 300_000
        if count == 100:
            break


def test_the_same_file_read_twice_gives_equal_sites() -> None:
    path = shared_file("data/sites/walmart_us_2018.csv")
    readings = []
    for _ in range(2):
        with open_site_file(path) as stream:
            readings.append(list(read_sites(stream, form_of(path.name))))
    assert readings[0] == readings[1]
    assert len(readings[0]) == 4_654
    assert all(isinstance(site, Site) for site in readings[0])


# --- names and packed files


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("stores.csv", "csv"),
        ("STORES.CSV.GZ", "csv"),
        ("a.b.geojson", "geojson"),
        ("stores.json", "geojson"),
        ("stores.geojson.gz", "geojson"),
        ("/data/v1.2/stores.json.gz", "geojson"),
    ],
)
def test_the_name_tells_the_form(name: str, form: str) -> None:
    assert form_of(name) == form


@pytest.mark.parametrize("name", ["stores.xlsx", "stores", "stores.gz", "csv", ".csv.zip", ""])
def test_another_name_is_refused_with_those_that_would_work(name: str) -> None:
    with pytest.raises(Invalid, match=r"\.csv, \.geojson or \.json"):
        form_of(name)


@pytest.mark.parametrize("form", ["csv", "geojson"])
def test_a_packed_file_reads_like_the_plain_one(tmp_path: Path, form: SiteForm) -> None:
    content = csv_with("b,B,51,4,") if form == "csv" else collection(feature("a"), feature("b"))
    path = tmp_path / f"stores.{form}.gz"
    path.write_bytes(gzip.compress(content))
    with open_site_file(path) as stream:
        assert list(read_sites(stream, form)) == rows_of(content, form)


@pytest.mark.parametrize("damage", ["cut", "flipped", "plain"])
def test_a_damaged_packed_file_is_malformed(tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(b"id,name,lat,lon\n" + b"a,Anvers,51.2,4.4\n" * 1_000))
    if damage == "cut":
        del packed[-20:]
    elif damage == "flipped":
        packed[len(packed) // 2] ^= 0xFF
    else:
        packed = bytearray(b"id,name,lat,lon\n")
    path = tmp_path / "stores.csv.gz"
    path.write_bytes(packed)
    with open_site_file(path) as stream, pytest.raises(Malformed, match="damaged or was cut short"):
        list(read_sites(stream, "csv"))


def test_a_file_that_is_not_there_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"nowhere\.csv can't be opened"):
        open_site_file(tmp_path / "nowhere.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(Invalid, match=r"folder\.csv can't be opened"):
        open_site_file(tmp_path / "folder.csv")
