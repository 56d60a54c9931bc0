"""What apps kept under leases that are over for good: thrown away once nobody comes back for it.

What is kept goes by the lease. As long as that runs, an app that is deployed on it again finds everything; a session
that goes on takes everything along. Of a lease that is over there is neither, and yet it may have been given back too
early or by mistake: so what it kept stays for a while, for its operator to save.
"""

import asyncio
import logging
from collections.abc import Callable, Collection

from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.scribe import View
from maillage.kernel.times import DAY_S
from maillage.services.compute.follow.ports import States
from maillage.services.compute.hosting.ports import Hosts

log = logging.getLogger(__name__)

KEEP_S = 7 * DAY_S
"""How long what was kept outlives its lease."""
LOOK_EVERY_S = 3_600.0


class Leftovers:
    """``carried_on`` names the leases at which sessions still have something. A lease that the ledger does not know
    (the folder holds an older copy of it, say) counts as over from when this process first saw that."""

    def __init__(
        self, states: States, office: Office, host: Hosts, carried_on: Callable[[], Collection[str]], clock: Clock
    ) -> None:
        self._states = states
        self._office = office
        self._host = host
        self._carried_on = carried_on
        self._clock = clock
        self._unknown_since: dict[str, int] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def sweep(self) -> list[str]:
        """Throw away what is to go; the leases that it was of."""
        there = await self._states.kept_here()
        if not there:
            return []
        ends = await self._office.read(lambda view: _ends(view, there))
        now = self._clock.now()
        unknown = [lease for lease, end in ends.items() if end is None]
        self._unknown_since = {lease: self._unknown_since.get(lease, now) for lease in unknown}
        carried_on = self._carried_on()
        gone = []
        for lease, end in ends.items():
            over_at = self._unknown_since[lease] if end is None else end
            if over_at + KEEP_S <= now and lease not in carried_on and not self._runs(lease):
                await self._states.forget(lease)
                gone.append(lease)
        if gone:
            log.info("what %d leases kept that were over for %d days is thrown away", len(gone), KEEP_S // DAY_S)
        return gone

    def _runs(self, lease: str) -> bool:
        status = self._host.status(lease)
        return status is not None and status.state != "stopped"

    async def _look(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("what leases left behind could not be looked through; trying again")
            await asyncio.sleep(LOOK_EVERY_S)


def _ends(view: View, leases: Collection[str]) -> dict[str, int | None]:
    """When each was or will be over; None where there is no such lease. All states in which a lease is over set its
    end."""
    known = view.ledger.leases
    return {name: known[name].end if name in known else None for name in leases}
