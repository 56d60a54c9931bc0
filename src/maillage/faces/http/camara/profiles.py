"""Application Profiles."""

from maillage.faces.http.camara.calls import Api, Call, Operation, Reply
from maillage.services.compute.camara.profiles import Profile, ProfileRequest

_ONE = "/application-profiles/{applicationProfileId}"


async def _create(call: Call) -> Reply:
    return Reply(201, await call.camara.profiles.create(call.principal.tenant, call.body))


async def _read(call: Call) -> Reply:
    return Reply(200, await call.camara.profiles.read(call.uuid("applicationProfileId"), call.principal.sees))


async def _update(call: Call) -> Reply:
    profile_id = call.uuid("applicationProfileId")
    return Reply(200, await call.camara.profiles.update(profile_id, call.principal.sees, call.body))


async def _delete(call: Call) -> Reply:
    await call.camara.profiles.delete(call.uuid("applicationProfileId"), call.principal.sees)
    return Reply(204)


PROFILES = Api(
    "application-profiles",
    ("v0.5",),
    (
        Operation("POST", "/application-profiles", "application-profiles:create", _create, ProfileRequest),
        Operation("GET", _ONE, "application-profiles:read", _read),
        Operation("PATCH", _ONE, "application-profiles:update", _update, Profile),
        Operation("DELETE", _ONE, "application-profiles:delete", _delete),
    ),
)
