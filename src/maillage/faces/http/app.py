"""The whole HTTP face of a chain, put together."""

from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException

from maillage.bootstrap import Chain
from maillage.faces import problems
from maillage.faces.http import openapi
from maillage.faces.http.answers import unfit
from maillage.faces.http.gate import AsgiApp, Gate
from maillage.faces.http.hot import HotRoutes
from maillage.faces.http.routes import capacity, chain_wide, events, health, leases, money, offers, sites, tenants
from maillage.kernel.access import Principal
from maillage.kernel.errors import Invalid, Malformed, Refusal

HANDLERS = [
    *health.HANDLERS,
    *chain_wide.HANDLERS,
    *sites.HANDLERS,
    *capacity.HANDLERS,
    *offers.HANDLERS,
    *leases.HANDLERS,
    *tenants.HANDLERS,
    *money.HANDLERS,
    *events.HANDLERS,
]


def build_app(chain: Chain) -> AsgiApp:
    """The ASGI application; the chain's writer must be running while it is used."""
    rest = Litestar(
        route_handlers=HANDLERS,
        dependencies={
            "chain": Provide(lambda: chain, sync_to_thread=False),
            "principal": Provide(_principal, sync_to_thread=False),
        },
        exception_handlers={Refusal: _refused, HTTPException: _failed},
        openapi_config=openapi.CONFIG,
        state=State({"chain": chain}),
        request_max_body_size=None,
        pdb_on_exception=False,
        debug=False,
    )
    hot = HotRoutes(chain)
    return Gate(chain.access, {"/v1/leases": hot.lease, "/v1/leases/batch": hot.batch}, rest)  # type: ignore[arg-type]


def _principal(request: Request[Any, Any, Any]) -> Principal:
    principal: Principal = request.scope["principal"]  # type: ignore[typeddict-item]
    return principal


def _problem(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response[dict[str, Any]]:
    return Response(problem, status_code=problem["status"], media_type="application/problem+json", headers=headers)


def _refused(_: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, Any]]:
    return _problem(problems.of_refusal(refusal))


def _failed(_: Request[Any, Any, Any], fault: HTTPException) -> Response[dict[str, Any]]:
    """What Litestar itself refuses, in the words of the catalogue."""
    if isinstance(fault, ValidationException):
        return _problem(problems.of_refusal(_unfit(fault)))
    if fault.status_code in problems.DOOR_PROBLEMS:
        return _problem(problems.of_door(fault.status_code, ""), fault.headers)
    if fault.status_code == 400:
        return _problem(problems.of_refusal(Malformed(fault.detail)))
    raise fault


def _unfit(fault: ValidationException) -> Refusal:
    first = fault.extra[0] if isinstance(fault.extra, list) and fault.extra else {}
    if isinstance(first, dict) and first.get("message"):
        message, field = str(first["message"]), str(first.get("key", ""))
        return Invalid(field, message) if field else unfit(message)
    return Invalid("request", fault.detail)
