"""Routing: an ask goes to the owner of the best site, and on to the next when that one refuses or does not answer.

No double grant, whatever is lost on the way. An owner remembers each key that it granted, so asking it again is safe.
Before an ask goes on to another site after an answer that never came, the records hold that its key must be made void
at the former one; whatever was granted there costs nothing and ends. With a key of the caller's own, the records also
hold where the key was taken to before anybody is asked, so that a repeat through any hub goes there first. Only the
attempt that entered the claim may take it elsewhere.
"""

import asyncio
from collections.abc import Callable

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import KeyReused, Refusal, UnknownSite
from maillage.kernel.find import Finder
from maillage.kernel.ports import Clock
from maillage.kernel.readings import shown
from maillage.kernel.scribe import View
from maillage.mesh.asking import Owners, is_doubtful, out_of_reach
from maillage.mesh.attempt import ASK_DEADLINE_S, Attempt, ask_at, key_at
from maillage.mesh.claims import ClaimDesk
from maillage.mesh.directory import HOLDING, Directory
from maillage.mesh.ports import Claim

CANDIDATES, MORE_CANDIDATES = 4, 32
FINISHED_AFTER_S = 60
"""An attempt of so long ago is over: its claim may be taken over once its site says that it granted nothing."""
LOOK_AGAIN_S = 0.25


class Router:
    """``make_id`` gives names that are never given twice, by no hub."""

    def __init__(
        self,
        owners: Owners,
        directory: Directory,
        finder: Finder,
        glance: Callable[[], View],
        claims: ClaimDesk,
        clock: Clock,
        hub_id: str,
        make_id: Callable[[], str],
    ) -> None:
        self._owners = owners
        self._directory = directory
        self._finder = finder
        self._glance = glance
        self._claims = claims
        self._clock = clock
        self._hub = hub_id
        self._make_id = make_id

    async def route(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> LeaseDocument:
        """The lease, at the ask's site or the nearest that grants it."""
        ask.interval(self._clock.now())
        candidates = self.candidates(ask, CANDIDATES)
        claim = None
        if key is not None:
            first = candidates[0] if candidates else ""
            mine = Claim(tenant, key, digest or "", first, self._clock.now(), self._make_id())
            stands = await self._claims.claim(mine)
            if stands.maker != mine.maker:
                return await self._repeat(tenant, ask, stands, mine)
            claim = mine
        name = f"{HOLDING}{self._make_id()}" if key is None else key
        attempt = Attempt(self._owners, self._claims, self._clock, tenant, ask, name, digest or "", claim)
        more = (lambda: self.candidates(ask, MORE_CANDIDATES)) if ask.near is not None else None
        return await attempt.run(candidates, more)

    def candidates(self, ask: Ask, most: int) -> list[str]:
        """Sites worth asking, the best first."""
        if ask.near is None:
            return [self.stand_in(ask.site or "")]
        found = self._finder.find(msgspec.structs.replace(ask, limit=most), self._clock.now())
        return [match.site for match in found.matches]

    def stand_in(self, site: str) -> str:
        """Who is to be asked for a site: its owner, or while that is out of reach what this hub holds there."""
        if site not in self._directory.entries:
            raise UnknownSite(f"the chain has no site {site[:64]!r}", site=site[:64])
        holding = f"{site}{HOLDING}{self._hub}"
        has_holding = holding in self._glance().ledger.sites and self._directory.reaches(holding)
        return holding if has_holding and not self._directory.reaches(site) else site

    async def _repeat(self, tenant: str, ask: Ask, stands: Claim, mine: Claim) -> LeaseDocument:
        """Another attempt has this key, or had it: its lease is ours too."""
        deadline = asyncio.get_running_loop().time() + ASK_DEADLINE_S
        while True:
            if stands.digest != mine.digest:
                raise KeyReused(
                    f"the key {mine.key[:64]!r} came with another body before; use a new key for a new ask",
                )
            lease = await self._found_out(tenant, ask, stands) if stands.site else None
            if lease is not None and (stands.settled or await self._claims.settle(stands)):
                return lease
            if asyncio.get_running_loop().time() > deadline:
                raise out_of_reach(stands.site)
            if lease is None:
                await asyncio.sleep(LOOK_AGAIN_S)
            stands = await self._claims.claim(mine)  # it may have moved on, or been given up
            if stands.maker == mine.maker:
                await self._claims.drop(mine)
                return await self.route(tenant, ask, mine.key, mine.digest)

    async def _found_out(self, tenant: str, ask: Ask, stands: Claim) -> LeaseDocument | None:
        """The lease of a claim; None where its attempt is still under way."""
        try:
            return await ask_at(self._owners, tenant, ask, stands.key, stands.digest, stands.site)
        except Refusal as refusal:
            if is_doubtful(refusal) or refusal.extra.get("asked") is False:
                view = self._glance()
                granted = view.ledger.granted_key(tenant, key_at(stands.key, stands.site), view.now)
                if granted is None or not granted.lease:
                    raise
                return shown(view, view.ledger.leases[granted.lease])
            if stands.at + FINISHED_AFTER_S > self._clock.now():
                return None
            await self._claims.drop(stands)  # its attempt was cut short, and nothing came of it
            return None
