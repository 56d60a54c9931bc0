"""Site files: the stores of a chain as CSV or GeoJSON, read as a stream, each row a site or a rejection.

What a file costs in memory is the row at hand and the ids seen so far, whatever its size.
"""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP, open_data_file
from maillage.kernel.site_files.csv_rows import read_csv
from maillage.kernel.site_files.geojson_rows import read_geojson
from maillage.kernel.site_files.roll import Rejection
from maillage.kernel.sites import Site

__all__ = ["Rejection", "SiteForm", "form_of", "open_site_file", "read_sites"]

SiteForm = Literal["csv", "geojson"]


def form_of(filename: str) -> SiteForm:
    """The form that a file's name promises, with or without .gz; Invalid for any other name."""
    path = PurePath(filename.lower())
    suffix = PurePath(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".csv":
        return "csv"
    if suffix in (".geojson", ".json"):
        return "geojson"
    raise Invalid(
        "file", f"{filename[-80:]} is no site file; the name ends in .csv, .geojson or .json, or one of these and .gz"
    )


def open_site_file(path: Path) -> BinaryIO:
    """The bytes of a site file, unpacked when it ends in .gz; Invalid for a wrong name or no such file."""
    form_of(path.name)
    return open_data_file(path)


def read_sites(stream: BinaryIO, form: SiteForm) -> Iterator[Site | Rejection]:
    """Every row of a site file in its order, as a checked site or as the reason why it is none.

    Lazy: nothing is read before the first row is asked for. Malformed when the file as a whole can't be read;
    the rows before the fault have been given by then.
    """
    try:
        yield from read_csv(stream) if form == "csv" else read_geojson(stream)
    except BROKEN_GZIP as error:
        raise Malformed(f"the packed file is damaged or was cut short ({error}); pack it again") from None
