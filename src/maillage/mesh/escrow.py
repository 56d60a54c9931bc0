"""Escrow: capacity that a store has granted to the hub beforehand, for the hub to sell while the store is out of reach.

The store grants it as a house lease with an end; what the hub sells out of it lies within that lease in quantity and
time, in a ledger of the hub's own for a site called ``<site>~<hub>``. So whatever either side does while they can't
talk, no conflict is possible, and afterwards there is nothing to settle but to exchange events.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Refusal
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Clock
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import Site
from maillage.kernel.times import FOREVER
from maillage.kernel.writer import Writer
from maillage.mesh.asking import Owners
from maillage.mesh.directory import HOLDING, Directory
from maillage.mesh.messages import ExtendLease, GrantAsk
from maillage.mesh.mirror import Mirror
from maillage.mesh.ports import EscrowRule, MeshRecords

log = logging.getLogger(__name__)

EVERY_S = 10.0
AT_ONCE = 32

Sizes = list[tuple[int, int]]
"""(since, thousandths) in order of time: a pool's size from each instant on."""


class Escrow:
    """``writer`` is that of the hub's own ledger of holdings."""

    def __init__(
        self,
        hub_id: str,
        writer: Writer,
        mirror: Mirror,
        owners: Owners,
        directory: Directory,
        records: MeshRecords,
        clock: Clock,
        make_id: Callable[[], str],
    ) -> None:
        self.tenant = f"{HOLDING}{hub_id}"
        self._hub = hub_id
        self._writer = writer
        self._mirror = mirror
        self._owners = owners
        self._directory = directory
        self._records = records
        self._clock = clock
        self._make_id = make_id

    async def cycle(self) -> None:
        """Renew once, and wait until it is time again."""
        try:
            await self.once()
        except Exception:
            log.exception("escrow could not be renewed; it will be tried again")
        await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Ask for what the rules want, and sell no more than what was granted."""
        rules = await asyncio.to_thread(self._records.escrow_rules)
        held = self._held()
        room = asyncio.Semaphore(AT_ONCE)

        async def one(site: str) -> None:
            async with room:
                for rule in rules:
                    await self._renew(site, rule, held.get((site, rule.kind), []))

        if rules:
            await asyncio.gather(*(one(site) for site in self._directory.entries if self._directory.reaches(site)))
        await self._plan()

    def holdings(self) -> list[str]:
        """The sites of the hub's own ledger."""
        return list(self._writer.keeper.ledger.sites)

    def _held(self) -> dict[tuple[str, str], list[Lease]]:
        """The leases that stores granted to this hub, by site and kind."""
        now = self._clock.now()
        held: dict[tuple[str, str], list[Lease]] = defaultdict(list)
        for lease in self._mirror.ledger.leases_of_tenant.get(self.tenant, ()):
            if lease.is_active and lease.end > now:
                for kind in lease.needs:
                    held[lease.site, kind].append(lease)
        return held

    async def _renew(self, site: str, rule: EscrowRule, leases: list[Lease]) -> None:
        pool = self._mirror.ledger.pools.get(site, {}).get(rule.kind)
        now = self._clock.now()
        quantity = 0 if pool is None else min(rule.quantity, int(pool.size_at(now) * rule.share))
        last = max(leases, key=lambda lease: lease.end, default=None)
        if quantity <= 0 or (last is not None and last.end >= now + rule.ahead_s):
            return
        end = now + 2 * rule.ahead_s
        try:
            if last is not None and last.needs == {rule.kind: quantity}:
                await self._owners.ask(site, ExtendLease(last.id, end, self.tenant), LeaseDocument)
            elif last is None:
                ask = Ask({rule.kind: quantity}, None, end, site, None, "house")
                await self._owners.ask(site, GrantAsk(self.tenant, ask, self._make_id(), ""), LeaseDocument)
        except Refusal as refusal:
            log.info("%s gives no escrow of %s now: %s", site, rule.kind, refusal.detail)

    async def _plan(self) -> None:
        """Give each holding the size that its leases add up to, over time. One commit for all that changed."""
        held = self._held()
        ledger = self._writer.keeper.ledger
        if any(self._is_new(ledger, site, kind, leases) for (site, kind), leases in held.items()):
            await self._writer.submit(lambda scribe: self._decide(scribe, held))

    def _is_new(self, ledger: Ledger, site: str, kind: str, leases: list[Lease]) -> bool:
        pool = ledger.pools.get(self._name(site), {}).get(kind)
        now = self._clock.now()
        if pool is None or ledger.sites[self._name(site)] != self._record(site):
            return True
        return [(at, size) for at, _, size in pool.size_segments(now, FOREVER)] != sizes_of(leases, kind, now)

    def _decide(self, scribe: Scribe, held: dict[tuple[str, str], list[Lease]]) -> None:
        for (site, kind), leases in held.items():
            if not self._is_new(scribe.ledger, site, kind, leases):
                continue
            set_site(scribe, self._record(site))
            for since, size in sizes_of(leases, kind, scribe.now):
                set_capacity(scribe, self._name(site), PoolPlan(kind, size, since))

    def _name(self, site: str) -> str:
        return f"{site}{HOLDING}{self._hub}"

    def _record(self, site: str) -> Site:
        return msgspec.structs.replace(self._mirror.ledger.sites[site], id=self._name(site))


def sizes_of(leases: list[Lease], kind: str, now: int) -> Sizes:
    """What leases of a kind add up to, from now on: each counts from its start to its end and no longer."""
    instants = sorted({now} | {at for lease in leases for at in (lease.start, lease.end) if at > now})
    sizes: Sizes = []
    for at in instants:
        size = sum(lease.needs[kind] for lease in leases if lease.start <= at < lease.end)
        if not sizes or sizes[-1][1] != size:
            sizes.append((at, size))
    return sizes
