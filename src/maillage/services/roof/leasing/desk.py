"""What the faces may ask of roof leases, in documents."""

import logging
from collections.abc import Callable

import msgspec

from maillage.kernel.errors import Invalid, NotAllowed, NotFound, Refusal
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.readings import currency_of
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import format_time
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.catalogue.ports import RoofRecords
from maillage.services.roof.leasing.applying import Applying
from maillage.services.roof.leasing.book import Check, LeaseBook
from maillage.services.roof.leasing.checks import check_antennas, require_mounts_free, still_hanging
from maillage.services.roof.leasing.dates import zone_of
from maillage.services.roof.leasing.documents import (
    NetworksWanted,
    NewRoofLease,
    NoticeWanted,
    RoofLeaseDocument,
    SignWanted,
    StepWanted,
    ends_of,
    roof_lease_document,
    terms_of,
)
from maillage.services.roof.leasing.inquiring import inquired
from maillage.services.roof.leasing.model import RoofLease
from maillage.services.roof.leasing.networks import ServedNetworks, read_networks, require_free
from maillage.services.roof.leasing.papers import Papers
from maillage.services.roof.leasing.ports import RoofLeaseRecords
from maillage.services.roof.leasing.rent_documents import RentDocument, rent_document
from maillage.services.roof.leasing.settling import Settling
from maillage.services.roof.leasing.steps import ACTS, Actor, moved, not_now, require_act
from maillage.services.roof.leasing.telling import Teller
from maillage.services.roof.rent.schedule import check_end, early_termination_fee_micro, end_after_notice, runs_until

log = logging.getLogger(__name__)


