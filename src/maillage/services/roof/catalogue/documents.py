"""Roofs as they come in and go out."""

import math
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from maillage.kernel.documents import Quantity
from maillage.kernel.geo import EARTH_RADIUS_KM
from maillage.kernel.sites import Site
from maillage.kernel.times import format_time
from maillage.services.roof.catalogue.checks import MOUNTS_MAX, OUTLINE_MAX, TEXT_MAX
from maillage.services.roof.catalogue.model import Mount, Roof
from maillage.services.roof.catalogue.stock import Stock

Point = tuple[float, float]
LongText = Annotated[str, Meta(max_length=TEXT_MAX)]
_M_PER_DEGREE = math.radians(1) * EARTH_RADIUS_KM * 1_000


class NewRoof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A roof to enter or to replace. Heights are metres above the ground, ``neighbours_m`` that of the tallest thing
    within a mile; the ``outline`` is in metres east and north of the site's position; ``asking_rent`` is for a mount
    and month. The site's pool of roof_mount gets as many as there are mounts; ``power_kw``, ``load_kg`` and
    ``fibre_pairs`` are what its pools of roof_power, roof_load and fibre_pair get, each left as it is where that is not
    said."""

    height_m: float
    mounts: Annotated[tuple[Mount, ...], Meta(max_length=MOUNTS_MAX)]
    neighbours_m: float | None = None
    outline: Annotated[tuple[Point, ...], Meta(max_length=OUTLINE_MAX + 1)] = ()
    asking_rent: Quantity | None = None
    equipment_room_m2: float | None = None
    access: LongText = ""
    warranty: LongText = ""
    power_kw: Quantity | None = None
    load_kg: Quantity | None = None
    fibre_pairs: Annotated[int, Meta(ge=0)] | None = None


class MountDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A mount and where on earth it is. ``free``: no roof lease holds it."""

    id: str
    x_m: float
    y_m: float
    lat: float
    lon: float
    radiation_centre_m: float
    azimuth_deg: float | None
    antenna_height_max_m: float | None
    antenna_weight_max_kg: float | None
    wind_area_max_m2: float | None
    free: bool


class StockDocument(msgspec.Struct, frozen=True):
    """``size`` is there in all now; ``free`` of it nobody leased for any part of the next three months."""

    size: float
    free: float


class CoverageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a roof would reach with the band's own antennas on it. ``cell_km`` is how far the band's link budget reaches
    at the probability; ``people`` and ``km2`` are those reached, by areal interpolation of the population."""

    band: str
    scenario: str
    place: str
    probability: float
    cell_km: float
    people: int
    km2: float


class CoverageDocument(CoverageSummary, frozen=True, kw_only=True):
    """The same with ``geojson``: for some probabilities, the land on which the chance of a signal is at least that.
    ``people_by_tract`` has all people of a tract at its point, which is coarser the larger the tracts are beside the
    cell. ``ends_at_model``: the path loss model ends at ``cell_km``, so the cell is as large as that or larger.
    ``warnings`` are what a reader of the figures must know."""

    site: str
    height_m: float
    people_by_tract: int
    population_revision: int
    ends_at_model: bool
    warnings: list[str]
    geojson: dict[str, Any]


class ListedRoof(msgspec.Struct, frozen=True, kw_only=True):
    """A roof as lists have it. ``mounts_free`` is the least of the mounts that no roof lease holds and of what the pool
    of roof_mount has left; ``distance_km`` is there when the list was asked for near a place, ``coverage`` when it was
    asked for a band. ``asking_rent`` is for a mount and month in ``currency``."""

    site: str
    name: str
    lat: float
    lon: float
    country: str
    region: str
    height_m: float
    radiation_centre_m: float
    neighbours_m: float | None
    above_neighbours_m: float | None
    mounts: list[MountDocument]
    mounts_free: int
    power_kw: StockDocument
    load_kg: StockDocument
    fibre_pairs: StockDocument
    asking_rent: str | None
    currency: str
    distance_km: float | None = None
    coverage: CoverageSummary | None = None


class RoofDocument(ListedRoof, frozen=True, kw_only=True):
    """A roof with all that is known of it; ``outline`` in metres east and north of the site's position."""

    outline: list[Point]
    equipment_room_m2: float | None
    access: str
    warranty: str
    changed_at: str
    revision: int


class RoofPage(msgspec.Struct, frozen=True):
    """A page of roofs, and from where to go on."""

    items: list[ListedRoof]
    next: str | None


class PopulationDocument(msgspec.Struct, frozen=True):
    """Where people live, as it was entered; what lies in island areas of the United States may have been left out."""

    name: str
    places: int
    people: int
    entered_at: str
    revision: int


def listed_roof(roof: Roof, site: Site, stock: Stock, currency: str, distance_km: float | None = None) -> ListedRoof:
    """As lists have it."""
    return ListedRoof(
        site=roof.site,
        name=site.name,
        lat=site.lat,
        lon=site.lon,
        country=site.country,
        region=site.region,
        height_m=roof.height_m,
        radiation_centre_m=roof.radiation_centre_m,
        neighbours_m=roof.neighbours_m,
        above_neighbours_m=None if roof.above_neighbours_m is None else round(roof.above_neighbours_m, 3),
        mounts=[_mount(mount, site, mount.id not in stock.held) for mount in roof.mounts],
        mounts_free=stock.mounts_free,
        power_kw=StockDocument(*stock.power_kw),
        load_kg=StockDocument(*stock.load_kg),
        fibre_pairs=StockDocument(*stock.fibre_pairs),
        asking_rent=roof.asking_rent,
        currency=currency,
        distance_km=distance_km,
    )


def roof_document(roof: Roof, listed: ListedRoof) -> RoofDocument:
    """With all that is known of it."""
    return RoofDocument(
        **{name: getattr(listed, name) for name in ListedRoof.__struct_fields__},
        outline=list(roof.outline),
        equipment_room_m2=roof.equipment_room_m2,
        access=roof.access,
        warranty=roof.warranty,
        changed_at=format_time(roof.changed_at),
        revision=roof.revision,
    )


def place_of(site: Site, x_m: float, y_m: float) -> Point:
    """Latitude and longitude, in degrees, of metres east and north of a site; for the size of a roof."""
    lat = site.lat + y_m / _M_PER_DEGREE
    lon = site.lon + x_m / (_M_PER_DEGREE * max(math.cos(math.radians(site.lat)), 1e-6))
    return round(min(max(lat, -90.0), 90.0), 7), round((lon + 180.0) % 360.0 - 180.0, 7)


def _mount(mount: Mount, site: Site, free: bool) -> MountDocument:
    lat, lon = place_of(site, mount.x_m, mount.y_m)
    return MountDocument(**msgspec.structs.asdict(mount), lat=lat, lon=lon, free=free)
