"""Whether the process lives and whether it can serve; needs no key."""

from litestar import get

from maillage.faces.http.routes.parameters import TheChain


@get("/healthz", summary="Whether the process lives", sync_to_thread=False)
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get("/readyz", summary="Whether the ledger is loaded and its writer answers")
async def readyz(chain: TheChain) -> dict[str, str]:
    await chain.office.list_sites(None, 1)
    return {"status": "ready"}


HANDLERS = [healthz, readyz]
