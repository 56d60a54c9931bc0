"""Routing: an ask goes to the owner of the best site, and on to the next when that one refuses or does not answer.

No double grant, whatever is lost on the way. An owner remembers each key that it granted, so asking it again is safe.
Before an ask goes on to another site, or is given up, after an answer that never came, the records hold that its key
must be made void at the former one; whatever was granted there costs nothing and ends.

With a key of the caller's own, the records also hold where the key was taken to before anybody is asked, so that a
repeat through any hub looks there first. A repeat only looks: were it to ask, an owner that had refused the first
attempt could grant the repeat after the first had gone on. Only the attempt that entered the claim may take it
elsewhere, and nobody may once a repeat has found a lease and settled the claim. An attempt that was cut short leaves
its claim behind; a repeat gives that up in its place when it is surely over, and begins afresh.
"""

import asyncio
from collections.abc import Callable

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Category, Invalid, KeyReused, QuotaExceeded, Refusal, SiteUnreachable, UnknownSite
from maillage.kernel.find import Finder
from maillage.kernel.ports import Clock
from maillage.kernel.readings import shown
from maillage.kernel.scribe import View
from maillage.kernel.sites import HOLDING, store_of
from maillage.kernel.times import DAY_S, HOUR_S
from maillage.mesh.allowance import Allowance
from maillage.mesh.asking import Owners, out_of_reach
from maillage.mesh.attempt import ASK_DEADLINE_S, Attempt, key_at
from maillage.mesh.claims import SEVERAL, ClaimDesk
from maillage.mesh.directory import Directory
from maillage.mesh.messages import Recalled, RecallKey
from maillage.mesh.ports import Claim

CANDIDATES, MORE_CANDIDATES = 4, 32
FINISHED_AFTER_S = 60
"""An attempt of so long ago is over, whatever became of its hub."""
REMEMBERED_S = DAY_S - HOUR_S
"""For so long owners surely remember what they granted; that they know nothing of an older key says nothing."""
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
        allowance: Allowance,
        clock: Clock,
        hub_id: str,
        make_id: Callable[[], str],
    ) -> None:
        self._owners = owners
        self._directory = directory
        self._finder = finder
        self._glance = glance
        self._claims = claims
        self._allowance = allowance
        self._clock = clock
        self._hub = hub_id
        self._make_id = make_id

    async def route(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> LeaseDocument:
        """The lease, at the ask's site or the nearest that grants it."""
        try:
            start, end = ask.interval(self._clock.now())
            candidates = self.candidates(ask, CANDIDATES)
        except Invalid as refusal:
            if key is None:
                raise
            return await self._granted_before(tenant, key, digest or "", refusal)
        claim = None
        if key is not None:
            first = candidates[0] if candidates else ""
            claim = Claim(tenant, key, digest or "", first, self._clock.now(), self._make_id())
            stands = await self._claims.claim(claim)
            if stands.maker != claim.maker:
                lease = await self._repeated(stands, claim)
                return await self.route(tenant, ask, key, digest) if lease is None else lease
        name = f"{HOLDING}{self._make_id()}" if claim is None else claim.name
        attempt = Attempt(self._owners, self._claims, self._clock, tenant, ask, name, digest or "", claim)
        more = (lambda: self._further(ask)) if ask.near is not None else None
        try:
            async with self._allowance.reserved(tenant, ask.needs, start, end):
                return await attempt.run(candidates, more)
        except QuotaExceeded:
            if claim is not None:
                await self._claims.drop(claim)
            raise

    def candidates(self, ask: Ask, most: int) -> list[str]:
        """Sites worth asking, the best first."""
        if ask.near is None:
            stand_in = self.stand_in(ask.site or "")
            # What a service keeps goes on for longer than anything is held: it waits for the store itself.
            return [store_of(stand_in) if ask.kept_by else stand_in]
        found = self._finder.find(msgspec.structs.replace(ask, limit=most), self._clock.now())
        return [match.site for match in found.matches]

    def _further(self, ask: Ask) -> list[str]:
        """Many more candidates; none where the ask's time went by while the first were asked."""
        try:
            return self.candidates(ask, MORE_CANDIDATES)
        except Invalid:
            return []

    def stand_in(self, site: str) -> str:
        """Who is to be asked for a site: its owner, or while that is out of reach what this hub holds there."""
        if site not in self._directory.entries:
            raise UnknownSite(f"the chain has no site {site[:64]!r}", site=site[:64])
        holding = f"{site}{HOLDING}{self._hub}"
        has_holding = holding in self._glance().ledger.sites and self._directory.reaches(holding)
        return holding if has_holding and not self._directory.reaches(site) else site

    async def _granted_before(self, tenant: str, key: str, digest: str, refusal: Invalid) -> LeaseDocument:
        """An ask whose time is none any more gets nothing new, but its key may have been granted before."""
        mine = Claim(tenant, key, digest, "", self._clock.now(), self._make_id())
        stands = await self._claims.claim(mine)
        lease = None if stands.maker == mine.maker else await self._repeated(stands, mine)
        if lease is None:
            await self._claims.drop(mine)
            raise refusal
        return lease

    async def _repeated(self, stands: Claim, mine: Claim) -> LeaseDocument | None:
        """Another attempt has this key, or had it: its lease is ours too. None, and no claim, where nothing came of
        it."""
        deadline = asyncio.get_running_loop().time() + ASK_DEADLINE_S
        while True:
            if stands.digest != mine.digest or stands.site.startswith(SEVERAL):
                raise KeyReused(
                    f"the key {mine.key[:64]!r} came with another body before; use a new key for a new ask",
                )
            lease = await self._recalled(stands) if stands.site else None
            if lease is not None:
                if stands.settled or await self._claims.settle(stands):
                    return lease
            elif stands.settled or stands.at + FINISHED_AFTER_S < self._clock.now():
                await self._take_over(stands)
            elif asyncio.get_running_loop().time() > deadline:
                raise SiteUnreachable(
                    "the first ask with this key has not come to its end; the same again in a moment finds out",
                    asked=True,
                )
            else:
                await asyncio.sleep(LOOK_AGAIN_S)
            stands = await self._claims.claim(mine)  # it may have moved on, or been given up
            if stands.maker == mine.maker:
                await self._claims.drop(mine)
                return None

    async def _take_over(self, stands: Claim) -> None:
        """Its attempt was cut short, or its day is over. What its site may grant of it later is made void."""
        if stands.settled or stands.at + REMEMBERED_S < self._clock.now():
            await self._claims.drop(stands)
        else:
            await self._claims.give_up(stands)

    async def _recalled(self, stands: Claim) -> LeaseDocument | None:
        """What the site of a claim granted its attempt; as the mirror has it while the site is out of reach."""
        key = key_at(stands.name, stands.site)
        try:
            return (await self._owners.ask(stands.site, RecallKey(stands.tenant, key), Recalled)).lease
        except Refusal as refusal:
            if refusal.category is not Category.UNAVAILABLE:
                raise
        view = self._glance()
        granted = view.ledger.granted_key(stands.tenant, key, view.now)
        lease = view.ledger.leases.get(granted.lease) if granted is not None else None
        if lease is None or (lease.site, lease.tenant) != (stands.site, stands.tenant):
            raise out_of_reach(stands.site)
        return shown(view, lease)
