"""One ask on its way from site to site."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import NoCapacity, Refusal, SiteUnreachable
from maillage.kernel.grants import refused_by_all
from maillage.kernel.leases import site_of
from maillage.kernel.ports import Clock
from maillage.kernel.sites import store_of
from maillage.mesh.asking import ATTEMPT_TIMEOUT_S, Owners, is_doubtful, out_of_reach
from maillage.mesh.claims import ClaimDesk
from maillage.mesh.messages import GrantAsk
from maillage.mesh.ports import Claim

ASK_DEADLINE_S = 10.0
"""For the whole ask, over all sites that are tried."""
LEAST_S = 0.1
"""Nobody is asked who would have less than this to answer."""
SLOW_S = 30.0
"""After so long, as when the machine slept, a repeat may be about to take the claim over."""


class Attempt:
    """``name`` is the key by which owners are asked. ``claim`` is the one that this attempt entered; None where the
    caller gave no key to repeat it with. When ``run`` ends, the claim says where the lease is, or is gone."""

    def __init__(
        self,
        owners: Owners,
        claims: ClaimDesk,
        clock: Clock,
        tenant: str,
        ask: Ask,
        name: str,
        digest: str,
        claim: Claim | None,
    ) -> None:
        self._owners = owners
        self._claims = claims
        self._clock = clock
        self._tenant = tenant
        self._ask = ask
        self._name = name
        self._digest = digest
        self._claim = claim
        self._began = asyncio.get_running_loop().time()

    async def run(self, candidates: Sequence[str], more: Callable[[], list[str]] | None) -> LeaseDocument:
        """The lease of the first site that grants it. ``more`` gives further candidates when these are used up."""
        refused: dict[str, Refusal] = {}
        doubtful = ""  # the site asked last, where its answer never came
        waiting = list(candidates)
        while self._seconds_left() > LEAST_S:
            if not waiting and more is not None:
                waiting, more = [site for site in more() if site not in refused], None
            if not waiting:
                break
            site = waiting.pop(0)
            await self._go_on(site, doubtful)
            timeout_s = min(ATTEMPT_TIMEOUT_S, self._seconds_left())
            try:
                lease = await ask_at(self._owners, self._tenant, self._ask, self._name, self._digest, site, timeout_s)
            except Refusal as refusal:
                refused[site] = refusal
                doubtful = site if is_doubtful(refusal) else ""
            else:
                await self._require_claim(site)
                return lease
        raise await self._given_up(refused, doubtful)

    async def _go_on(self, site: str, doubtful: str) -> None:
        """Before another site is asked, the records hold that the former one may keep nothing."""
        claim = self._claim
        if claim is None:
            if doubtful:
                await self._claims.void(self._tenant, self._name, doubtful, self._clock.now())
        elif claim.site != site:
            if not await self._claims.move(claim, site, bool(doubtful)):
                raise out_of_reach(claim.site)  # a repeat got its lease there meanwhile
            self._claim = msgspec.structs.replace(claim, site=site)

    async def _require_claim(self, site: str) -> None:
        slow = self._seconds_left() < ASK_DEADLINE_S - SLOW_S
        if slow and self._claim is not None and not await self._claims.settle(self._claim):
            raise out_of_reach(site)

    async def _given_up(self, refused: dict[str, Refusal], doubtful: str) -> Refusal:
        """What is left of it is made void, so that a repeat need not wait for whoever did not answer."""
        claim = self._claim
        if not doubtful:
            if claim is not None:
                await self._claims.drop(claim)
            if not refused:
                return NoCapacity("no site within reach has room for all of it", reasons=[], passed_over={})
            return refused_by_all(refused)
        if claim is None:
            await self._claims.void(self._tenant, self._name, doubtful, self._clock.now())
        elif not await self._claims.give_up(claim):
            return refused[doubtful]  # a repeat found its lease there meanwhile, and will again
        return SiteUnreachable(
            f"{store_of(doubtful)} did not answer; what it may have granted costs nothing and is given back. Ask again",
            site=store_of(doubtful),
            asked=True,
        )

    def _seconds_left(self) -> float:
        return self._began + ASK_DEADLINE_S - asyncio.get_running_loop().time()


async def ask_at(
    owners: Owners, tenant: str, ask: Ask, name: str, digest: str, site: str, timeout_s: float = ATTEMPT_TIMEOUT_S
) -> LeaseDocument:
    """What the owner of one site says to an ask."""
    here = msgspec.structs.replace(ask, site=site, near=None, limit=1, count=None, sites=None)
    request = GrantAsk(tenant, here, key_at(name, site), digest)
    lease = await owners.ask(site, request, LeaseDocument, timeout_s)
    if site_of(lease.id) != site or lease.tenant != tenant:
        raise out_of_reach(site)  # an answer to something else is none
    return lease


def key_at(name: str, site: str) -> str:
    """The key by which the owner of a site is asked: it may own the next site as well."""
    return f"{name}@{site}"
