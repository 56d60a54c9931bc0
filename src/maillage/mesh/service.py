"""What a node does for the hubs: it answers asks about its sites, and only about those."""

import asyncio
import logging
from typing import Any

import msgspec

from maillage.kernel.errors import Invalid, Refusal, UnknownSite
from maillage.kernel.events import Leased, decode_events
from maillage.kernel.leases import site_of
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Journal
from maillage.kernel.readings import shown
from maillage.kernel.scribe import View
from maillage.kernel.sites import checked_site
from maillage.kernel.spans import extracted, span
from maillage.kernel.times import HOUR_S
from maillage.mesh.checks import check_ask, check_end, check_meters, check_names
from maillage.mesh.messages import (
    UNREADABLE,
    ChargeLease,
    ConfirmLease,
    Done,
    ExtendLease,
    GrantAsk,
    MeasureLease,
    PutCapacity,
    PutSite,
    Recalled,
    RecallKey,
    Refused,
    ReleaseLease,
    SiteRequest,
    TellNotice,
    VoidKey,
    lease_subject,
)
from maillage.mesh.ports import Bus, Message, Subscription

log = logging.getLogger(__name__)

FORGOTTEN_AFTER_S = 12 * HOUR_S
"""A key of so long ago may have been forgotten by the ledger, going by the clock of whoever names it."""

_requests = msgspec.json.Decoder(SiteRequest)
_encoder = msgspec.json.Encoder()


class SiteService:
    """Serves ``site.<id>.lease`` for each of the node's sites."""

    def __init__(self, office: OwnerOffice, journal: Journal, bus: Bus) -> None:
        self._office = office
        self._journal = journal
        self._bus = bus
        self._subscriptions: dict[str, Subscription] = {}

    async def serve(self, sites: list[str]) -> None:
        """Serve these sites too."""
        for site in sites:
            if site not in self._subscriptions:
                self._subscriptions[site] = await self._bus.serve(lease_subject(site), self._answer)

    async def stop(self) -> None:
        """Take no more requests; those under way are answered."""
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions.values()))
        self._subscriptions.clear()

    async def _answer(self, message: Message) -> bytes:
        try:
            request = _decoded(message.body)
            with extracted(message.headers), span("serve"):
                document = await self._done(message.subject.split(".")[1], request)
        except Refusal as refused:
            return _encoder.encode(Refused(refused.slug, refused.detail, refused.extra))
        return _encoder.encode(Done(msgspec.Raw(_encoder.encode(document)), self._journal.end()))

    async def _done(self, site: str, request: SiteRequest) -> Any:
        office = self._office
        match request:
            case GrantAsk(tenant, ask, key, digest):
                check_ask(ask, site)
                check_names(tenant=tenant, key=key)
                return await office.lease(tenant, ask, key, digest)
            case RecallKey(tenant, key):
                return await office.read(lambda view: _recalled(view, site, tenant, key))
            case VoidKey(tenant, key, at):
                check_names(tenant=tenant, key=key)
                await office.void(site, tenant, key, await self._forgotten(tenant, key, at))
                return True
            case TellNotice(topic, about, data):
                await office.note(site, topic, about, data)
                return True
            case PutSite(record):
                _require(record.id == site, "site.id")
                return await office.set_site(checked_site(record))
            case PutCapacity(kind, plan):
                return await office.set_capacity(site, kind, plan)
        _require(site_of(request.lease) == site, "lease")
        match request:
            case ConfirmLease(lease, seen_by):
                return await office.confirm(lease, seen_by)
            case ExtendLease(lease, end, seen_by):
                check_end(end, "end")
                return await office.extend(lease, end, seen_by)
            case ReleaseLease(lease, seen_by):
                return await office.release(lease, seen_by)
            case MeasureLease(lease, meters):
                check_meters(meters)
                return await office.measure(lease, meters)
            case ChargeLease(lease, line, amount):
                return await office.charge(lease, line, amount)

    async def _forgotten(self, tenant: str, key: str, at: int) -> str | None:
        """The lease that a key of long ago was granted. The ledger remembers keys for a day, but a site may be out of
        reach for many, and then what is to cost nothing must still be found."""
        if self._office.glance().now - at < FORGOTTEN_AFTER_S:
            return None
        return await asyncio.to_thread(granted_lease, self._journal, tenant, key)


def granted_lease(journal: Journal, tenant: str, key: str) -> str | None:
    """The last lease that a tenant's key was granted, by a walk through the whole journal."""
    written, found = _encoder.encode(key), None
    for batch in journal.read():
        if written in batch.body:
            for event in decode_events(batch.body):
                if isinstance(event, Leased) and (event.tenant, event.key) == (tenant, key):
                    found = event.lease
    return found


def _recalled(view: View, site: str, tenant: str, key: str) -> Recalled:
    if site not in view.ledger.sites:
        raise UnknownSite(f"there is no site {site[:64]!r} here", site=site[:64])
    granted = view.ledger.granted_key(tenant, key, view.now)
    return Recalled(shown(view, view.ledger.leases[granted.lease]) if granted and granted.lease else None)


def _decoded(body: bytes) -> SiteRequest:
    try:
        request: SiteRequest = _requests.decode(body)
    except UNREADABLE as fault:
        raise Invalid("request", str(fault)[:300]) from None
    return request


def _require(fits: bool, field: str) -> None:
    if not fits:
        raise Invalid(field, "is not of the site that was asked")
