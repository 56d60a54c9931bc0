"""Stations from a site file: one on the roof of each store."""

from collections.abc import Sequence
from pathlib import Path

from maillage.kernel.errors import Invalid
from maillage.kernel.site_files import Rejection, form_of, open_site_file, read_sites
from maillage.kernel.sites import Site
from maillage.services.roof.coverage.station import Station

HEIGHT_ATTRIBUTE = "roof_height_m"
"""A site's attribute with the height of its antennas above the ground."""


def read_stations(
    path: Path, height_m: float | None, azimuths_deg: Sequence[float] = (), tilt_deg: float | None = None
) -> list[Station]:
    """A station for each site of the file, at the height of its HEIGHT_ATTRIBUTE, or else at ``height_m``.

    Invalid for a row that is no site (a store left out unseen would be a wrong answer), for a site without a height,
    and for a file without sites.
    """
    form = form_of(path.name)
    stations = []
    with open_site_file(path) as stream:
        for row in read_sites(stream, form):
            if isinstance(row, Rejection):
                place = "line" if form == "csv" else "feature"
                raise Invalid("file", f"{place} {row.line} is no site: {row.reason}", line=row.line)
            stations.append(
                Station(
                    id=row.id,
                    lat=row.lat,
                    lon=row.lon,
                    height_m=_height_m(row, height_m),
                    azimuths_deg=tuple(azimuths_deg),
                    tilt_deg=tilt_deg,
                )
            )
    if not stations:
        raise Invalid("file", f"{path.name} has no sites")
    return stations


def _height_m(site: Site, otherwise_m: float | None) -> float:
    height = site.attributes.get(HEIGHT_ATTRIBUTE, otherwise_m)
    if height is None:
        raise Invalid("height", f"site {site.id} has no {HEIGHT_ATTRIBUTE}; give a height for those without")
    if isinstance(height, bool) or not isinstance(height, int | float):
        raise Invalid(HEIGHT_ATTRIBUTE, f"of site {site.id} is {height!r} and not a number of metres")
    return float(height)
