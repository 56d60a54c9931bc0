"""The roll of one file: rows enter it as sites, once per id."""

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.sites import Site, check_position, checked_site, zone_at


class Rejection(msgspec.Struct, frozen=True):
    """A row that is no site: ``line`` is its line in a CSV file, its number among the features in GeoJSON, from 1."""

    line: int
    id: str | None
    reason: str


class Roll:
    """The ids that a file has used so far, and where; ``place`` is what it counts: lines or features."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._line_of: dict[str, int] = {}

    def enter(self, site: Site, line: int) -> Site:
        """The site, checked, with the zone of its place where it has none; Invalid, also for an id used before."""
        if not site.tz:
            check_position(site.lat, site.lon)  # borders can only be looked up for a place on earth
            site = msgspec.structs.replace(site, tz=zone_at(site.lat, site.lon))
        checked_site(site)
        before = self._line_of.setdefault(site.id, line)
        if before != line:
            raise Invalid("id", f"{site.id!r} is used before, at {self._place} {before}; each store needs its own")
        return site
