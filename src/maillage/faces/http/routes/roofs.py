"""Roofs: what the chain has to let, whom they would cover, and where people live."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain, parse_place
from maillage.kernel.errors import Invalid, Malformed
from maillage.services.roof.catalogue.documents import (
    CoverageDocument,
    NewRoof,
    PopulationDocument,
    RoofDocument,
    RoofPage,
)
from maillage.services.roof.catalogue.geojson import roof_geojson, roofs_geojson
from maillage.services.roof.catalogue.listing import RoofFilter
from maillage.services.roof.catalogue.look import BandWanted
from maillage.services.roof.radio.budget_documents import budget_document
from maillage.services.roof.radio.budgets import known_budgets
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import Place

GEOJSON = "application/geo+json"

Form = Annotated[
    Literal["json", "geojson"] | None,
    QueryParameter(name="format", description="or by Accept: application/geo+json; json unless said"),
]
Band = Annotated[str, QueryParameter(max_length=64, description="a link budget, such as n78")]
InPlace = Annotated[Place, QueryParameter(description="where those stand who are to be reached")]
Probability = Annotated[float, QueryParameter(ge=0.5, le=0.99, description="that the signal is enough, at a place")]
Model = Annotated[Scenario | None, QueryParameter(description="of TR 38.901; by the antenna's height unless said")]
AtLeast = Annotated[int, QueryParameter(ge=0, le=10_000)]


class BandDocuments(msgspec.Struct, frozen=True):
    """Link budgets, each as its file has it, with what follows from it."""

    items: list[dict[str, Any]]


@get("/v1/roofs", summary="Roofs, by their sites' ids or the nearest to a place, with what is free of them")
async def list_roofs(
    request: Request[Any, Any, Any],
    chain: TheChain,
    near: Annotated[str | None, QueryParameter(max_length=64, description="LAT,LON: nearest first")] = None,
    within_km: Annotated[float | None, QueryParameter(ge=0, le=20_100, description="of near")] = None,
    country: Annotated[str | None, QueryParameter(max_length=2)] = None,
    region: Annotated[str | None, QueryParameter(max_length=64)] = None,
    above_neighbours_m: Annotated[
        float | None, QueryParameter(ge=-1_000, le=1_000, description="the highest mount, at least")
    ] = None,
    unknown_heights: Annotated[
        bool, QueryParameter(description="also those whose neighbours nobody looked at")
    ] = False,
    power_kw: Annotated[float, QueryParameter(ge=0, le=1e6, description="free, at least")] = 0,
    fibre_pairs: AtLeast = 0,
    free_mounts: AtLeast = 0,
    band: Annotated[str | None, QueryParameter(max_length=64, description="a link budget: gives coverage")] = None,
    place: InPlace = "outdoor",
    probability: Probability = 0.9,
    scenario: Model = None,
    people: Annotated[int | None, QueryParameter(ge=0, le=10**10, description="reached in band, at least")] = None,
    form: Form = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Response[RoofPage]:
    if within_km is not None and near is None:
        raise Invalid("within_km", "goes with near: within so many kilometres of what?")
    if people is not None and band is None:
        raise Invalid("people", "goes with band: reached by what?")
    wanted = RoofFilter(
        near=None if near is None else parse_place(near, "near"),
        within_km=within_km,
        country=country,
        region=region,
        above_neighbours_m=above_neighbours_m,
        unknown_heights=unknown_heights,
        power_kw=power_kw,
        fibre_pairs=fibre_pairs,
        free_mounts=free_mounts,
    )
    in_band = None if band is None else BandWanted(band, place, probability, scenario)
    found = await chain.roofs.catalogue.some(wanted, in_band, people, cursor, limit)
    if _wants_geojson(request, form):
        return _geojson(roofs_geojson(found.items, found.next))
    return Response(found)


@get(["/v1/roofs/{site:str}", "/v1/sites/{site:str}/roof"], summary="One roof, with its outline and mounts")
async def get_roof(
    request: Request[Any, Any, Any], site: FromPath[str], chain: TheChain, form: Form = None
) -> Response[RoofDocument]:
    roof = await chain.roofs.catalogue.get(site)
    if _wants_geojson(request, form):
        return _geojson(roof_geojson(roof, await chain.office.get_site(site)))
    return Response(roof)


@put("/v1/sites/{site:str}/roof", summary="Enter or replace a site's roof, and offer its mounts")
async def put_roof(site: FromPath[str], data: JSONBody[NewRoof], chain: TheChain, principal: Caller) -> RoofDocument:
    principal.require_operator()
    document = await chain.roofs.catalogue.put(site, data)
    await chain.audit.done(principal, "roof.set", site, f"{len(document.mounts)} mounts, revision {document.revision}")
    return document


@delete("/v1/sites/{site:str}/roof", summary="Forget a site's roof, and offer its mounts no more")
async def drop_roof(site: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_operator()
    await chain.roofs.catalogue.drop(site)
    await chain.audit.done(principal, "roof.drop", site)


@get("/v1/roofs/{site:str}/coverage", summary="Whom and what a band would reach from a roof, with contours")
async def get_coverage(
    site: FromPath[str],
    chain: TheChain,
    band: Band,
    place: InPlace = "outdoor",
    probability: Probability = 0.9,
    scenario: Model = None,
) -> CoverageDocument:
    catalogue = chain.roofs.catalogue
    roof, where = await catalogue.find(site)
    return await catalogue.coverages.document(roof, where, BandWanted(band, place, probability, scenario))


@get("/v1/roofs/{site:str}/coverage.png", summary="The same as a map", media_type="image/png")
async def get_coverage_picture(
    site: FromPath[str],
    chain: TheChain,
    band: Band,
    place: InPlace = "outdoor",
    probability: Probability = 0.9,
    scenario: Model = None,
) -> Response[bytes]:
    catalogue = chain.roofs.catalogue
    roof, where = await catalogue.find(site)
    picture = await catalogue.coverages.picture(roof, where, BandWanted(band, place, probability, scenario))
    return Response(picture, media_type="image/png")


@get("/v1/bands", summary="The link budgets that coverage goes by", sync_to_thread=False)
def list_bands() -> BandDocuments:
    return BandDocuments([budget_document(each) for each in known_budgets().values()])


@get("/v1/population", summary="Where people live, as it was entered")
async def get_population(chain: TheChain) -> PopulationDocument:
    return await chain.roofs.catalogue.residents.about()


@put("/v1/population", summary="Enter where people live (text/csv, plain or gzip: lat,lon,population)")
async def put_population(
    request: Request[Any, Any, Any],
    chain: TheChain,
    principal: Caller,
    name: Annotated[str, QueryParameter(max_length=200, description="what it is called")] = "",
    territories: Annotated[bool, QueryParameter(description="count island areas of the US (by geoid) too")] = False,
) -> PopulationDocument:
    principal.require_operator()
    content = await request.body()
    if not content:
        raise Malformed("there is no body; this address takes text/csv, plain or packed with gzip")
    document = await chain.roofs.catalogue.residents.enter(content, name, territories)
    await chain.audit.done(principal, "population.set", "", f"{document.people:,} people in {document.places:,} places")
    return document


def _wants_geojson(request: Request[Any, Any, Any], form: str | None) -> bool:
    return form == "geojson" if form is not None else GEOJSON in request.headers.get("accept", "")


def _geojson(document: Any) -> Response[Any]:
    return Response(document, media_type=GEOJSON)


HANDLERS = [
    list_roofs,
    get_roof,
    put_roof,
    drop_roof,
    get_coverage,
    get_coverage_picture,
    list_bands,
    get_population,
    put_population,
]
