"""Track files: points by device, and faults that name their line."""

import gzip
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.compute.follow.tracks import Track, read_tracks


def tracks_of(folder: Path, content: str | bytes, name: str = "tracks.csv") -> list[Track]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_tracks(path, 600)


def test_tracks_may_alternate_and_further_columns_are_not_looked_at(tmp_path: Path) -> None:
    first, second = tracks_of(
        tmp_path, "\ufefft,LON,lat,track_id,occupied\r\n10,4.4,51.2,a,0\r\n5,6.1,52.5,b,?\r\n\r\n70,4.5,51.3,a,1\r\n"
    )
    assert (first.id, list(first.t), list(first.lat), list(first.lon)) == ("a", [10, 70], [51.2, 51.3], [4.4, 4.5])
    assert (second.id, list(second.t)) == ("b", [5])


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(b"track_id,t,lat,lon\na,1,0,0\na,2,0,0\n")
    assert len(tracks_of(tmp_path, packed, "tracks.csv.gz")) == 1
    with pytest.raises(Malformed, match="cut short"):
        tracks_of(tmp_path, packed[:-9], "tracks.csv.gz")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no track_id, no t, no lat, no lon"),
        ("track_id,t,lat\n", "no lon"),
        ("track_id,t,lat,lon\na,1,0\n", "line 2: columns"),
        ("track_id,t,lat,lon\na,1.5,0,0\n", "line 2: t: '1.5'"),
        ("track_id,t,lat,lon\na,2008-05-17,0,0\n", "line 2: t:"),
        ("track_id,t,lat,lon\na,999999999999,0,0\n", "line 2: t:"),
        ("track_id,t,lat,lon\na,1,91,0\n", "line 2: lat:"),
        ("track_id,t,lat,lon\na,1,0,nan\n", "line 2: lon: 'nan'"),
        ("track_id,t,lat,lon\na b,1,0,0\n", "line 2: device:"),
        ("track_id,t,lat,lon\na,2,0,0\nb,1,0,0\na,2,0,0\n", "line 4: t: 2 is not after 2"),
        ('track_id,t,lat,lon\n"a,1,0,0\n', "is not CSV"),
        (b"track_id,t,lat,lon\n\xff,1,0,0\n", "not UTF-8"),
        ("track_id,t,lat,lon\n", "nothing moves"),
        ("track_id,t,lat,lon\na,1,0,0\na,602,0,0\n", "nothing moves"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        tracks_of(tmp_path, content)
    assert said in refused.value.detail


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        read_tracks(tmp_path / "none.csv", 600)
