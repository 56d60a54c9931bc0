"""The office: what the faces may ask of the kernel, in documents.

It is the line that a real chain is cut along: nothing above it sees a ledger, so whether the owner of a site is this
process or a node behind a bus is not the faces' business.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from maillage.kernel.asks import Ask, Near
from maillage.kernel.billing import Invoice, UsageLine, invoice, usage_line
from maillage.kernel.capacity import set_capacity, set_site
from maillage.kernel.documents import (
    CapacityDocument,
    CapacityPlanDocument,
    LeaseDocument,
    OfferDocument,
    OffersDocument,
    capacity_document,
    lease_document,
    plan_of,
    price_document,
)
from maillage.kernel.errors import Invalid, NoCapacity, NotFound, NoticeTooShort, PriceAboveCap, Refusal
from maillage.kernel.find import Finder, Found
from maillage.kernel.grants import Order, grant, remembered
from maillage.kernel.latency import RoundTrip, estimate
from maillage.kernel.leases import Lease
from maillage.kernel.moves import confirm, extend, find_lease, measure, release
from maillage.kernel.paging import Page, page
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import Site
from maillage.kernel.times import DAY_S, HORIZON_S, format_time
from maillage.kernel.writer import Writer

CANDIDATES, MORE_CANDIDATES = 4, 256
"""Sites that an ask near a place is offered to, nearest first; the many only where all of the few refused."""


class LeaseFilter(msgspec.Struct, frozen=True):
    """Which leases a list is to hold; None is any."""

    tenant: str | None = None
    site: str | None = None
    state: str | None = None


class NearSite(msgspec.Struct, frozen=True):
    site: Site
    distance_km: float
    round_trip: RoundTrip


class Office:
    """``tenant`` None in a call means somebody who may see the leases of all."""

    def __init__(self, writer: Writer, finder: Finder, policy: Policy, clock: Clock) -> None:
        self._writer = writer
        self._finder = finder
        self._policy = policy
        self._clock = clock

    # -- asks and leases -----------------------------------------------------------------------------------------

    async def lease(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> LeaseDocument:
        """Grant the ask at its site, or at the nearest that can; a refusal says why."""
        if ask.near is None:
            return await self._lease(tenant, ask, None, key, digest)
        found = self._finder.find(_widened(ask, CANDIDATES), self._clock.now())
        try:
            return await self._lease(tenant, ask, found, key, digest)
        except Refusal as refusal:
            if not _worth_widening(refusal, found):
                raise
        found = self._finder.find(_widened(ask, MORE_CANDIDATES), self._clock.now())
        return await self._lease(tenant, ask, found, key, digest)

    async def lease_batch(
        self, tenant: str, asks: Sequence[Ask | Refusal], key: str | None, digests: Sequence[str | None]
    ) -> list[LeaseDocument | Refusal]:
        """Grant each by itself, in order, with one commit for all; what is a refusal already stays one."""
        now = self._clock.now()
        answers: list[Any] = list(asks)
        near: list[int] = []
        for number, ask in enumerate(asks):
            if isinstance(ask, Ask) and ask.near is not None:
                try:
                    ask.interval(now)
                    near.append(number)
                except Refusal as refusal:
                    answers[number] = refusal
        looked_for = [_widened(answers[number], CANDIDATES) for number in near]
        found = dict(zip(near, self._finder.find_many(looked_for, now), strict=True))

        def decide(scribe: Scribe) -> list[LeaseDocument | Refusal]:
            results: list[LeaseDocument | Refusal] = []
            for number, ask in enumerate(answers):
                if isinstance(ask, Refusal):
                    results.append(ask)
                    continue
                item_key = None if key is None else f"{key}#{number}"
                sites = found.get(number)
                order = _order(tenant, ask, sites, item_key, digests[number])
                try:
                    results.append(self._document(scribe, _grant(scribe, order, sites)))
                except Refusal as refusal:
                    results.append(refusal)
            return results

        documents: list[LeaseDocument | Refusal] = await self._writer.submit(decide)
        for number, sites in found.items():
            answer = documents[number]
            if isinstance(answer, Refusal) and _worth_widening(answer, sites):
                item_key = None if key is None else f"{key}#{number}"
                try:
                    documents[number] = await self.lease(tenant, answers[number], item_key, digests[number])
                except Refusal as again:
                    documents[number] = again
        return documents

    async def get_lease(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: find_lease(scribe, lease_id, tenant))

    async def confirm(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: confirm(scribe, lease_id, tenant))

    async def extend(self, lease_id: str, end: int, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: extend(scribe, lease_id, end, tenant))

    async def release(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: release(scribe, lease_id, tenant))

    async def measure(self, lease_id: str, meters: dict[str, int]) -> LeaseDocument:
        return await self._one(lambda scribe: measure(scribe, lease_id, meters))

    def is_tenants(self, lease_id: str, tenant: str) -> bool:
        """Whether a lease is this tenant's own."""
        lease = self._writer.keeper.ledger.leases.get(lease_id)
        return lease is not None and lease.tenant == tenant

    async def list_leases(self, wanted: LeaseFilter, cursor: str | None, limit: int) -> Page[LeaseDocument]:
        def read(scribe: Scribe) -> Page[LeaseDocument]:
            ledger = scribe.ledger
            if wanted.site is not None:
                entries: Any = ledger.leases_of_site.get(wanted.site, [])
            elif wanted.tenant is not None:
                entries = ledger.leases_of_tenant.get(wanted.tenant, [])
            else:
                entries = ledger.leases.values()
            some: Page[Lease] = page(entries, lambda lease: _matches(lease, wanted), wanted, cursor, limit)
            return Page([self._document(scribe, lease) for lease in some.items], some.next)

        documents: Page[LeaseDocument] = await self._writer.submit(read)
        return documents

    def offers(self, ask: Ask) -> OffersDocument:
        """Sites that could meet the ask now, nearest first; a hint that is not kept for anybody."""
        now = self._clock.now()
        ledger = self._writer.keeper.ledger
        if ask.near is None:
            site = ledger.sites.get(ask.site or "")
            if site is None:
                raise Invalid("site", f"the chain has no site {(ask.site or '')[:64]!r}")
            ask = msgspec.structs.replace(ask, near=Near(site.lat, site.lon, within_km=0.001), limit=1)
        found = self._finder.find(ask, now)
        start, end = ask.interval(now)
        offers = []
        for match in found.matches:
            site = ledger.sites[match.site]
            pools = ledger.pools[match.site]
            per_hour = self._policy.pricing.per_hour(ask.needs, ask.cls, site, pools, start, end)
            price = price_document(per_hour, start, end, self._policy.pricing.book.currency)
            km, trip = round(match.distance_km, 3), estimate(match.distance_km)
            offers.append(OfferDocument(site.id, site.name, site.lat, site.lon, km, trip, price))
        return OffersDocument(format_time(now), offers, found.passed_over)

    # -- sites and what they offer -------------------------------------------------------------------------------

    async def set_site(self, site: Site) -> bool:
        """Enter or change a site; whether that changed anything."""
        changed: bool = await self._writer.submit(lambda scribe: set_site(scribe, site))
        return changed

    async def set_sites(self, sites: Sequence[Site]) -> int:
        """Enter many in one commit; how many of them were new or changed."""
        changed: int = await self._writer.submit(lambda scribe: sum(set_site(scribe, site) for site in sites))
        return changed

    async def get_site(self, site_id: str) -> Site:
        site: Site = await self._writer.submit(lambda scribe: _site(scribe, site_id))
        return site

    async def list_sites(self, cursor: str | None, limit: int) -> Page[Site]:
        sites: Page[Site] = await self._writer.submit(
            lambda scribe: page(scribe.ledger.sites.values(), lambda _: True, "sites", cursor, limit)
        )
        return sites

    def nearest_sites(self, lat: float, lon: float, limit: int) -> list[NearSite]:
        ledger = self._writer.keeper.ledger
        return [
            NearSite(ledger.sites[match.site], round(match.distance_km, 3), estimate(match.distance_km))
            for match in self._finder.nearest_sites(lat, lon, limit)
        ]

    async def capacity(
        self, site_id: str, kind: str | None, start: int | None, end: int | None
    ) -> list[CapacityDocument]:
        """The pools of a site (or one of them) over a time: from now for a week, unless told otherwise."""

        def read(scribe: Scribe) -> list[CapacityDocument]:
            _site(scribe, site_id)
            first = scribe.now if start is None else start
            beyond = first + 7 * DAY_S if end is None else end
            if beyond <= first or beyond > scribe.now + HORIZON_S:
                raise Invalid("end", "must lie after the start and at most 50 years ahead")
            pools = scribe.ledger.pools[site_id]
            if kind is not None:
                self._policy.require_kind(kind)
                if kind not in pools:
                    raise NotFound(f"{site_id} offers no {kind}; it offers {', '.join(pools) or 'nothing yet'}")
            wanted = pools.values() if kind is None else [pools[kind]]
            return [capacity_document(pool, self._unit(pool.kind), first, beyond) for pool in wanted]

        documents: list[CapacityDocument] = await self._writer.submit(read)
        return documents

    async def set_capacity(self, site_id: str, kind: str, document: CapacityPlanDocument) -> CapacityDocument:
        def decide(scribe: Scribe) -> CapacityDocument:
            plan = plan_of(kind, document, scribe.now)
            pool = set_capacity(scribe, site_id, plan)
            since = scribe.now if plan.since is None else max(plan.since, scribe.now)
            return capacity_document(pool, self._unit(kind), since, since + 7 * DAY_S)

        answer: CapacityDocument = await self._writer.submit(decide)
        return answer

    # -- money ---------------------------------------------------------------------------------------------------

    async def usage(self, wanted: LeaseFilter, start: int, end: int, cursor: str | None, limit: int) -> Page[UsageLine]:
        """What leases reserved within ``[start, end)``, up to now."""

        def read(scribe: Scribe) -> Page[UsageLine]:
            ledger, until = scribe.ledger, min(end, scribe.now)
            entries: Any = ledger.leases.values()
            if wanted.tenant is not None:
                entries = ledger.leases_of_tenant.get(wanted.tenant, [])

            def matches(lease: Lease) -> bool:
                return _matches(lease, wanted) and usage_line(ledger, lease, start, until) is not None

            some: Page[Lease] = page(entries, matches, (wanted, start, end), cursor, limit)
            lines = [usage_line(ledger, lease, start, until) for lease in some.items]
            return Page([line for line in lines if line is not None], some.next)

        lines: Page[UsageLine] = await self._writer.submit(read)
        return lines

    async def invoices(self, month: str, tenants: Sequence[str]) -> list[Invoice]:
        """One invoice per tenant, an empty one for a tenant that owes nothing."""
        currency = self._policy.pricing.book.currency
        made: list[Invoice] = await self._writer.submit(
            lambda scribe: [invoice(scribe.ledger, tenant, month, currency, scribe.now) for tenant in tenants]
        )
        return made

    # -- shared --------------------------------------------------------------------------------------------------

    async def _lease(
        self, tenant: str, ask: Ask, found: Found | None, key: str | None, digest: str | None
    ) -> LeaseDocument:
        order = _order(tenant, ask, found, key, digest)
        document: LeaseDocument = await self._writer.submit(
            lambda scribe: self._document(scribe, _grant(scribe, order, found))
        )
        return document

    async def _one(self, move: Any) -> LeaseDocument:
        document: LeaseDocument = await self._writer.submit(lambda scribe: self._document(scribe, move(scribe)))
        return document

    def _document(self, scribe: Scribe, lease: Lease) -> LeaseDocument:
        return lease_document(lease, scribe.now, self._policy.pricing.book.currency)

    def _unit(self, kind: str) -> str:
        return self._policy.require_kind(kind).unit