class LeasingDesk:
    """What of a lease is half-done, and what is due by the clock, the ``LeaseKeeper`` sees to."""

    def __init__(self, records: RoofLeaseRecords, roofs: RoofRecords, office: Office, clock: Clock) -> None:
        self.book = LeaseBook(records)
        self.papers = Papers(self.book, clock)
        self.served = ServedNetworks()
        self._roofs, self._office, self._clock = roofs, office, clock
        self._teller = Teller(office)
        self._applying = Applying(self.book, office, clock)
        self.settling = Settling(self.book, self._applying, office, self._teller, clock)

    # -- looking -------------------------------------------------------------------------------------------------------

    async def get(self, actor: Actor, lease_id: str) -> RoofLeaseDocument:
        """NotFound without it, and where it is another tenant's, here as in all that follows."""
        return self._document(await self.book.get(lease_id, actor))

    async def some(
        self, actor: Actor, tenant: str | None, site: str | None, state: str | None, before: str | None, limit: int
    ) -> tuple[list[RoofLeaseDocument], str | None]:
        """The newest first, a tenant's own, and the id to go on from. Invalid for one that was not given."""
        if before is not None and not await self._sees(actor, before):
            raise Invalid("cursor", "is not one that this list gave; start again without it")
        whose = actor.tenant if actor.role == "tenant" else tenant
        found = await to_the_end(self.book.records.some, whose, site, state, before, limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        return [self._document(lease) for lease in found[:limit]], following

    async def rent(self, actor: Actor, lease_id: str) -> RentDocument:
        """What it costs, month by month."""
        return rent_document(await self.book.get(lease_id, actor), currency_of(self._office.glance()))

    def served_networks(self) -> list[tuple[str, str, str]]:
        """(network, site, roof lease) of all that are on air, as known since the last change seen here."""
        return list(self.served.entries)

    @property
    def on_networks_changed(self) -> list[Callable[[], None]]:
        """Called after ``served_networks`` changed."""
        return self.served.on_change

    # -- before it is signed -------------------------------------------------------------------------------------------

    async def inquire(self, actor: Actor, wanted: NewRoofLease) -> RoofLeaseDocument:
        """A new inquiry. NotFound without such a roof, Invalid for what can't be let or hung there."""
        roof = await self._roof(wanted.site)
        tz = (await self._office.get_site(wanted.site)).tz
        lease = inquired(actor, wanted, roof, tz, self._office.glance().policy, self._clock.now())
        lease = msgspec.structs.replace(lease, needs=await self._applying.needs(lease))
        await self.book.add(lease)
        await self._teller.tell(lease)
        return self._document(lease)

    async def apply(self, actor: Actor, lease_id: str) -> RoofLeaseDocument:
        """Have it all granted as one, for the whole time. MountTaken where others have a mount then; refusals of the
        kernel come through. After any of them it is an inquiry still."""
        lease = await self.book.get(lease_id, actor)
        if self._applying.is_half_done(lease) and actor.role in ACTS["apply"].roles:  # the former answer was lost
            return self._document(await self._applying.complete(lease))
        require_act(lease, "apply", actor)
        needs, now = await self._applying.needs(lease), self._clock.now()

        def applied(known: RoofLease) -> RoofLease:
            act = require_act(known, "apply", actor)
            if known.start <= now:
                raise not_now(known, f"its start, {format_time(known.start)}, is past")
            return moved(known, act, now, actor.tenant, needs=needs)

        def checked(after: RoofLease, others: list[RoofLease]) -> None:
            check_antennas(self._roof_of(after.site), after.mounts, after.antennas)  # no mount can go in between
            require_mounts_free(after, others)

        _, lease = await self.book.change(lease_id, actor, applied, checked)
        lease = await self._applying.complete(lease)
        await self._teller.tell(lease)
        return self._document(lease)

    async def step(self, actor: Actor, lease_id: str, act: str, wanted: StepWanted) -> RoofLeaseDocument:
        """``review`` or ``approve``: the next state, once what it takes is attached."""
        await self._whole(actor, lease_id, act)
        return self._document(await self._step(actor, lease_id, act, wanted.note))

    async def sign(self, actor: Actor, lease_id: str, wanted: SignWanted) -> RoofLeaseDocument:
        """From now on rent is due, from the start on. Invalid for terms that run for another time than was granted."""
        lease = await self._whole(actor, lease_id, "sign")
        terms = lease.terms if wanted.terms is None else terms_of(wanted.terms, str(lease.terms.rent_per_month), 1)
        if runs_until(terms, lease.start, zone_of(lease)) != lease.runs_until:
            raise Invalid("terms", f"don't run until {format_time(lease.runs_until)}, for which the roof was granted")
        if not await self._applying.stands(lease):
            raise not_now(lease, f"its lease of capacity, {lease.lease}, is over; withdraw it and inquire anew")
        now = self._clock.now()

        def signed(known: RoofLease) -> RoofLease:
            act = require_act(known, "sign", actor)
            if known.start <= now:
                raise not_now(known, f"its start, {format_time(known.start)}, came before it was signed")
            return moved(known, act, now, actor.tenant, wanted.note, terms=terms)

        return await self._done(*await self.book.change(lease_id, actor, signed))

    async def leave(self, actor: Actor, lease_id: str, act: str, wanted: StepWanted) -> RoofLeaseDocument:
        """``withdraw`` or ``decline`` one that was not signed; what it holds is given back."""
        if act == "decline" and not wanted.note.strip():
            raise Invalid("note", "is empty: say why it is declined")
        await self._whole(actor, lease_id, act)
        lease = await self._step(actor, lease_id, act, wanted.note)
        return await self._given_back(lease)

    # -- once it is signed ---------------------------------------------------------------------------------------------

    async def on_air(self, actor: Actor, lease_id: str, wanted: StepWanted) -> RoofLeaseDocument:
        """Its antennas radiate. Not before the start, and not while those of a lease before it hang on a mount."""
        now = self._clock.now()

        def checked(after: RoofLease, others: list[RoofLease]) -> None:
            if mounts := still_hanging(after, others):
                raise not_now(
                    msgspec.structs.replace(after, state="signed"),
                    f"the antennas of the lease before it are on {', '.join(mounts)} still; that one is decommissioned"
                    " first",
                )
            require_free(after, after.subscriber_networks, others)

        def begun(known: RoofLease) -> None:
            if not known.start <= now < known.until:
                span = f"from {format_time(known.start)} to {format_time(known.until)}"
                raise not_now(known, f"it can be on air {span}, and it is {format_time(now)}")

        return self._document(await self._step(actor, lease_id, "on_air", wanted.note, begun, checked))

    async def notice(self, actor: Actor, lease_id: str, wanted: NoticeWanted) -> RoofLeaseDocument:
        """End it with the first term that notice is in time for, or before, at a fee, which is the tenant's to say.
        A later notice holds where it ends the lease sooner."""
        now = self._clock.now()
        if wanted.ends is not None and actor.role != "tenant":
            raise NotAllowed("only the tenant ends a lease before its term is over; an operator gives notice for that")

        def noticed(known: RoofLease) -> RoofLease:
            act = require_act(known, "notice", actor)
            terms, zone = known.terms, zone_of(known)
            asked = None if wanted.ends is None else ends_of(wanted.ends, known.tz)
            ends = end_after_notice(terms, known.start, zone, now) if asked is None else asked
            if asked is not None:
                check_end(terms, known.start, zone, asked, now)
            if ends >= known.until:
                raise not_now(known, f"it ends on {format_time(known.until)} anyway")
            fee = early_termination_fee_micro(terms, known.start, zone, ends, now)
            return moved(known, act, now, actor.tenant, wanted.note, ends=ends, fee_micro=fee)

        return await self._done(*await self.book.change(lease_id, actor, noticed))

    async def set_networks(self, actor: Actor, lease_id: str, wanted: NetworksWanted) -> RoofLeaseDocument:
        """Say whose addresses the roof serves. NetworkTaken where another tenant named them."""
        networks, now = read_networks(wanted.networks), self._clock.now()

        def named(known: RoofLease) -> RoofLease:
            act = require_act(known, "networks", actor)
            told = f"{len(networks)} ranges"
            return moved(known, act, now, actor.tenant, told, subscriber_networks=networks)

        def checked(after: RoofLease, others: list[RoofLease]) -> None:
            require_free(after, networks, others)

        return await self._done(*await self.book.change(lease_id, actor, named, checked))

    async def decommission(self, actor: Actor, lease_id: str, wanted: StepWanted) -> RoofLeaseDocument:
        """Its antennas are gone and the roof is as it was; ``note`` says what was removed and restored. In the last
        rent month or later, once all that was due is charged; what it holds is given back."""
        lease = await self.book.get(lease_id, actor)
        require_act(lease, "decommission", actor)
        await self.settling.finish(lease)
        lease = await self._step(actor, lease_id, "decommission", wanted.note)
        return await self._given_back(lease)

    # -- how -----------------------------------------------------------------------------------------------------------

    async def refresh_networks(self) -> None:
        """See what other processes changed."""
        self.served.refresh(await self.book.holding())

    async def _sees(self, actor: Actor, lease_id: str) -> bool:
        try:
            await self.book.get(lease_id, actor)
        except NotFound:
            return False
        return True

    async def _whole(self, actor: Actor, lease_id: str, act: str) -> RoofLease:
        """The lease, none of its former steps half-done, from which this step may be taken."""
        lease = await self.book.get(lease_id, actor)
        require_act(lease, act, actor)
        return await self._applying.complete(lease) if self._applying.is_half_done(lease) else lease

    async def _step(
        self,
        actor: Actor,
        lease_id: str,
        name: str,
        note: str,
        timely: Callable[[RoofLease], None] = lambda _: None,
        check: Check | None = None,
    ) -> RoofLease:
        now = self._clock.now()

        def stepped(known: RoofLease) -> RoofLease:
            act = require_act(known, name, actor)
            timely(known)
            return moved(known, act, now, actor.tenant, note)

        _, lease = await self.book.change(lease_id, actor, stepped, check)
        await self._told(lease)
        return lease

    async def _done(self, _: RoofLease, lease: RoofLease) -> RoofLeaseDocument:
        await self._told(lease)
        return self._document(lease)

    async def _told(self, lease: RoofLease) -> None:
        await self._teller.tell(lease)
        if lease.subscriber_networks or lease.history[-1].act == "networks":
            await self.refresh_networks()

    async def _roof(self, site: str) -> Roof:
        return await to_the_end(self._roof_of, site)

    def _roof_of(self, site: str) -> Roof:
        roof = self._roofs.get(site)
        if roof is None:
            raise NotFound(f"the catalogue has no roof of {site[:64]!r}")
        return roof

    async def _given_back(self, lease: RoofLease) -> RoofLeaseDocument:
        try:
            lease = await self.settling.give_back(lease)
        except Refusal as refusal:
            log.warning("roof lease %s: what it holds is given back later: %s", lease.id, refusal.detail)
        return self._document(lease)

    def _document(self, lease: RoofLease) -> RoofLeaseDocument:
        return roof_lease_document(lease, self._clock.now())
