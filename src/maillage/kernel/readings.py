"""Reading: what the faces may ask about a chain, answered in documents from one ledger.

The ledger may be the owner's own or a hub's mirror of many: the questions are the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from maillage.kernel.asks import Ask, Near
from maillage.kernel.billing import Invoice, UsageLine, invoice, usage_line
from maillage.kernel.documents import (
    CapacityDocument,
    LeaseDocument,
    OfferDocument,
    OffersDocument,
    capacity_document,
    lease_document,
    price_document,
)
from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.events import Event, Leased, Noted, Resized, SiteSet
from maillage.kernel.find import Finder
from maillage.kernel.latency import RoundTrip, estimate
from maillage.kernel.leases import Lease
from maillage.kernel.moves import find_lease
from maillage.kernel.paging import Page, page
from maillage.kernel.scribe import View
from maillage.kernel.sites import Site, store_of
from maillage.kernel.times import DAY_S, HORIZON_S, format_time

T = TypeVar("T")


class LeaseFilter(msgspec.Struct, frozen=True):
    """Which leases a list is to hold; None is any."""

    tenant: str | None = None
    site: str | None = None
    state: str | None = None


class NearSite(msgspec.Struct, frozen=True):
    site: Site
    distance_km: float
    round_trip: RoundTrip


class Readings(ABC):
    """``tenant`` None in a call means somebody who may see the leases of all."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder

    @abstractmethod
    async def read(self, reading: Callable[[View], T]) -> T:
        """What a reading says once all that was acknowledged so far is in the ledger; it raises its Refusal."""

    @abstractmethod
    def glance(self) -> View:
        """The ledger as it is at this moment, for hints."""

    def parts_of(self, store: str) -> Sequence[str]:
        """The sites of the ledger that together are a store."""
        return (store,)

    def _parts(self, wanted: LeaseFilter) -> Sequence[str]:
        return () if wanted.site is None else self.parts_of(wanted.site)

    async def get_lease(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self.read(lambda view: shown(view, find_lease(view, lease_id, tenant)))

    def whose(self, event: Event) -> str | None:
        """The tenant who may follow an event: the one whose lease it is about, or whom a notice names as its
        ``tenant``. None for the stores' affairs, which are for those who run them."""
        if isinstance(event, Leased):
            return event.tenant
        if isinstance(event, Noted):
            tenant = event.data.get("tenant")
            return tenant if isinstance(tenant, str) else None
        if isinstance(event, SiteSet | Resized) or event.lease is None:
            return None
        lease = self.glance().ledger.leases.get(event.lease)
        return None if lease is None else lease.tenant

    async def list_leases(self, wanted: LeaseFilter, cursor: str | None, limit: int) -> Page[LeaseDocument]:
        def read(view: View) -> Page[LeaseDocument]:
            ledger = view.ledger
            parts = self._parts(wanted)
            if len(parts) == 1:
                entries: Any = ledger.leases_of_site.get(parts[0], [])
            elif parts:
                entries = ledger.leases.values()
            elif wanted.tenant is not None:
                entries = ledger.leases_of_tenant.get(wanted.tenant, [])
            else:
                entries = ledger.leases.values()
            filters = (wanted, parts)
            some: Page[Lease] = page(entries, lambda lease: _matches(lease, wanted, parts), filters, cursor, limit)
            return Page([shown(view, lease) for lease in some.items], some.next)

        return await self.read(read)

    def offers(self, ask: Ask) -> OffersDocument:
        """Sites that could meet the ask now, the one that serves the device first, then the nearest; a hint that is not
        kept for anybody."""
        view = self.glance()
        ledger, now, pricing = view.ledger, view.now, view.policy.pricing
        if ask.sites is not None:
            raise Invalid("sites", "offers are for one site, or near a place")
        if ask.near is None:
            site = ledger.sites.get(ask.site or "")
            if site is None:
                raise Invalid("site", f"the chain has no site {(ask.site or '')[:64]!r}")
            ask = msgspec.structs.replace(ask, near=Near(site.lat, site.lon, within_km=0.001), limit=1)
        elif ask.count is not None:
            ask = msgspec.structs.replace(ask, limit=max(ask.limit, ask.count))
        found = self.finder.find(ask, now)
        start, end = ask.interval(now)
        offers = []
        for match in found.matches:
            site = ledger.sites[match.site]
            pools = ledger.pools[match.site]
            per_hour = pricing.per_hour(ask.needs, ask.cls, site, pools, start, end)
            price = price_document(per_hour, start, end, pricing.book.currency)
            km, trip = round(match.distance_km, 3), estimate(match.distance_km)
            path = UNSET if found.routed is None else found.routed.path(site.id)
            offers.append(OfferDocument(store_of(site.id), site.name, site.lat, site.lon, km, trip, price, path))
        return OffersDocument(format_time(now), offers, found.passed_over)

    async def get_site(self, site_id: str) -> Site:
        return await self.read(lambda view: _site(view, site_id))

    async def list_sites(self, cursor: str | None, limit: int) -> Page[Site]:
        return await self.read(lambda view: page(view.ledger.sites.values(), lambda _: True, "sites", cursor, limit))

    def nearest_sites(self, lat: float, lon: float, limit: int) -> list[NearSite]:
        ledger = self.glance().ledger
        return [
            NearSite(ledger.sites[match.site], round(match.distance_km, 3), estimate(match.distance_km))
            for match in self.finder.nearest_sites(lat, lon, limit)
        ]

    async def capacity(
        self, site_id: str, kind: str | None, start: int | None, end: int | None
    ) -> list[CapacityDocument]:
        """The pools of a site (or one of them) over a time: from now for a week, unless told otherwise."""

        def read(view: View) -> list[CapacityDocument]:
            _site(view, site_id)
            first = view.now if start is None else start
            beyond = first + 7 * DAY_S if end is None else end
            if beyond <= first or beyond > view.now + HORIZON_S:
                raise Invalid("end", "must lie after the start and at most 50 years ahead")
            pools = view.ledger.pools[site_id]
            if kind is not None:
                view.policy.require_kind(kind)
                if kind not in pools:
                    raise NotFound(f"{site_id} offers no {kind}; it offers {', '.join(pools) or 'nothing yet'}")
            wanted = pools.values() if kind is None else [pools[kind]]
            return [capacity_document(pool, unit_of(view, pool.kind), first, beyond) for pool in wanted]

        return await self.read(read)

    async def usage(self, wanted: LeaseFilter, start: int, end: int, cursor: str | None, limit: int) -> Page[UsageLine]:
        """What leases reserved within ``[start, end)``, up to now."""

        def read(view: View) -> Page[UsageLine]:
            ledger, until = view.ledger, min(end, view.now)
            parts = self._parts(wanted)
            entries: Any = ledger.leases.values()
            if wanted.tenant is not None:
                entries = ledger.leases_of_tenant.get(wanted.tenant, [])

            def matches(lease: Lease) -> bool:
                return _matches(lease, wanted, parts) and usage_line(ledger, lease, start, until) is not None

            some: Page[Lease] = page(entries, matches, (wanted, parts, start, end), cursor, limit)
            lines = [usage_line(ledger, lease, start, until) for lease in some.items]
            return Page([line for line in lines if line is not None], some.next)

        return await self.read(read)

    async def invoices(self, month: str, tenants: Sequence[str]) -> list[Invoice]:
        """One invoice per tenant, an empty one for a tenant that owes nothing."""
        return await self.read(
            lambda view: [invoice(view.ledger, tenant, month, currency_of(view), view.now) for tenant in tenants]
        )


def _matches(lease: Lease, wanted: LeaseFilter, sites: Sequence[str]) -> bool:
    return (
        (wanted.state is None or lease.state == wanted.state)
        and (wanted.tenant is None or lease.tenant == wanted.tenant)
        and (wanted.site is None or lease.site in sites)
    )


def _site(view: View, site_id: str) -> Site:
    site = view.ledger.sites.get(site_id)
    if site is None:
        raise NotFound(f"the chain has no site {site_id[:64]!r}")
    return site


def shown(view: View, lease: Lease) -> LeaseDocument:
    """A lease as of the view's instant."""
    return lease_document(lease, view.now, currency_of(view))


def currency_of(view: View) -> str:
    """The currency of the chain's price book."""
    return view.policy.pricing.book.currency


def unit_of(view: View, kind: str) -> str:
    """What a quantity of 1 of a kind means."""
    return view.policy.require_kind(kind).unit
