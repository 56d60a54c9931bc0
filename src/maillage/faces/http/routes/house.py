"""The house of a site: what the store's own work uses, what is kept for it, and what is left to sell."""

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.services.compute.house.documents import HouseDocument, HouseReport, NewHouse, UseDocument


@get("/v1/sites/{site:str}/house", summary="How the house of a site does, and its day ahead")
async def get_house(site: FromPath[str], chain: TheChain, principal: Caller) -> HouseDocument:
    principal.require_staff()
    return await chain.compute.house.show(site)


@put("/v1/sites/{site:str}/house", summary="Have what a site's own work will need kept for it")
async def put_house(site: FromPath[str], data: JSONBody[NewHouse], chain: TheChain, principal: Caller) -> HouseDocument:
    principal.require_staff()
    document = await chain.compute.house.put(site, data)
    told = f"{'on' if document.on else 'off'}, quantile {document.quantile:g}, horizon {document.horizon_h} h"
    await chain.audit.done(principal, "house.set", site, told)
    return document


@delete("/v1/sites/{site:str}/house", summary="Keep nothing for a site's own work any more, and forget its history")
async def drop_house(site: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    await chain.compute.house.drop(site)
    await chain.audit.done(principal, "house.drop", site)


@post("/v1/sites/{site:str}/house/use", summary="Report what a store's own work uses at this moment", status_code=200)
async def report_use(
    site: FromPath[str], data: JSONBody[HouseReport], chain: TheChain, principal: Caller
) -> UseDocument:
    principal.require_staff()
    return await chain.compute.house.report(site, data)


HANDLERS = [get_house, put_house, drop_house, report_use]
