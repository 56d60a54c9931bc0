"""What devices measure: profiles, devices, and readings; for the store's own people and systems."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.mqtt_rights import devices_change
from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.times import parse_time
from maillage.services.sensing.readings.documents import LastDocument, ReadingsDocument
from maillage.services.sensing.readings.service import STEP_MAX_S
from maillage.services.sensing.registry.documents import (
    DeviceChange,
    DeviceDocument,
    DeviceReport,
    NewDevice,
    ProfileDocument,
    ProfileFields,
)

Time = Annotated[str | None, QueryParameter(max_length=64, description="RFC 3339")]


class ProfileDocuments(msgspec.Struct, frozen=True):
    """All profiles, those that came with Maillage first."""

    items: list[ProfileDocument]
    next: None = None


class DeviceDocuments(msgspec.Struct, frozen=True):
    """A page of devices, in the order in which they were entered."""

    items: list[DeviceDocument]
    next: str | None


class DeviceNow(DeviceDocument, frozen=True, kw_only=True):
    """A device, and by measure what it said last; ``last_seen`` is when it measured that, null where it never did."""

    last: dict[str, LastDocument]
    last_seen: str | None


@get("/v1/profiles", summary="What devices of one make and use have in common")
async def list_profiles(chain: TheChain, principal: Caller) -> ProfileDocuments:
    principal.require_staff()
    return ProfileDocuments(chain.sensing.registry.profiles())


@get("/v1/profiles/{profile:str}", summary="One profile")
async def get_profile(profile: FromPath[str], chain: TheChain, principal: Caller) -> ProfileDocument:
    principal.require_staff()
    return chain.sensing.registry.profile(profile)


@put("/v1/profiles/{profile:str}", summary="Enter a profile, or have it otherwise from now on")
async def put_profile(
    profile: FromPath[str], data: JSONBody[ProfileFields], chain: TheChain, principal: Caller
) -> ProfileDocument:
    principal.require_staff()
    async with devices_change(chain, lambda: chain.sensing.registry.kept.with_profile(profile)):
        document = await chain.sensing.registry.put_profile(profile, data)
    told = f"{len(document.measures)} measures, {len(document.rules)} rules, {document.devices} devices"
    await chain.audit.done(principal, "profile.set", profile, told)
    return document


@delete("/v1/profiles/{profile:str}", summary="Forget a profile; one that came with Maillage is as it was")
async def drop_profile(profile: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    async with devices_change(chain, lambda: chain.sensing.registry.kept.with_profile(profile)):
        await chain.sensing.registry.drop_profile(profile)
    await chain.audit.done(principal, "profile.drop", profile)


@post("/v1/devices", summary="Enter a device")
async def create_device(data: JSONBody[NewDevice], chain: TheChain, principal: Caller) -> DeviceDocument:
    principal.require_staff()
    document = await chain.sensing.registry.create(data)
    await chain.audit.done(principal, "device.create", document.id, f"{document.profile} at {document.site}")
    return document


@post("/v1/devices/import", summary="Enter the devices of a file (text/csv)", status_code=200)
async def import_devices(request: Request[Any, Any, Any], chain: TheChain, principal: Caller) -> DeviceReport:
    principal.require_staff()
    content = await request.body()
    async with devices_change(chain, lambda: list(chain.sensing.registry.kept.devices().values())):
        report = await chain.sensing.registry.import_csv(content)
    told = f"{report.imported} new or changed, {report.unchanged} unchanged, {report.rejected} rejected"
    await chain.audit.done(principal, "device.import", "", told)
    return report


@get("/v1/devices", summary="Devices in service, in the order of their entry")
async def list_devices(
    chain: TheChain,
    principal: Caller,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    unit: Annotated[str | None, QueryParameter(max_length=64)] = None,
    retired: Annotated[bool, QueryParameter(description="also those that are retired")] = False,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> DeviceDocuments:
    principal.require_staff()
    found = chain.sensing.registry.some(site, unit, retired, cursor, limit)
    return DeviceDocuments(found.items, found.next)


@get("/v1/devices/{device:str}", summary="One device, and what it said last")
async def get_device(device: FromPath[str], chain: TheChain, principal: Caller) -> DeviceNow:
    principal.require_staff()
    registry = chain.sensing.registry
    last = await chain.sensing.readings.last_of(registry.device(device))
    seen = max((each.at for each in last.values()), default=None)
    return DeviceNow(**msgspec.structs.asdict(registry.get(device)), last=last, last_seen=seen)


@put("/v1/devices/{device:str}", summary="Have a device otherwise, or in service again")
async def change_device(
    device: FromPath[str], data: JSONBody[DeviceChange], chain: TheChain, principal: Caller
) -> DeviceDocument:
    principal.require_staff()
    async with devices_change(chain, lambda: [chain.sensing.registry.device(device)]):
        document = await chain.sensing.registry.change(device, data)
    await chain.audit.done(principal, "device.change", device, f"{document.profile} in {document.unit}")
    return document


@delete("/v1/devices/{device:str}", summary="Retire a device; its readings stay")
async def retire_device(device: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    async with devices_change(chain, lambda: [chain.sensing.registry.device(device)]):
        await chain.sensing.registry.retire(device)
    await chain.audit.done(principal, "device.retire", device)


@get("/v1/devices/{device:str}/readings", summary="What a device measured, each reading or by steps")
async def read_readings(
    device: FromPath[str],
    chain: TheChain,
    principal: Caller,
    measure: Annotated[str | None, QueryParameter(max_length=64, description="needed where it has several")] = None,
    start: Time = None,
    end: Time = None,
    step_s: Annotated[int | None, QueryParameter(ge=1, le=STEP_MAX_S, description="without it, each reading")] = None,
    form: Annotated[Literal["json", "csv"], QueryParameter(name="format")] = "json",
) -> Response[ReadingsDocument]:
    principal.require_staff()
    first = None if start is None else parse_time(start, "start")
    beyond = None if end is None else parse_time(end, "end")
    known = chain.sensing.registry.device(device)
    found = await chain.sensing.readings.query(known, measure, first, beyond, step_s)
    if form == "csv":
        text: Any = await asyncio.to_thread(lambda: "".join(found.csv()))
        return Response(text, media_type="text/csv")
    return Response(await asyncio.to_thread(found.document))


HANDLERS = [
    list_profiles,
    get_profile,
    put_profile,
    drop_profile,
    create_device,
    import_devices,
    list_devices,
    get_device,
    change_device,
    retire_device,
    read_readings,
]
