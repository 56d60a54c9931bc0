"""What a node does for the hubs: it answers asks about its sites, and only about those."""

import asyncio
import logging
from typing import Any

import msgspec

from maillage.kernel.errors import Invalid, Refusal
from maillage.kernel.leases import site_of
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Journal
from maillage.kernel.spans import extracted
from maillage.mesh.messages import (
    ConfirmLease,
    Done,
    ExtendLease,
    GrantAsk,
    MeasureLease,
    PutCapacity,
    PutSite,
    Refused,
    ReleaseLease,
    SiteRequest,
    VoidKey,
    lease_subject,
)
from maillage.mesh.ports import Bus, Message, Subscription

log = logging.getLogger(__name__)

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
            request = _requests.decode(message.body)
            with extracted(message.headers):
                document = await self._done(message.subject.split(".")[1], request)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            refusal: Refusal = Invalid("request", str(fault))
        except Refusal as refused:
            refusal = refused
        else:
            return _encoder.encode(Done(msgspec.Raw(_encoder.encode(document)), self._journal.end()))
        return _encoder.encode(Refused(refusal.slug, refusal.detail, refusal.extra))

    async def _done(self, site: str, request: SiteRequest) -> Any:
        office = self._office
        match request:
            case GrantAsk(tenant, ask, key, digest):
                _require(ask.site == site, "ask.site")
                return await office.lease(tenant, ask, key, digest)
            case VoidKey(tenant, key):
                await office.void(site, tenant, key)
                return True
            case PutSite(record):
                _require(record.id == site, "site.id")
                return await office.set_site(record)
            case PutCapacity(kind, plan):
                return await office.set_capacity(site, kind, plan)
        _require(site_of(request.lease) == site, "lease")
        match request:
            case ConfirmLease(lease, seen_by):
                return await office.confirm(lease, seen_by)
            case ExtendLease(lease, end, seen_by):
                return await office.extend(lease, end, seen_by)
            case ReleaseLease(lease, seen_by):
                return await office.release(lease, seen_by)
            case MeasureLease(lease, meters):
                return await office.measure(lease, meters)


def _require(fits: bool, field: str) -> None:
    if not fits:
        raise Invalid(field, "is not of the site that was asked")