def _grant(scribe: Scribe, order: Order, found: Found | None) -> Lease:
    if found is None or order.sites:
        return grant(scribe, order)
    again = remembered(scribe, order)
    if again is not None:
        return again
    order.ask.interval(scribe.now)
    raise NoCapacity("no site within reach has room for all of it", reasons=[], passed_over=found.passed_over)


def _order(tenant: str, ask: Ask, found: Found | None, key: str | None, digest: str | None) -> Order:
    sites = (ask.site or "",) if found is None else tuple(match.site for match in found.matches)
    return Order(tenant, ask, sites, key, digest)


def _widened(ask: Ask, candidates: int) -> Ask:
    return msgspec.structs.replace(ask, limit=candidates)


def _worth_widening(refusal: Refusal, found: Found) -> bool:
    """Whether sites further away may grant what all the candidates refused: they changed their mind since the find,
    or had spot leases to give notice to."""
    return len(found.matches) == CANDIDATES and isinstance(refusal, NoCapacity | NoticeTooShort | PriceAboveCap)


def _matches(lease: Lease, wanted: LeaseFilter) -> bool:
    return (
        (wanted.state is None or lease.state == wanted.state)
        and (wanted.tenant is None or lease.tenant == wanted.tenant)
        and (wanted.site is None or lease.site == wanted.site)
    )


def _site(scribe: Scribe, site_id: str) -> Site:
    site = scribe.ledger.sites.get(site_id)
    if site is None:
        raise NotFound(f"the chain has no site {site_id[:64]!r}")
    return site
