"""Series in CSV files: what is taken, and what is said of what is not."""

import gzip
import math
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, Malformed, Refusal
from maillage.services.sensing.warning.series import parse_time, read_table


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "series.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_times_with_a_zone_without_one_and_columns_in_any_order(tmp_path: Path) -> None:
    text = "note,Value , timestamp\nx,1.5,1970-01-01 00:01:00\ny,2,1970-01-01T01:02:00+01:00\n"
    table = read_table(written(tmp_path, text))
    assert table.at_s == [60.0, 120.0]
    assert table.columns == {"value": [1.5, 2.0]}
    assert table.stamps[0] == "1970-01-01 00:01:00"


def test_a_missing_value_is_kept_as_missing(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "timestamp,value\n2026-01-01,\n2026-01-02,NaN\n2026-01-03,null\n\n"))
    assert len(table.at_s) == 3
    assert all(math.isnan(value) for value in table.columns["value"])


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "series.csv.gz"
    path.write_bytes(gzip.compress(b"timestamp,value\n2026-01-01,1\n"))
    assert read_table(path).columns["value"] == [1.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "header: there is none"),
        ("\n1,2\n", "header: there is none"),
        ("a,b\n1,2\n", "line 1: header: the column timestamp is not among 'a, b'"),
        ("timestamp,temp\n2026-01-01,2\n", "the column value is not among"),
        ("timestamp,value,value\n2026-01-01,1,2\n", "value is there twice"),
        ("timestamp,value\n", "rows: there are none"),
        ("timestamp,value\n2026-01-01,1\n2026-01-02,warm\n", "line 3: value: 'warm' is no number"),
        ("timestamp,value\n2026-01-01,inf\n", "line 2: value: 'inf' is not finite"),
        ("timestamp,value\n2026-01-01,-1e999\n", "is not finite"),
        ("timestamp,value\nnoon,1\n", "line 2: timestamp: 'noon' is not a time"),
        ("timestamp,value\n2026-02-30,1\n", "line 2: timestamp: '2026-02-30' is not a time"),
        ("timestamp,value\n2026-01-01\n", "line 2: columns: there are 1 where 2 are needed"),
        ('timestamp,value\n2026-01-01,"1\n', "is not CSV"),
        (
            "timestamp,value\n2026-01-02,1\n2026-01-01,1\n",
            "1 of 2 rows are not later than those before them",
        ),
        ("timestamp,value\n2026-01-01,1\n2026-01-01,1\n", "in line 3; sort the file by time"),
        (b"timestamp,value\n\xff\xfe\x00\x01,1\n", "is not UTF-8"),
        (bytes(range(256)) * 20, "is not UTF-8"),
    ],
)
def test_what_cannot_be_a_series_is_refused_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_table(written(tmp_path, text))
    assert said in refused.value.detail
    assert "\n" not in refused.value.detail


def test_a_few_rows_out_of_order_are_taken_and_counted(tmp_path: Path) -> None:
    rows = [f"2026-01-{1 + row // 24:02}T{row % 24:02}:00:00Z,{row}" for row in range(200)]
    rows.insert(100, rows[50])
    assert read_table(written(tmp_path, "timestamp,value\n" + "\n".join(rows))).late == 1


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(Invalid, match="can't be opened"):
            read_table(path)
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"timestamp,value\n2026-01-01,1\n")
    with pytest.raises(Refusal):
        read_table(broken)


def test_a_time_without_a_zone_is_in_utc() -> None:
    assert parse_time("2014-01-01 00:00:00") == parse_time("2014-01-01T00:00:00Z") == 1_388_534_400
