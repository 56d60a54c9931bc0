"""Simple Edge Discovery, Optimal Edge Discovery, Application Endpoint Discovery."""

from maillage.faces.http.camara.calls import Api, Call, Operation, Reply
from maillage.services.compute.camara.discovery import ClosestRequest, Discovered, OptimalRequest
from maillage.services.compute.camara.endpoints import EndpointsRequest

PATH = "maillage-path"
"""What the best was chosen by. CAMARA's bodies have no place for it."""


def _reply(found: Discovered) -> Reply:
    return Reply(200, found.document, ((PATH, found.path),))


async def _closest(call: Call) -> Reply:
    return _reply(call.camara.discovery.closest(call.body, call.principal.device))


async def _regions(call: Call) -> Reply:
    return Reply(200, call.camara.discovery.regions())


async def _optimal(call: Call) -> Reply:
    return _reply(await call.camara.discovery.optimal(call.body, call.principal.sees, call.principal.device))


async def _endpoints(call: Call) -> Reply:
    caller = call.principal
    return _reply(await call.camara.endpoints.optimal(call.body, caller.sees, caller.device, call.access))


SIMPLE = Api(
    "simple-edge-discovery",
    ("v2rc2", "v2"),
    (Operation("POST", "/retrieve-closest-edge-cloud-zone", "simple-edge-discovery:read", _closest, ClosestRequest),),
)
OPTIMAL = Api(
    "optimal-edge-discovery",
    ("vwip", "v0.2"),
    (
        Operation("GET", "/regions", "optimal-edge-discovery:regions:read", _regions),
        Operation(
            "POST",
            "/retrieve-optimal-edge-cloud-zones",
            "optimal-edge-discovery:edge-zones:read",
            _optimal,
            OptimalRequest,
        ),
    ),
)
ENDPOINTS = Api(
    "application-endpoint-discovery",
    ("v0.1",),
    (
        Operation(
            "POST",
            "/retrieve-optimal-app-endpoints",
            "application-endpoint-discovery:app-endpoints:read",
            _endpoints,
            EndpointsRequest,
        ),
    ),
)
