"""An ask for several sites: holds at each, then confirmations; all or nothing in the end.

Before a site is asked, the records hold that it will be, and before anything is confirmed, that it may be. So whatever
dies on the way, some hub finishes the order or makes void what was granted for it. The records let only the hub that
has an order write it, and nobody once it is finished, so two hubs never end the same order differently.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Category, KeyReused, Refusal, SiteUnreachable
from maillage.kernel.grants import too_few
from maillage.kernel.leases import site_of
from maillage.kernel.ports import Clock
from maillage.kernel.sites import store_of
from maillage.mesh.allowance import Allowance
from maillage.mesh.asking import Owners, is_doubtful, out_of_reach
from maillage.mesh.attempt import ask_at
from maillage.mesh.claims import SEVERAL, ClaimDesk
from maillage.mesh.messages import ConfirmLease
from maillage.mesh.ports import Claim, MeshRecords, MultiOrder, Void

log = logging.getLogger(__name__)

HOLD_S = 120
"""For each hold until all are confirmed: several times what the whole order may take."""
DEADLINE_S = 20.0
ALIVE_S = 45
"""After so long without a word of its hub an order is taken over by another."""
AT_ONCE = 32
SPARE = 32
"""Sites looked for beyond those asked for, since some may refuse."""
SWEEP_EVERY_S = 10.0
LOOK_AGAIN_S = 0.25
HOLDING, CONFIRMING, DONE, UNDONE = "holding", "confirming", "done", "undone"

Candidates = Callable[[Ask, int], list[str]]


class OrderState(msgspec.Struct):
    """What must be known to finish an order or undo it. ``at`` (seconds UTC) is when it began, ``asked`` lists the
    sites that may have granted something, ``leases`` what is known to have been granted."""

    tenant: str
    at: int
    asked: list[str]
    leases: list[LeaseDocument]


class Several:
    """``candidates`` finds sites for an ask near a place; ``make_id`` names orders."""

    def __init__(
        self,
        owners: Owners,
        claims: ClaimDesk,
        allowance: Allowance,
        records: MeshRecords,
        candidates: Candidates,
        stand_in: Callable[[str], str],
        clock: Clock,
        hub_id: str,
        make_id: Callable[[], str],
    ) -> None:
        self._owners = owners
        self._claims = claims
        self._allowance = allowance
        self._records = records
        self._candidates = candidates
        self._stand_in = stand_in
        self._clock = clock
        self._hub = hub_id
        self._make_id = make_id
        self._begun: set[str] = set()  # orders of this hub's own that the records know

    async def grant(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> list[LeaseDocument]:
        """A lease at each of the sites, or a refusal and nothing anywhere."""
        order_id = self._make_id()
        claim = None
        if key is not None:
            claim = Claim(tenant, key, digest or "", f"{SEVERAL}{order_id}", self._clock.now(), order_id)
            stands = await self._claims.claim(claim)
            if stands.maker != order_id:
                leases = await self._repeated(stands, claim)
                return await self.grant(tenant, ask, key, digest) if leases is None else leases
        state = OrderState(tenant, self._clock.now(), [], [])
        try:
            start, end = ask.interval(state.at)
            async with self._allowance.reserved(tenant, ask.needs, start, end, ask.leases_wanted):
                await self._granted(order_id, state, ask, digest or "")
        except BaseException as fault:
            if order_id in self._begun:
                await self._undo(order_id, state)
            if claim is not None:
                await self._claims.drop(claim)
            if isinstance(fault, Refusal):
                fault.extra.pop("asked", None)  # whatever was done is being undone
            raise
        finally:
            self._begun.discard(order_id)
        await self._finish(order_id, state)
        return state.leases

    async def sweep(self) -> None:
        """Until cancelled: end what dead hubs left under way."""
        while True:
            try:
                now = self._clock.now()
                taken = await asyncio.to_thread(self._records.take_orders, self._hub, now, now + ALIVE_S)
                for order in taken:
                    await self._take_over(order)
            except Exception:
                log.exception("orders that were left under way could not be ended; they will be")
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _granted(self, order_id: str, state: OrderState, ask: Ask, digest: str) -> None:
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        count = ask.leases_wanted
        refused: dict[str, Refusal] = {}
        hold = ask if ask.hold_s is not None else msgspec.structs.replace(ask, hold_s=HOLD_S)
        spare = self._spare(ask, count)
        while len(state.leases) < count and spare and asyncio.get_running_loop().time() < deadline:
            wave, spare = spare[: count - len(state.leases)], spare[count - len(state.leases) :]
            state.asked += wave
            self._begun.add(order_id)
            await self._put(order_id, HOLDING, state)
            await self._ask_wave(order_id, wave, hold, digest, state, refused)
            if ask.sites is not None and refused:
                break
        if len(state.leases) < count:
            raise _too_few(state.leases, ask, refused)
        if ask.hold_s is None:
            await self._confirm(order_id, state, deadline)

    def _spare(self, ask: Ask, count: int) -> list[str]:
        if ask.sites is not None:
            return [self._stand_in(site) for site in ask.sites]
        return self._candidates(ask, count + SPARE)

    async def _ask_wave(
        self, order_id: str, wave: list[str], ask: Ask, digest: str, state: OrderState, refused: dict[str, Refusal]
    ) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(site: str) -> None:
            async with room:
                try:
                    state.leases.append(await ask_at(self._owners, state.tenant, ask, order_id, digest, site))
                except Refusal as refusal:
                    refused[site] = refusal
                    if not is_doubtful(refusal):
                        state.asked.remove(site)

        await asyncio.gather(*(one(site) for site in wave))

    async def _confirm(self, order_id: str, state: OrderState, deadline: float) -> None:
        await self._put(order_id, CONFIRMING, state)
        owners_of = {site_of(lease.id): lease.id for lease in state.leases}
        confirmed: dict[str, LeaseDocument] = {}
        while True:
            waiting = {site: lease for site, lease in owners_of.items() if site not in confirmed}
            work = {site: ConfirmLease(lease, state.tenant) for site, lease in waiting.items()}
            for site, answer in (await self._owners.ask_each(work, LeaseDocument, AT_ONCE)).items():
                if isinstance(answer, LeaseDocument):
                    confirmed[site] = answer
                elif not (isinstance(answer, Refusal) and answer.category is Category.UNAVAILABLE):
                    raise answer
            if len(confirmed) == len(owners_of):
                state.leases = list(confirmed.values())
                return
            if asyncio.get_running_loop().time() >= deadline:
                raise out_of_reach(next(site for site in owners_of if site not in confirmed))
            await asyncio.sleep(0.5)

    async def _repeated(self, stands: Claim, mine: Claim) -> list[LeaseDocument] | None:
        """The leases of the order that has this key already, once it is finished; None where nothing came of it."""
        if stands.digest != mine.digest or not stands.site.startswith(SEVERAL):
            raise KeyReused(f"the key {mine.key[:64]!r} came with another body before; use a new key for a new ask")
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        order_id = stands.site.removeprefix(SEVERAL)
        while asyncio.get_running_loop().time() < deadline:
            order = await asyncio.to_thread(self._records.order, order_id)
            if order is None and stands.at + ALIVE_S < self._clock.now():
                # Its hub died before it began; should it only have slept, it finds the order ended.
                await self._undo(order_id, OrderState(stands.tenant, stands.at, [], []))
                continue
            if order is not None and order.step == DONE:
                return msgspec.json.decode(order.body, type=OrderState).leases
            if order is not None and order.step == UNDONE:
                await self._claims.drop(stands)
                return None
            await asyncio.sleep(LOOK_AGAIN_S)
        raise SiteUnreachable(
            "the first ask with this key has not come to its end; the same again in a moment finds out", asked=True
        )

    async def _take_over(self, order: MultiOrder) -> None:
        state = msgspec.json.decode(order.body, type=OrderState)
        log.warning("order %s was left at %s; it is being ended", order.id, order.step)
        if order.step == CONFIRMING:
            try:
                deadline = asyncio.get_running_loop().time() + DEADLINE_S
                await self._confirm(order.id, state, deadline)
            except Refusal as refusal:
                log.warning("order %s can't be confirmed (%s), so it is undone", order.id, refusal.detail)
            else:
                await self._finish(order.id, state)
                return
        await self._undo(order.id, state)

    async def _undo(self, order_id: str, state: OrderState) -> None:
        voids = [Void(state.tenant, order_id, site, state.at) for site in state.asked]
        await self._put(order_id, UNDONE, OrderState(state.tenant, state.at, state.asked, []), voids)

    async def _finish(self, order_id: str, state: OrderState) -> None:
        """Done; what a site may have granted without our hearing of it is made void."""
        granted = {site_of(lease.id) for lease in state.leases}
        voids = [Void(state.tenant, order_id, site, state.at) for site in state.asked if site not in granted]
        await self._put(order_id, DONE, state, voids)

    async def _put(self, order_id: str, step: str, state: OrderState, voids: list[Void] | None = None) -> None:
        order = MultiOrder(order_id, self._hub, step, self._clock.now() + ALIVE_S, msgspec.json.encode(state))
        if voids is None:
            ours = await asyncio.to_thread(self._records.put_order, order)
        else:
            ours = await asyncio.to_thread(self._records.finish_order, order, voids)
        if not ours:
            raise SiteUnreachable("the order took so long that another hub has ended it; ask again", asked=True)


def _too_few(leases: list[LeaseDocument], ask: Ask, refused: dict[str, Refusal]) -> Refusal:
    """Of sites that were named, one that can't be reached says nothing of the room there is."""
    away = [store_of(site) for site, refusal in refused.items() if refusal.category is Category.UNAVAILABLE]
    if ask.sites is not None and away:
        return SiteUnreachable(
            f"{away[0]} is out of reach, so nothing was taken at any of the {len(ask.sites)} sites; ask again "
            "later, or without it",
            site=away[0],
        )
    said = {store_of(site): refusal for site, refusal in refused.items()}
    return too_few(len(leases), ask.leases_wanted, said)
