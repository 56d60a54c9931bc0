"""Edge Application Management: apps, their instances, their deployments, and the zones."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta

from maillage.faces.http.camara.calls import MERGE_PATCH, Api, Call, Operation, Reply
from maillage.faces.http.camara.zones import zones
from maillage.services.compute.camara.faults import invalid
from maillage.services.compute.camara.instances import Id, InstanceRequest
from maillage.services.compute.camara.manifest import Manifest
from maillage.services.compute.camara.spread import DeploymentChange, DeploymentRequest

LEASE_HEADER = "x-maillage-lease"
"""The lease on which an instance is to stand; not CAMARA's, which has no leases."""


class _OfApp(msgspec.Struct, frozen=True, rename="camel"):
    app_id: Id | None = None
    region: Annotated[str, Meta(max_length=64)] | None = None


# -- apps ----------------------------------------------------------------------------------------------------------


async def _submit_app(call: Call) -> Reply:
    return Reply(201, {"appId": await call.camara.apps.submit(call.principal.tenant, call.body)})


async def _apps(call: Call) -> Reply:
    return Reply(200, await call.camara.apps.list(call.principal.sees))


async def _app(call: Call) -> Reply:
    return Reply(200, await call.camara.apps.get(call.uuid("appId"), call.principal.sees))


async def _delete_app(call: Call) -> Reply:
    await call.camara.apps.delete(call.uuid("appId"), call.principal.sees)
    return Reply(202)


# -- instances -----------------------------------------------------------------------------------------------------


async def _create_instance(call: Call) -> Reply:
    lease, wanted = call.headers.get(LEASE_HEADER, ""), call.body.subscription_request
    if wanted is not UNSET:
        await call.camara.callbacks.require(wanted, "instance")
    entry = await call.camara.instances.create(call.principal.tenant, call.body, lease)
    if wanted is not UNSET:
        await call.camara.callbacks.add(entry.tenant, wanted, "instance", entry.id)
    document = await call.camara.instances.document(entry, call.access)
    return Reply(202, document, (("location", f"{call.root}/app-instances/{entry.id}"),))


async def _instances(call: Call) -> Reply:
    wanted: _OfApp = call.parameters(_OfApp)
    found = await call.camara.instances.list(call.principal.sees, wanted.app_id, wanted.region, call.access)
    return Reply(200, found)


async def _instance(call: Call) -> Reply:
    instance_id = call.uuid("appInstanceId")
    return Reply(200, await call.camara.instances.get(instance_id, call.principal.sees, call.access))


async def _delete_instance(call: Call) -> Reply:
    await call.camara.instances.delete(call.uuid("appInstanceId"), call.principal.sees)
    return Reply(202)


# -- deployments ---------------------------------------------------------------------------------------------------


async def _create_deployment(call: Call) -> Reply:
    if LEASE_HEADER in call.headers:
        raise invalid(LEASE_HEADER, "names one lease, and a deployment takes its own in each zone; leave it out")
    tenant, wanted = call.principal.tenant, call.body.subscription_request
    if wanted is not UNSET:
        await call.camara.callbacks.require(wanted, "deployment")
    deployment_id = await call.camara.deployments.create(tenant, call.body)
    if wanted is not UNSET:
        await call.camara.callbacks.add(tenant, wanted, "deployment", deployment_id)
    location = f"{call.root}/deployments/{deployment_id}"
    return Reply(202, {"appDeploymentId": deployment_id}, (("location", location),))


async def _deployments(call: Call) -> Reply:
    wanted: _OfApp = call.parameters(_OfApp)
    return Reply(200, await call.camara.deployments.list(call.principal.sees, wanted.app_id))


async def _deployment(call: Call) -> Reply:
    return Reply(200, await call.camara.deployments.get(call.uuid("appDeploymentId"), call.principal.sees))


async def _change_deployment(call: Call) -> Reply:
    deployment_id = call.uuid("appDeploymentId")
    return Reply(200, await call.camara.deployments.change(deployment_id, call.principal.sees, call.body))


async def _delete_deployment(call: Call) -> Reply:
    await call.camara.deployments.delete(call.uuid("appDeploymentId"), call.principal.sees)
    return Reply(202)


_EAM = "edge-application-management"
_APP, _INSTANCE, _DEPLOYMENT = "/apps/{appId}", "/app-instances/{appInstanceId}", "/deployments/{appDeploymentId}"
MANAGEMENT = Api(
    _EAM,
    ("vwip", "v0.1"),
    (
        Operation("POST", "/apps", f"{_EAM}:apps:write", _submit_app, Manifest),
        Operation("GET", "/apps", f"{_EAM}:apps:read", _apps),
        Operation("GET", _APP, f"{_EAM}:apps:read", _app),
        Operation("DELETE", _APP, f"{_EAM}:apps:delete", _delete_app),
        Operation("POST", "/app-instances", f"{_EAM}:instances:write", _create_instance, InstanceRequest),
        Operation("GET", "/app-instances", f"{_EAM}:instances:read", _instances),
        Operation("GET", _INSTANCE, f"{_EAM}:instances:read", _instance),
        Operation("DELETE", _INSTANCE, f"{_EAM}:instances:delete", _delete_instance),
        Operation("POST", "/deployments", f"{_EAM}:deployments:write", _create_deployment, DeploymentRequest),
        Operation("GET", "/deployments", f"{_EAM}:deployments:read", _deployments),
        Operation("GET", _DEPLOYMENT, f"{_EAM}:deployments:read", _deployment),
        Operation(
            "PATCH", _DEPLOYMENT, f"{_EAM}:deployments:update", _change_deployment, DeploymentChange, MERGE_PATCH
        ),
        Operation("DELETE", _DEPLOYMENT, f"{_EAM}:deployments:delete", _delete_deployment),
        Operation("GET", "/edge-cloud-zones", f"{_EAM}:edge-cloud-zones:read", zones),
    ),
)
