"""Figures for Prometheus. Without a key only where the listener says so: they tell how much business there is."""

from hashlib import sha256
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import NotAuthorizedException

from maillage.faces.http.routes.parameters import TheChain


@get("/metrics", summary="Figures in Prometheus' text format", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any], state: State, chain: TheChain) -> Response[bytes]:
    if not state.open_metrics:
        await _require_operator(request, chain)
    from maillage.faces.operations.metrics import CONTENT_TYPE_LATEST, metrics_of

    if state.metrics is None:
        state.metrics = metrics_of(chain, state.tally)
    return Response(await state.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})


async def _require_operator(request: Request[Any, Any, Any], chain: TheChain) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    proof = given.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    digest = sha256(proof).digest()
    principal = chain.identity.of_key(digest)
    if principal is None and proof:
        principal = await chain.identity.of_other(proof, digest, request.client.host if request.client else "")
    if principal is None:
        raise NotAuthorizedException(headers={"www-authenticate": "Bearer"})
    principal.require_operator()


HANDLERS = [metrics]
