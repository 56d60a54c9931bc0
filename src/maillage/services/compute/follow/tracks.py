"""Tracks of devices from a file: where each was, and when."""

import csv
import io
import re
from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP, open_data_file
from maillage.kernel.sites import check_position
from maillage.services.compute.follow.sessions import check_device, check_instant

REQUIRED = ("track_id", "t", "lat", "lon")
_INTEGER = re.compile(r"\d{1,15}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


class Track(msgspec.Struct):
    """One device's points in order of time: ``t`` in seconds UTC, ``lat`` and ``lon`` in degrees, of one length."""

    id: str
    t: "array[int]"
    lat: "array[float]"
    lon: "array[float]"


def read_tracks(path: Path, silence_s: int) -> list[Track]:
    """The tracks in a CSV file, plain or packed with gzip: columns ``track_id,t,lat,lon``; others are not looked at.

    Tracks may alternate, but within one the time grows from row to row. Malformed, naming the line, for a row that
    can't be read; and where no track has two points within ``silence_s`` of each other, for then nothing is known to
    move. Invalid where the file can't be opened.
    """
    tracks: dict[str, Track] = {}
    with open_data_file(path) as stream:
        for track_id, t, lat, lon in _rows(io.TextIOWrapper(stream, "utf-8-sig", newline="")):
            track = tracks.get(track_id)
            if track is None:
                track = tracks[track_id] = Track(track_id, array("q"), array("d"), array("d"))
            track.t.append(t)
            track.lat.append(lat)
            track.lon.append(lon)
    if not any(b - a <= silence_s for track in tracks.values() for a, b in pairwise(track.t)):
        raise Malformed(f"{path.name} has no track with two points within {silence_s} s of each other: nothing moves")
    return list(tracks.values())


def _rows(text: io.TextIOWrapper) -> Iterator[tuple[str, int, float, float]]:
    reader = csv.reader(text, strict=True)
    last_t: dict[str, int] = {}
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in REQUIRED if name not in names]:
            raise Malformed(
                f"the header has no {', no '.join(missing)}; it needs track_id, t, lat and lon, and has: "
                f"{', '.join(names)[:200] or 'nothing'}"
            )
        columns = [names.index(name) for name in REQUIRED]
        for fields in reader:
            if len(fields) <= 1 and not "".join(fields).strip():
                continue
            if len(fields) != len(names):
                raise Invalid("columns", f"there are {len(fields)} where the header has {len(names)}")
            track_id, t_text, lat_text, lon_text = (fields[column].strip() for column in columns)
            check_device(track_id)
            t = _instant(t_text)
            if t <= last_t.get(track_id, -1):
                raise Invalid("t", f"{t} is not after {last_t[track_id]}, the instant before in {track_id}; sort by t")
            last_t[track_id] = t
            lat, lon = _degrees(lat_text, "lat"), _degrees(lon_text, "lon")
            check_position(lat, lon)
            yield track_id, t, lat, lon
    except Invalid as invalid:
        raise Malformed(f"line {reader.line_num}: {invalid.detail}", line=reader.line_num) from None
    except UnicodeDecodeError:
        raise Malformed(f"after line {reader.line_num} the file is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise Malformed(f"line {reader.line_num} is not CSV: {error}", line=reader.line_num) from None
    except BROKEN_GZIP as error:
        raise Malformed(f"the packed file is damaged or was cut short ({error}); pack it again") from None


def _instant(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Invalid("t", f"{text[:40]!r} is not a number of seconds since 1970 UTC, such as 1211018412")
    t = int(text)
    check_instant(t)
    return t


def _degrees(text: str, field: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r} is not a number")
    return float(text)
