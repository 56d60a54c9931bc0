"""The stores: list, nearest, one, change, import."""

import asyncio
import io
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain, parse_place
from maillage.kernel.documents import SiteDocument
from maillage.kernel.errors import Invalid
from maillage.kernel.latency import RoundTrip
from maillage.kernel.office import Office
from maillage.kernel.site_files import Rejection, read_sites
from maillage.kernel.sites import Site, checked_site, zone_at

SITES_A_COMMIT = 2_000
REJECTIONS_SHOWN = 1_000


class ListedSite(msgspec.Struct, frozen=True, omit_defaults=True):
    """A site; distance and round trip are there when the list was asked for near a place."""

    id: str
    name: str
    lat: float
    lon: float
    tz: str
    country: str
    region: str
    attributes: dict[str, str | int | float | bool]
    distance_km: float | None = None
    round_trip: RoundTrip | None = None


class Sites(msgspec.Struct, frozen=True):
    """A page of sites."""

    items: list[ListedSite]
    next: str | None


class ImportReport(msgspec.Struct, frozen=True):
    """``imported`` sites are new or changed, ``unchanged`` were known as they are; the first rejections in full."""

    imported: int
    unchanged: int
    rejected: int
    rejections: list[Rejection]


@get("/v1/sites", summary="Sites, all or the nearest to a place")
async def list_sites(
    chain: TheChain,
    near: Annotated[str | None, QueryParameter(max_length=64, description="LAT,LON: nearest first")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Sites:
    if near is None:
        some = await chain.office.list_sites(cursor, limit)
        return Sites([_listed(site) for site in some.items], some.next)
    if cursor is not None:
        raise Invalid("cursor", "goes with the list of all sites; near a place ask for a larger limit")
    found = chain.office.nearest_sites(*parse_place(near, "near"), limit)
    return Sites([_listed(match.site, match.distance_km, match.round_trip) for match in found], None)


@get("/v1/sites/{site:str}", summary="One site")
async def get_site(site: FromPath[str], chain: TheChain) -> ListedSite:
    return _listed(await chain.office.get_site(site))


@put("/v1/sites/{site:str}", summary="Enter or change a site")
async def put_site(
    site: FromPath[str],
    data: JSONBody[SiteDocument],
    chain: TheChain,
    principal: Caller,
) -> ListedSite:
    principal.require_operator()
    tz = zone_at(data.lat, data.lon) if data.tz is msgspec.UNSET else data.tz
    wanted = Site(site, data.name, data.lat, data.lon, tz, data.country, data.region, data.attributes)
    if await chain.office.set_site(checked_site(wanted)):
        await chain.audit.done(principal, "site.set", site)
    return _listed(wanted)


@post("/v1/sites/import", summary="Import a site file (text/csv or application/geo+json)", status_code=200)
async def import_sites(request: Request[Any, Any, Any], chain: TheChain, principal: Caller) -> ImportReport:
    principal.require_operator()
    csv = request.headers.get("content-type", "text/csv").lower().startswith("text/csv")
    form: Literal["csv", "geojson"] = "csv" if csv else "geojson"
    report = await import_stream(chain.office, read_sites(io.BytesIO(await request.body()), form))
    told = f"{report.imported} new or changed, {report.unchanged} unchanged, {report.rejected} rejected"
    await chain.audit.done(principal, "site.import", "", told)
    return report


async def import_stream(office: Office, rows: Iterator[Site | Rejection]) -> ImportReport:
    """Enter sites as they are read, some thousand a commit; rejected rows don't stop the others.

    Reading is done beside the event loop, so that leases go on being granted meanwhile.
    """
    imported = unchanged = rejected = 0
    rejections: list[Rejection] = []
    while chunk := await asyncio.to_thread(lambda: list(islice(rows, SITES_A_COMMIT))):
        good = [row for row in chunk if isinstance(row, Site)]
        bad = [row for row in chunk if isinstance(row, Rejection)]
        changed = await office.set_sites(good)
        imported += changed
        unchanged += len(good) - changed
        rejected += len(bad)
        rejections += bad[: REJECTIONS_SHOWN - len(rejections)]
    return ImportReport(imported, unchanged, rejected, rejections)


def _listed(site: Site, distance_km: float | None = None, round_trip: RoundTrip | None = None) -> ListedSite:
    return ListedSite(
        site.id,
        site.name,
        site.lat,
        site.lon,
        site.tz,
        site.country,
        site.region,
        site.attributes,
        distance_km,
        round_trip,
    )


HANDLERS = [list_sites, get_site, put_site, import_sites]
