"""Who could meet an ask now."""

from litestar import post
from litestar.params import JSONBody

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.documents import AskDocument, OffersDocument, ask_of


@post(
    "/v1/offers", summary="Sites that could meet an ask: a hint, never a promise", status_code=200, sync_to_thread=False
)
def offers(data: JSONBody[AskDocument], chain: TheChain, principal: Caller) -> OffersDocument:
    principal.require_class(data.lease_class)
    return chain.office.offers(ask_of(data, chain.policy))


HANDLERS = [offers]
