"""Floors, cleanings with their evidence, schedules, and giving way: for operators and the nodes of stores."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.services.robots.cleaning.documents import (
    CleaningDocument,
    GiveWayDocument,
    GiveWayWanted,
    NewCleaning,
    ResumeDocument,
)
from maillage.services.robots.cleaning.evidence_documents import EvidenceDocument
from maillage.services.robots.cleaning.floor_documents import FloorDocument, NewFloor
from maillage.services.robots.cleaning.schedule_documents import NewSchedule, ScheduleDocument

State = Literal["planned", "waiting", "running", "paused", "done", "partly", "failed", "cancelled"]
SideText = Annotated[int, QueryParameter(ge=200, le=4_000, description="pixels of the longer side")]


class FloorDocuments(msgspec.Struct, frozen=True):
    """All floors of a site."""

    items: list[FloorDocument]


class CleaningDocuments(msgspec.Struct, frozen=True):
    """A page of cleanings, the newest first."""

    items: list[CleaningDocument]
    next: str | None


class ScheduleDocuments(msgspec.Struct, frozen=True):
    """All cleaning schedules of a site."""

    items: list[ScheduleDocument]


@get("/v1/sites/{site:str}/floors", summary="The floors of a site")
async def list_floors(site: FromPath[str], chain: TheChain, principal: Caller) -> FloorDocuments:
    principal.require_staff()
    return FloorDocuments(chain.robots.cleaning.floors.some(site))


@get("/v1/sites/{site:str}/floors/{floor:str}", summary="One floor")
async def get_floor(site: FromPath[str], floor: FromPath[str], chain: TheChain, principal: Caller) -> FloorDocument:
    principal.require_staff()
    return chain.robots.cleaning.floors.get(site, floor)


@put("/v1/sites/{site:str}/floors/{floor:str}", summary="Enter or replace a floor, in metres on the robots' map")
async def put_floor(
    site: FromPath[str], floor: FromPath[str], data: JSONBody[NewFloor], chain: TheChain, principal: Caller
) -> FloorDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.floors.put(site, floor, data)
    await chain.audit.done(principal, "floor.set", site, f"{floor}: {document.area_m2:g} m2 on {document.map_id}")
    return document


@delete("/v1/sites/{site:str}/floors/{floor:str}", summary="Forget a floor")
async def drop_floor(site: FromPath[str], floor: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    await chain.robots.cleaning.floors.drop(site, floor)
    await chain.audit.done(principal, "floor.drop", site, floor)


@post("/v1/cleanings", summary="Have a floor cleaned")
async def create_cleaning(data: JSONBody[NewCleaning], chain: TheChain, principal: Caller) -> CleaningDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.create(data)
    await chain.audit.done(principal, "cleaning.create", document.id, f"{document.floor} of {document.site}")
    return document


@get("/v1/cleanings", summary="Cleanings, the newest first")
async def list_cleanings(
    chain: TheChain,
    principal: Caller,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    floor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    cleaning_state: Annotated[State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> CleaningDocuments:
    principal.require_staff()
    return CleaningDocuments(*await chain.robots.cleaning.some(site, floor, cleaning_state, cursor, limit))


@get("/v1/cleanings/{cleaning:str}", summary="One cleaning, and how it does")
async def get_cleaning(cleaning: FromPath[str], chain: TheChain, principal: Caller) -> CleaningDocument:
    principal.require_staff()
    return await chain.robots.cleaning.get(cleaning)


@post("/v1/cleanings/{cleaning:str}/pause", summary="Have the robot stop where it is", status_code=200)
async def pause_cleaning(cleaning: FromPath[str], chain: TheChain, principal: Caller) -> CleaningDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.pause(cleaning)
    await chain.audit.done(principal, "cleaning.pause", cleaning)
    return document


@post(
    "/v1/cleanings/{cleaning:str}/resume",
    summary="Go on with one that is paused, or with what one left that ended",
    status_code=200,
)
async def resume_cleaning(
    cleaning: FromPath[str],
    chain: TheChain,
    principal: Caller,
    data: JSONBody[ResumeDocument | None] = None,
) -> CleaningDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.resume(cleaning, data or ResumeDocument())
    await chain.audit.done(principal, "cleaning.resume", cleaning)
    return document


@post("/v1/cleanings/{cleaning:str}/cancel", summary="Call it off; the robot goes to its dock", status_code=200)
async def cancel_cleaning(cleaning: FromPath[str], chain: TheChain, principal: Caller) -> CleaningDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.cancel(cleaning)
    await chain.audit.done(principal, "cleaning.cancel", cleaning)
    return document


@get("/v1/cleanings/{cleaning:str}/evidence", summary="What was cleaned, with figures and GeoJSON")
async def get_evidence(cleaning: FromPath[str], chain: TheChain, principal: Caller) -> EvidenceDocument:
    principal.require_staff()
    return await chain.robots.cleaning.evidence(cleaning)


@get("/v1/cleanings/{cleaning:str}/evidence.png", summary="What was cleaned, as a picture", media_type="image/png")
async def get_picture(
    cleaning: FromPath[str], chain: TheChain, principal: Caller, size: SideText = 1_600
) -> Response[bytes]:
    principal.require_staff()
    return Response(await chain.robots.cleaning.picture(cleaning, size), media_type="image/png")


@get("/v1/sites/{site:str}/cleaning-schedules", summary="The cleaning schedules of a site")
async def list_schedules(site: FromPath[str], chain: TheChain, principal: Caller) -> ScheduleDocuments:
    principal.require_staff()
    return ScheduleDocuments(chain.robots.cleaning.schedules.some(site))


@get("/v1/sites/{site:str}/cleaning-schedules/{schedule:str}", summary="A cleaning schedule, and what comes of it")
async def get_schedule(
    site: FromPath[str], schedule: FromPath[str], chain: TheChain, principal: Caller
) -> ScheduleDocument:
    principal.require_staff()
    return chain.robots.cleaning.schedules.get(site, schedule)


@put("/v1/sites/{site:str}/cleaning-schedules/{schedule:str}", summary="Have a floor cleaned week by week")
async def put_schedule(
    site: FromPath[str], schedule: FromPath[str], data: JSONBody[NewSchedule], chain: TheChain, principal: Caller
) -> ScheduleDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.schedules.put(site, schedule, data)
    told = f"{schedule}: {document.floor} every {document.every_days} days{'' if document.on else ', off'}"
    await chain.audit.done(principal, "cleaning_schedule.set", site, told)
    return document


@delete("/v1/sites/{site:str}/cleaning-schedules/{schedule:str}", summary="Forget a cleaning schedule")
async def drop_schedule(site: FromPath[str], schedule: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    await chain.robots.cleaning.schedules.drop(site, schedule)
    await chain.audit.done(principal, "cleaning_schedule.drop", site, schedule)


@get("/v1/sites/{site:str}/give-way", summary="Whether the robots of a site give way to the shop")
async def get_give_way(site: FromPath[str], chain: TheChain, principal: Caller) -> GiveWayDocument:
    principal.require_staff()
    return await chain.robots.cleaning.gives_way(site)


@post("/v1/sites/{site:str}/give-way", summary="Call cleaning robots to their docks for a while", status_code=200)
async def give_way(
    site: FromPath[str], data: JSONBody[GiveWayWanted], chain: TheChain, principal: Caller
) -> GiveWayDocument:
    principal.require_staff()
    document = await chain.robots.cleaning.give_way(site, data)
    await chain.audit.done(principal, "robots.give_way", site, f"until {document.until}" if document.until else "over")
    return document


HANDLERS = [
    list_floors,
    get_floor,
    put_floor,
    drop_floor,
    create_cleaning,
    list_cleanings,
    get_cleaning,
    pause_cleaning,
    resume_cleaning,
    cancel_cleaning,
    get_evidence,
    get_picture,
    list_schedules,
    get_schedule,
    put_schedule,
    drop_schedule,
    get_give_way,
    give_way,
]
