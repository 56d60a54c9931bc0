"""A siting problem from a file, whose content says what it is: its name is not looked at."""

import gzip
import io
from pathlib import Path

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP
from maillage.services.roof.siting.instances.distances import COLUMNS, read_distances
from maillage.services.roof.siting.instances.model import Instance
from maillage.services.roof.siting.instances.pmed import read_pmed
from maillage.services.roof.siting.instances.sites_and_people import read_sites_and_people
from maillage.services.roof.siting.instances.sjc import read_points

BYTES_MAX = 64 * 2**20
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


def read_instance(path: Path, population: Path | None = None, cost_attribute: str | None = None) -> Instance:
    """Read a graph, points, a table of distances, or sites in CSV or GeoJSON; each may be packed with gzip.

    ``population`` and ``cost_attribute`` are for sites, and Invalid with anything else.
    """
    content = _content(path)
    lines = content.decode("utf-8", "replace").splitlines()
    form = _form_of(lines)
    if form in ("csv", "geojson"):
        return read_sites_and_people(content, "csv" if form == "csv" else "geojson", population, cost_attribute)
    for name, given in (("population", population), ("cost_attribute", cost_attribute)):
        if given is not None:
            raise Invalid(name, f"is for sites; {path.name} has demands of its own and no costs")
    # What is of none of these forms is told apart by its first line, and by nothing after it.
    return {"pmed": read_pmed, "points": read_points, "distances": read_distances}[form](lines)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Invalid("file", f"{path} can't be opened: {error.strerror or error}") from None
    if content.startswith(_GZIP):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(BYTES_MAX + 1)
        except BROKEN_GZIP as error:
            raise Malformed(f"the packed file is damaged or was cut short ({error}); pack it again") from None
    if len(content) > BYTES_MAX:
        raise Invalid("file", f"{path} has more than {BYTES_MAX:,} bytes")
    return content.removeprefix(_BOM)


def _form_of(lines: list[str]) -> str:
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        return "geojson"
    words = first.split()
    if words and words[0].isascii() and words[0].isdigit() and lines[0] == first:
        rows = sum(1 for line in lines[1:] if line.strip())
        graph = len(words) == 3 and all(word.isdigit() for word in words) and not rows == int(words[0]) != int(words[1])
        return "pmed" if graph else "points"
    names = [name.strip().strip('"').lower() for name in first.split(",")]
    if set(COLUMNS) <= set(names):
        return "distances"
    if {"id", "lat", "lon"} & set(names):
        return "csv"
    raise Malformed(
        f"the first line, {first.strip()[:60]!r}, begins no graph (n edges p), no points (n ...), no table with"
        " distance, name, DestinationName and demand, and no sites (id,name,lat,lon, or GeoJSON)"
    )
