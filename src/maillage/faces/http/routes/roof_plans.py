"""Plans: which roofs are best."""

from litestar import post
from litestar.params import JSONBody

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.services.roof.catalogue.plan_documents import PlanDocument, PlanWanted


@post("/v1/roof-plans", summary="Choose the best roofs, by whom they reach or how near they are", status_code=200)
async def plan_roofs(data: JSONBody[PlanWanted], chain: TheChain, principal: Caller) -> PlanDocument:
    return await chain.roofs.plans.plan(data, principal.tenant)


HANDLERS = [plan_roofs]
