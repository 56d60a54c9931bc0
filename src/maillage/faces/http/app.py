"""The whole HTTP face of a chain, put together."""

from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException

from maillage.bootstrap import Chain
from maillage.faces import problems
from maillage.faces.http import openapi
from maillage.faces.http.camara import APIS, CamaraFace
from maillage.faces.http.gate import AsgiApp, Gate
from maillage.faces.http.hot import HotRoutes
from maillage.faces.http.observed import Observed
from maillage.faces.http.request import DocumentRequest
from maillage.faces.http.routes import (
    alarms,
    apps,
    audit,
    capacity,
    chain_wide,
    cleanings,
    deployments,
    devices,
    events,
    haccp,
    health,
    house,
    leases,
    mesh,
    metrics,
    money,
    mqtt_clients,
    offers,
    quotas,
    robots,
    roof_leases,
    roof_plans,
    roof_rent,
    roofs,
    sessions,
    sites,
    tenants,
    webhooks,
)
from maillage.faces.http.run_route import RunRoute
from maillage.faces.operations.tally import Tally
from maillage.kernel.errors import Invalid, Malformed, NotAllowed, Refusal, TooManyRequests
from maillage.tenancy.access import Principal

HANDLERS = [
    *health.HANDLERS,
    *metrics.HANDLERS,
    *chain_wide.HANDLERS,
    *sites.HANDLERS,
    *capacity.HANDLERS,
    *house.HANDLERS,
    *offers.HANDLERS,
    *leases.HANDLERS,
    *tenants.HANDLERS,
    *quotas.HANDLERS,
    *audit.HANDLERS,
    *webhooks.HANDLERS,
    *mesh.HANDLERS,
    *apps.HANDLERS,
    *deployments.HANDLERS,
    *sessions.HANDLERS,
    *devices.HANDLERS,
    *mqtt_clients.HANDLERS,
    *alarms.HANDLERS,
    *haccp.HANDLERS,
    *robots.HANDLERS,
    *cleanings.HANDLERS,
    *roofs.HANDLERS,
    *roof_plans.HANDLERS,
    *roof_leases.HANDLERS,
    *roof_rent.HANDLERS,
    *money.HANDLERS,
    *events.HANDLERS,
]
HOT_PATHS = ("/v1/leases", "/v1/leases/batch")
"""Where POST is answered right behind the gate."""


def build_app(chain: Chain, open_metrics: bool = False) -> AsgiApp:
    """The ASGI application; the chain's writer must be running while it is used.

    With ``open_metrics`` everybody who reaches it gets ``/metrics``, else only operators.
    """
    tally = Tally()
    rest = Litestar(
        route_handlers=[*HANDLERS, openapi_json],
        dependencies=DEPENDENCIES,
        exception_handlers={Refusal: _refused, HTTPException: _failed, Exception: _leave_to_gate},
        openapi_config=None,
        logging_config=None,
        request_class=DocumentRequest,
        state=State({"chain": chain, "tally": tally, "metrics": None, "open_metrics": open_metrics}),
        request_max_body_size=None,
        pdb_on_exception=False,
        debug=False,
    )
    hot = HotRoutes(chain, tally)
    by_path = dict(zip(HOT_PATHS, (hot.lease, hot.batch), strict=True))
    if not chain.runs_code:
        return Observed(Gate(chain.identity, chain.clock, by_path, rest), tally, HOT_PATHS)  # type: ignore[arg-type]
    run = RunRoute(chain.compute.invocations)
    gate = Gate(chain.identity, chain.clock, by_path, rest, run)  # type: ignore[arg-type]
    return Observed(CamaraFace(APIS, chain.compute.camara, chain.identity, gate), tally, HOT_PATHS)


@get("/openapi.json", media_type="application/vnd.oai.openapi+json", include_in_schema=False, sync_to_thread=True)
def openapi_json() -> bytes:
    """The description of all routes; needs no key."""
    return _description()


@cache
def _description() -> bytes:
    """Made when somebody first asks for it, from an application of its own: Litestar would put pages beside it."""
    described = Litestar(HANDLERS, dependencies=DEPENDENCIES, openapi_config=openapi.CONFIG, logging_config=None)
    return msgspec.json.encode(openapi.completed(described.openapi_schema.to_schema()))


def _chain(state: State) -> Chain:
    chain: Chain = state.chain
    return chain


def _principal(request: Request[Any, Any, Any]) -> Principal:
    principal: Principal = request.scope["principal"]  # type: ignore[typeddict-item]
    return principal


DEPENDENCIES = {
    "chain": Provide(_chain, sync_to_thread=False),
    "principal": Provide(_principal, sync_to_thread=False),
}


def _problem(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response[dict[str, Any]]:
    return Response(problem, status_code=problem["status"], media_type="application/problem+json", headers=headers)


def _refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, Any]]:
    if isinstance(refusal, NotAllowed):  # somebody tried what is not theirs to do
        asked = f"{request.scope['method']} {request.scope['path']}"
        request.app.state.chain.audit.refused(request.scope.get("principal"), "access", refusal.slug, subject=asked)
    wait = {"retry-after": str(refusal.extra["retry_after_s"])} if isinstance(refusal, TooManyRequests) else None
    return _problem(problems.of_refusal(refusal), wait)


def _failed(request: Request[Any, Any, Any], fault: HTTPException) -> Response[dict[str, Any]]:
    """What Litestar itself refuses, in the words of the catalogue."""
    if isinstance(fault, ValidationException):
        return _problem(problems.of_refusal(_unfit(request, fault)))
    if fault.status_code in problems.DOOR_PROBLEMS:
        headers = dict(fault.headers or {})
        if fault.status_code == 405 and request.scope["path"] in HOT_PATHS:
            headers["allow"] = f"{headers['allow']}, POST"
        return _problem(problems.of_door(fault.status_code, ""), headers)
    if fault.status_code == 400:
        return _problem(problems.of_refusal(Malformed(fault.detail)))
    raise fault


def _leave_to_gate(_: Request[Any, Any, Any], fault: Exception) -> Response[Any]:
    raise fault


def _unfit(request: Request[Any, Any, Any], fault: ValidationException) -> Refusal:
    """A parameter that does not fit, by its outside name; of bodies only a missing one comes this way."""
    first = fault.extra[0] if isinstance(fault.extra, list) and fault.extra else {}
    if not (isinstance(first, dict) and first.get("message")):
        return Invalid("request", fault.detail)
    name = str(first.get("key", ""))
    if name == "data":
        return Malformed("the body is empty; this address takes a JSON document")
    parameter = request.route_handler.parsed_fn_signature.parameters.get(name)
    definition = None if parameter is None else parameter.kwarg_definition
    outside = getattr(definition, "name", None) or name
    return Invalid(outside or "request", str(first["message"]))
