"""Escrow: capacity that a store has granted to the hub beforehand, for the hub to sell while the store is out of reach.

The store grants it as a house lease with an end; what the hub sells out of it lies within that lease in quantity and
time, in a ledger of the hub's own for a site called ``<site>~<hub>``. So whatever either side does while they can't
talk, no conflict is possible, and afterwards there is nothing to settle but to exchange events. Both ledgers go by
instants and not by anybody's clock, so clocks that differ change who may sell when, and never sell anything twice.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import PoolInUse, Refusal
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Clock
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import HOLDING, Site, store_of
from maillage.kernel.times import FOREVER, format_time
from maillage.kernel.writer import Writer
from maillage.mesh.asking import Owners, is_doubtful
from maillage.mesh.directory import Directory
from maillage.mesh.messages import ExtendLease, GrantAsk
from maillage.mesh.mirror import Mirror
from maillage.mesh.ports import EscrowRule, MeshRecords

log = logging.getLogger(__name__)

EVERY_S = 10.0
AT_ONCE = 32

Sizes = list[tuple[int, int]]
"""(since, thousandths) in order of time: a pool's size from each instant on."""
Pool = tuple[str, str]
"""A store and a kind."""


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
        self._keys: dict[Pool, str] = {}  # of asks whose answer never came: they are repeated, not asked anew
        self._granted: dict[Pool, str] = {}  # leases whose events may still be on their way

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
            await asyncio.gather(*(one(site) for site in self._directory.entries if self._is_current(site)))
        await self._plan()

    def holdings(self) -> list[str]:
        """The sites of the hub's own ledger."""
        return list(self._writer.keeper.ledger.sites)

    def _is_current(self, site: str) -> bool:
        """Whether a site can be asked, and the mirror shows all that it granted: else it would be asked for the same
        twice."""
        node = self._directory.owner(site)
        if node is None or not self._directory.is_reachable(node):
            return False
        return self._mirror.position(node) >= self._directory.end_of(node)

    def _held(self) -> dict[Pool, list[Lease]]:
        """The leases that stores granted to this hub, by site and kind."""
        now = self._clock.now()
        held: dict[Pool, list[Lease]] = defaultdict(list)
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
            else:
                await self._ask_anew(site, rule.kind, quantity, None if last is None else last.end, end)
        except Refusal as refusal:
            log.info("%s gives no escrow of %s now: %s", site, rule.kind, refusal.detail)

    async def _ask_anew(self, site: str, kind: str, quantity: int, start: int | None, end: int) -> None:
        """Ask for a lease of its own: there is none, or one of another quantity, which goes on to its end."""
        pool = (site, kind)
        if pool in self._granted and self._granted[pool] not in self._mirror.ledger.leases:
            return
        ask = Ask({kind: quantity}, start, end, site, None, "house")
        key = self._keys.setdefault(pool, self._make_id())
        try:
            self._granted[pool] = (await self._owners.ask(site, GrantAsk(self.tenant, ask, key, ""), LeaseDocument)).id
        except Refusal as refusal:
            if not is_doubtful(refusal):
                del self._keys[pool]
            raise
        del self._keys[pool]

    async def _plan(self) -> None:
        """Give each holding the size that its leases add up to, over time. One commit for all that changed."""
        ledger = self._writer.keeper.ledger
        held: dict[Pool, list[Lease]] = {
            (store_of(site), kind): [] for site, pools in ledger.pools.items() for kind in pools
        }
        held |= self._held()
        if any(self._is_new(ledger, pool, leases, self._clock.now()) for pool, leases in held.items()):
            await self._writer.submit(lambda scribe: self._decide(scribe, held))

    def _is_new(self, ledger: Ledger, pool: Pool, leases: list[Lease], now: int) -> bool:
        site, kind = pool
        known = ledger.pools.get(self._name(site), {}).get(kind)
        if known is None or ledger.sites[self._name(site)] != self._record(site, ledger):
            return True
        return [(at, size) for at, _, size in known.size_segments(now, FOREVER)] != sizes_of(leases, kind, now)

    def _decide(self, scribe: Scribe, held: dict[Pool, list[Lease]]) -> None:
        for pool, leases in held.items():
            if self._is_new(scribe.ledger, pool, leases, scribe.now):
                try:
                    self._resize(scribe, pool, sizes_of(leases, pool[1], scribe.now))
                except Refusal as refusal:
                    log.error("the holding of %s at %s keeps its size: %s", pool[1], pool[0], refusal.detail)

    def _resize(self, scribe: Scribe, pool: Pool, sizes: Sizes) -> None:
        """All steps or none: the first alone would hold for ever."""
        name, kind = self._name(pool[0]), pool[1]
        known = scribe.ledger.pools.get(name, {}).get(kind)
        for (since, size), beyond in zip(sizes, [*(at for at, _ in sizes[1:]), FOREVER], strict=True):
            if known is not None and known.committed.peak(since, beyond) > size:
                raise PoolInUse(f"more of it was sold from {format_time(since)} on than is held")
        set_site(scribe, self._record(pool[0], scribe.ledger))
        for since, size in sizes:
            set_capacity(scribe, name, PoolPlan(kind, size, since))

    def _name(self, site: str) -> str:
        return f"{site}{HOLDING}{self._hub}"

    def _record(self, site: str, ledger: Ledger) -> Site:
        """The store's, under the holding's name; the former one while the mirror does not know the store."""
        known = self._mirror.ledger.sites.get(site) or ledger.sites[self._name(site)]
        return msgspec.structs.replace(known, id=self._name(site))


def sizes_of(leases: list[Lease], kind: str, now: int) -> Sizes:
    """What leases of a kind add up to, from now on: each counts from its start to its end and no longer."""
    instants = sorted({now} | {at for lease in leases for at in (lease.start, lease.end) if at > now})
    sizes: Sizes = []
    for at in instants:
        size = sum(lease.needs[kind] for lease in leases if lease.start <= at < lease.end)
        if not sizes or sizes[-1][1] != size:
            sizes.append((at, size))
    return sizes
