"""The clock of roof leases: what is due is done, and what was left half-done is completed."""

import asyncio
import contextlib
import logging

from maillage.kernel.errors import Refusal
from maillage.kernel.ports import Clock
from maillage.services.roof.leasing.dates import wakes_at
from maillage.services.roof.leasing.desk import LeasingDesk
from maillage.services.roof.leasing.model import RoofLease

log = logging.getLogger(__name__)

LOOK_S = 60.0
"""How often it looks at all leases, as other processes change them too."""
SOONEST_S = 1.0
AT_ONCE = 16
"""Leases seen to at a time: those of a store that is out of reach wait for many seconds."""


class LeaseKeeper:
    """Several processes may each have one: all that it does may be done twice. ``tick`` does what is due by now;
    ``start`` has that done by the clock. The ledger's writer has to run."""

    def __init__(self, desk: LeasingDesk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock
        self._wakes: dict[str, tuple[int, int | None]] = {}  # lease: revision, instant
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Do what is due, then go on by the clock."""
        await self._desk.refresh_networks()
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def tick(self) -> None:
        """Look at all leases, and do what is due."""
        leases = await self._desk.book.going_on()
        # Beside the loop: of thousands of leases the dates take a second when they are seen first.
        self._wakes = await asyncio.to_thread(lambda: {lease.id: self._wake_of(lease) for lease in leases})
        now, room = self._clock.now(), asyncio.Semaphore(AT_ONCE)

        async def settle(lease: RoofLease) -> None:
            async with room:
                await self._settle(lease)

        due = [lease for lease in leases if (at := self._wakes[lease.id][1]) is not None and at <= now]
        await asyncio.gather(*(settle(lease) for lease in due))
        await self._desk.refresh_networks()

    def next_s(self) -> float:
        """In how many seconds something is due, or it looks again."""
        now = self._clock.now()
        following = min((at - now for _, at in self._wakes.values() if at is not None and at > now), default=LOOK_S)
        return min(max(following, SOONEST_S), LOOK_S)

    def _wake_of(self, lease: RoofLease) -> tuple[int, int | None]:
        known = self._wakes.get(lease.id)
        return known if known is not None and known[0] == lease.revision else (lease.revision, wakes_at(lease))

    async def _settle(self, lease: RoofLease) -> None:
        try:
            after = await self._desk.settling.settle(lease)
        except Refusal as refusal:
            log.warning("roof lease %s is seen to again: %s", lease.id, refusal.detail)
        except Exception:
            log.exception("roof lease %s could not be seen to; trying again", lease.id)
        else:
            self._wakes[lease.id] = self._wake_of(after)

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("roof leases could not be looked at; trying again")
            await asyncio.sleep(self.next_s())
