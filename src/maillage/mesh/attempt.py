"""One ask on its way from site to site."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import NoCapacity, Refusal
from maillage.kernel.grants import refused_by_all
from maillage.kernel.ports import Clock
from maillage.mesh.asking import ATTEMPT_TIMEOUT_S, Owners, is_doubtful, out_of_reach
from maillage.mesh.claims import ClaimDesk
from maillage.mesh.messages import GrantAsk
from maillage.mesh.ports import Claim

ASK_DEADLINE_S = 10.0
"""For the whole ask, over all sites that are tried."""


class Attempt:
    """``claim`` is the one that this attempt entered; None where the caller gave no key to
    repeat it with."""

    def __init__(
        self,
        owners: Owners,
        claims: ClaimDesk,
        clock: Clock,
        tenant: str,
        ask: Ask,
        key: str,
        digest: str,
        claim: Claim | None,
    ) -> None:
        self._owners = owners
        self._claims = claims
        self._clock = clock
        self._tenant = tenant
        self._ask = ask
        self._key = key
        self._digest = digest
        self._claim = claim
        self._deadline = asyncio.get_running_loop().time() + ASK_DEADLINE_S

    async def run(self, candidates: Sequence[str], more: Callable[[], list[str]] | None) -> LeaseDocument:
        """The lease of the first site that grants it. ``more`` gives further candidates when these are used up."""
        refused: dict[str, Refusal] = {}
        doubtful = ""  # the site asked last, where its answer never came
        waiting = list(candidates)
        while self._seconds_left() > 0:
            if not waiting and more is not None:
                waiting, more = [site for site in more() if site not in refused], None
            if not waiting:
                break
            site = waiting.pop(0)
            await self._go_on(site, doubtful)
            timeout_s = min(ATTEMPT_TIMEOUT_S, self._seconds_left())
            try:
                return await ask_at(self._owners, self._tenant, self._ask, self._key, self._digest, site, timeout_s)
            except Refusal as refusal:
                refused[site] = refusal
                doubtful = site if is_doubtful(refusal) else ""
        raise await self._given_up(refused, doubtful)

    async def _go_on(self, site: str, doubtful: str) -> None:
        """Before another site is asked, the records hold that the former one may keep nothing."""
        claim = self._claim
        if claim is None:
            if doubtful:
                await self._claims.void(self._tenant, self._key, doubtful, self._clock.now())
        elif claim.site != site:
            if not await self._claims.move(claim, site, bool(doubtful)):
                raise out_of_reach(claim.site)  # a repeat got its lease there meanwhile
            self._claim = msgspec.structs.replace(claim, site=site)

    async def _given_up(self, refused: dict[str, Refusal], doubtful: str) -> Refusal:
        if doubtful:
            # With a key of the caller's own the claim stays: a repeat finds out.
            if self._claim is None:
                await self._claims.void(self._tenant, self._key, doubtful, self._clock.now())
            return refused[doubtful]
        if self._claim is not None:
            await self._claims.drop(self._claim)
        if not refused:
            return NoCapacity("no site within reach has room for all of it", reasons=[], passed_over={})
        return refused_by_all(refused)

    def _seconds_left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()


async def ask_at(
    owners: Owners, tenant: str, ask: Ask, key: str, digest: str, site: str, timeout_s: float = ATTEMPT_TIMEOUT_S
) -> LeaseDocument:
    """What the owner of one site says to an ask."""
    here = msgspec.structs.replace(ask, site=site, near=None, limit=1, count=None, sites=None)
    request = GrantAsk(tenant, here, key_at(key, site), digest)
    return await owners.ask(site, request, LeaseDocument, timeout_s)


def key_at(key: str, site: str) -> str:
    """The name under which the owner of a site remembers a key: it may own the next site as well."""
    return f"{key}@{site}"
