"""What the faces may ask of rent, in documents."""

import asyncio

from maillage.kernel.office import Office
from maillage.kernel.paging import page
from maillage.kernel.ports import Clock
from maillage.kernel.readings import currency_of
from maillage.services.roof.leasing.model import HOLDS_MOUNTS, IN_FORCE
from maillage.services.roof.leasing.ports import RoofLeaseRecords
from maillage.services.roof.rent.documents import RentRoll
from maillage.services.roof.rent.roll import roll
from maillage.services.roof.rent.roll_documents import roll_document
from maillage.services.roof.rent.value import checked_rate

RATE_PERCENT = 8.0
"""A year, unless told otherwise: our own assumption."""
LINES = 100
"""A page, unless told otherwise."""


class RentDesk:
    """Reads roof leases; changes nothing."""

    def __init__(self, records: RoofLeaseRecords, office: Office, clock: Clock) -> None:
        self._records = records
        self._office = office
        self._clock = clock

    async def roll(
        self,
        tenant: str | None = None,
        site: str | None = None,
        rate_percent: float = RATE_PERCENT,
        prospects: bool = False,
        cursor: str | None = None,
        limit: int = LINES,
    ) -> RentRoll:
        """The rent to come of the leases in force, of a tenant and at a site where these are given; with ``prospects``
        also of those that have their mounts and are not signed yet. Invalid for a rate that can't be."""
        checked_rate(rate_percent)
        states = HOLDS_MOUNTS if prospects else IN_FORCE
        leases = [
            lease
            for lease in await asyncio.to_thread(self._records.going_on)
            if lease.state in states and tenant in (None, lease.tenant) and site in (None, lease.site)
        ]
        currency = await self._office.read(currency_of)
        now = self._clock.now()

        def read() -> RentRoll:
            rolls = [roll(lease, now, rate_percent) for lease in leases]
            some = page(rolls, lambda _: True, (tenant, site, rate_percent, prospects), cursor, limit)
            return roll_document(rolls, some, now, currency, rate_percent, prospects)

        return await asyncio.to_thread(read)
