"""Where people live: points with the number of people around each, such as the centres of census tracts."""

import csv
import io
import re
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP, open_data_file
from maillage.kernel.geo import FloatArray
from maillage.kernel.sites import check_position

REQUIRED = ("lat", "lon", "population")
TERRITORIES = ("60", "66", "69", "72", "74", "78")
"""First digits of a geoid in American Samoa, Guam, the Northern Marianas, Puerto Rico, the Minor Outlying Islands and
the US Virgin Islands (FIPS 5-2). The Census Bureau's national figures count the 50 states and the District of Columbia.
"""
PEOPLE_MAX = 10_000_000_000
"""At one point; more than there are on earth."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


class Population(msgspec.Struct, frozen=True):
    """Points in degrees with their people, three arrays of one length; and what was left out of them."""

    lat: FloatArray
    lon: FloatArray
    people: FloatArray
    places_left_out: int
    people_left_out: int


def read_population(path: Path, include_territories: bool = False) -> Population:
    """The population in a CSV file, plain or packed with gzip: columns ``lat,lon,population``, optional ``geoid``.

    Rows whose geoid lies in one of the TERRITORIES are left out, and counted, unless ``include_territories``.
    Malformed, naming the line, for a row that can't be read; and when nobody lives anywhere.
    """
    lat, lon, people = array("d"), array("d"), array("d")
    places_left_out, people_left_out = 0, 0.0
    geoid_lengths: set[int] = set()
    with open_data_file(path) as stream:
        for point_lat, point_lon, count, geoid in _rows(io.TextIOWrapper(stream, "utf-8-sig", newline="")):
            if geoid.isdigit():
                geoid_lengths.add(len(geoid))
            if geoid.startswith(TERRITORIES) and not include_territories:
                places_left_out += 1
                people_left_out += count
                continue
            lat.append(point_lat)
            lon.append(point_lon)
            people.append(count)
    if len(geoid_lengths) > 1 and not include_territories:
        # 06001400100 in California, once read as a number, begins like American Samoa.
        lengths = " and of ".join(map(str, sorted(geoid_lengths)))
        raise Malformed(f"{path.name} has geoids of {lengths} digits; save them as text, with their leading zeros")
    if not any(people):
        raise Malformed(f"{path.name} has nobody living anywhere; its column population needs numbers above 0")
    return Population(
        np.frombuffer(lat), np.frombuffer(lon), np.frombuffer(people), places_left_out, round(people_left_out)
    )


def _rows(text: io.TextIOWrapper) -> Iterator[tuple[float, float, float, str]]:
    """Latitude, longitude, people and geoid (empty where there is none) of each row."""
    reader = csv.reader(text, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in REQUIRED if name not in names]:
            raise Malformed(
                f"the header has no {', no '.join(missing)}; it needs lat, lon and population, and has: "
                f"{', '.join(names)[:200] or 'nothing'}"
            )
        columns = [names.index(name) for name in REQUIRED]
        geoid = names.index("geoid") if "geoid" in names else None
        for fields in reader:
            if len(fields) <= 1 and not "".join(fields).strip():
                continue
            if len(fields) != len(names):
                raise Invalid("columns", f"there are {len(fields)} where the header has {len(names)}")
            lat, lon, people = (_number(fields[column], names[column]) for column in columns)
            check_position(lat, lon)
            if not 0 <= people <= PEOPLE_MAX:
                raise Invalid("population", f"{people:g} is no number of people; it goes from 0 to {PEOPLE_MAX:,}")
            # Some files of the Census Bureau write 1400000US01001020100: what stands before US is the level.
            yield lat, lon, people, "" if geoid is None else fields[geoid].strip().rpartition("US")[2]
    except Invalid as invalid:
        raise Malformed(f"line {reader.line_num}: {invalid.detail}", line=reader.line_num) from None
    except UnicodeDecodeError:
        raise Malformed(f"after line {reader.line_num} the file is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise Malformed(f"line {reader.line_num} is not CSV: {error}", line=reader.line_num) from None
    except BROKEN_GZIP as error:
        raise Malformed(f"the packed file is damaged or was cut short ({error}); pack it again") from None


def _number(text: str, field: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r} is not a number")
    return float(text)
