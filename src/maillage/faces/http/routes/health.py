"""Whether the process lives and whether it can serve; needs no key."""

from typing import Any

from litestar import get

from maillage.faces.http.routes.parameters import TheChain
from maillage.kernel.errors import NotReady
from maillage.kernel.readiness import OK


@get("/healthz", summary="Whether the process lives", sync_to_thread=False)
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get("/readyz", summary="Whether all that serving rests on works: the writer, the disk, the records")
async def readyz(chain: TheChain) -> dict[str, Any]:
    checks = await chain.readiness.report()
    failed = [f"{name}: {found}" for name, found in checks.items() if found != OK]
    if failed:
        raise NotReady("; ".join(failed), checks=checks)
    return {"status": "ready", "checks": checks}


HANDLERS = [healthz, readyz]
