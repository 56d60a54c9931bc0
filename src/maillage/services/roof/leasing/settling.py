"""What time does to a roof lease: it lapses, owes rent, ends. Every step may be taken twice, by whichever process."""

import logging

from maillage.kernel.errors import Refusal
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.roof.leasing.applying import Applying
from maillage.services.roof.leasing.book import LeaseBook
from maillage.services.roof.leasing.dates import periods_of, unpaid, zone_of
from maillage.services.roof.leasing.model import IN_FORCE, OVER, RoofLease
from maillage.services.roof.leasing.steps import ACTS, CLOCK, moved, not_now, revised
from maillage.services.roof.leasing.telling import Teller
from maillage.services.roof.rent.days import day_of

log = logging.getLogger(__name__)


class Settling:
    """Refusals of the kernel's office come through; what was done before stays done."""

    def __init__(self, book: LeaseBook, applying: Applying, office: Office, teller: Teller, clock: Clock) -> None:
        self._book, self._applying, self._office = book, applying, office
        self._teller, self._clock = teller, clock

    async def settle(self, lease: RoofLease) -> RoofLease:
        """Do all that is due by now."""
        now = self._clock.now()
        if lease.state in OVER:
            return await self.give_back(lease)
        if lease.state in IN_FORCE:
            lease = await self.charge(lease)
            return await self._end(lease) if lease.until <= now and not lease.given_back else lease
        if self._applying.is_half_done(lease):
            try:
                lease = await self._applying.complete(lease)
            except Refusal as refusal:
                log.warning("roof lease %s is no application: %s", lease.id, refusal.detail)
                lease = await self._book.get(lease.id)
                if self._applying.is_half_done(lease):
                    return lease
                await self._teller.tell(lease)
        return await self._lapse(lease) if lease.start <= now else lease

    async def charge(self, lease: RoofLease) -> RoofLease:
        """The rent of all periods that have begun, each once."""
        now = self._clock.now()
        due = [] if lease.given_back else [period for period in unpaid(lease) if period.start <= now]
        if not due:
            return lease
        for period in due:
            await self._office.charge(lease.lease, period.line, period.amount_micro)
        paid_until = due[-1].end

        def charged(known: RoofLease) -> RoofLease:
            return known if known.rent_paid_until >= paid_until else revised(known, rent_paid_until=paid_until)

        return (await self._book.change(lease.id, None, charged))[1]

    async def give_back(self, lease: RoofLease) -> RoofLease:
        """Its lease of capacity, if that was not done; twice is the same as once."""
        if not lease.lease or lease.given_back:
            return lease
        await self._applying.give_back(lease)

        def given_back(known: RoofLease) -> RoofLease:
            return known if known.given_back else revised(known, given_back=True)

        return (await self._book.change(lease.id, None, given_back))[1]

    async def finish(self, lease: RoofLease) -> RoofLease:
        """Charge all that is due until its end, and the fee for ending early. Not possible while rent periods are to
        come."""
        now = self._clock.now()
        coming = [period for period in periods_of(lease) if period.start > now]
        if coming and not lease.given_back:
            raise not_now(
                lease,
                f"its rent runs on until {day_of(lease.until, zone_of(lease))}; give notice first, and take the"
                " antennas down in its last month",
            )
        lease = await self.charge(lease)
        if lease.fee_micro and not lease.given_back:
            line = f"roof lease ended early on {day_of(lease.until, zone_of(lease))}"
            await self._office.charge(lease.lease, line, lease.fee_micro)
        return lease

    async def _end(self, lease: RoofLease) -> RoofLease:
        """Its time is over; it may be that its antennas are still there."""
        lease = await self.finish(lease)
        await self._applying.give_back(lease)
        now = self._clock.now()

        def over(known: RoofLease) -> RoofLease:
            if known.given_back or known.state not in IN_FORCE:
                return known
            return moved(known, ACTS["end"], now, CLOCK, given_back=True)

        before, after = await self._book.change(lease.id, None, over)
        if after is not before:
            await self._teller.tell(after)
        return after

    async def _lapse(self, lease: RoofLease) -> RoofLease:
        """Its start came, and it was not signed."""
        now = self._clock.now()

        def lapsed(known: RoofLease) -> RoofLease:
            if known.state not in ACTS["lapse"].before or known.start > now:
                return known
            return moved(known, ACTS["lapse"], now, CLOCK)

        before, after = await self._book.change(lease.id, None, lapsed)
        if after is not before:
            await self._teller.tell(after)
        return await self.give_back(after) if after.state in OVER else after
