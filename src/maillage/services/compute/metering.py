"""Metering: what instances use, on the usage of their leases, exact across restarts.

Counts go to a spool of totals that survives the process. What is sent to the ledger is always a lease's total less
what the ledger itself says was measured of it: whatever is cut off between the two, nothing is lost and nothing is
counted twice. The spool is synced before anything is sent, so a power cut loses at most what was counted since, and
leaves no spool that is behind its ledger.

The ledger keeps thousandths of a meter's unit, and the units are chosen so that those are what is counted.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from maillage.kernel.errors import Invalid, Refusal
from maillage.kernel.office import Office
from maillage.kernel.scribe import View
from maillage.services.compute.model import Meters
from maillage.services.compute.ports import Count

log = logging.getLogger(__name__)

FLUSH_EVERY_S = 5.0
SENT_A_ROUND = 50
"""Leases whose amounts are sent at a time, those that waited longest first: the journal grows by an event for each, so
with very many busy leases each is heard of less often."""
RESERVED = ("requests", "fuel_k", "wall_ms", "in_kb", "out_kb")
"""The meters that are counted here. An amount that came to them from elsewhere would be taken for counted, and as much
of what is counted next would be swallowed: so they are nobody else's to report."""
LATE_S = 600
"""How long after a lease's end its totals are kept: its last requests may still be under way."""


class Spool(Protocol):
    """Totals by lease that outlive the process; calls come from any thread and are quick, but for ``sync``."""

    def open(self, lease: str, base: Meters) -> None:
        """Begin to count a lease at ``base``; does nothing where it is counted already."""
        ...

    def add(self, lease: str, used: Meters) -> bool:
        """Add to a lease's totals; False where it is not counted here."""
        ...

    def lift(self, lease: str, least: Meters) -> None:
        """Raise each total of a lease that is below."""
        ...

    def totals(self) -> dict[str, Meters]:
        """As they are now, of all leases."""
        ...

    def forget(self, lease: str, at: Meters) -> bool:
        """Count a lease no longer; False, and nothing is forgotten, where its totals are other than ``at``."""
        ...

    def sync(self) -> None:
        """Have all that was added so far survive a power cut."""
        ...


def thousandths(meters: Meters) -> dict[str, int]:
    """Meters as the ledger keeps them, in thousandths of a request, of 1,000 units of fuel, of a millisecond, of a
    kilobyte (1,000 bytes)."""
    return {
        "requests": meters.requests * 1_000,
        "fuel_k": meters.fuel,
        "wall_ms": meters.wall_us,
        "in_kb": meters.bytes_in,
        "out_kb": meters.bytes_out,
    }


def of_thousandths(measured: Mapping[str, int]) -> Meters:
    """What the ledger has, as meters; a meter that was never reported is 0."""
    return Meters(
        measured.get("requests", 0) // 1_000,
        measured.get("fuel_k", 0),
        measured.get("wall_ms", 0),
        measured.get("in_kb", 0),
        measured.get("out_kb", 0),
    )


def require_free_names(meters: Iterable[str]) -> None:
    """Invalid where one of the meters is counted here."""
    taken = next((name for name in meters if name in RESERVED), None)
    if taken is not None:
        raise Invalid(
            f"meters.{taken}",
            f"is counted by the runtime of apps; report by another name than {', '.join(RESERVED[:-1])} and "
            f"{RESERVED[-1]}, such as x_{taken}",
        )


class Metering:
    """Use from one event loop, beside the owner of the ledger: a mirror would know too late what was measured."""

    def __init__(self, spool: Spool, office: Office, every_s: float = FLUSH_EVERY_S) -> None:
        self._spool = spool
        self._office = office
        self._every_s = every_s
        self._settled: dict[str, Meters] = {}
        """What the ledger acknowledged, those that were sent last at the end."""
        self._rounds = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    def count(self, instance_id: str) -> Count:
        """What adds to an instance's meters: cheap, from any thread, never raises."""
        self._open(instance_id)

        def counted(used: Meters) -> None:
            if not self._spool.add(instance_id, used):  # forgotten since: it is late, but it counts
                self._open(instance_id)
                self._spool.add(instance_id, used)

        return counted

    async def start(self) -> None:
        """Take up what an earlier process left, and send from now on. Before any instance runs."""
        await self._catch_up()
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Send all that is left. What can't be sent, or is counted later, waits in the spool for the next start."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None
        try:
            await self.flush()
        except Exception:
            log.exception("the last meters could not be sent; the next start sends them")

    async def flush(self) -> None:
        """Have the ledger know all that was counted before."""
        await self._round(most=None)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._round(SENT_A_ROUND)
            except Exception:
                log.exception("meters could not be sent; trying again")

    async def _catch_up(self) -> None:
        """A spool that is behind the ledger (an older copy was put in its place, or a disk did not keep what it
        promised) goes on from what the ledger has: else what is counted next would be swallowed."""
        leases = list(self._spool.totals())
        if leases:
            known = await self._office.read(lambda view: _in_ledger(view, leases))
            for lease, (measured, _) in known.items():
                self._spool.lift(lease, measured)

    async def _round(self, most: int | None) -> None:
        async with self._rounds:
            totals = self._spool.totals()
            view = self._office.glance()
            waiting = [
                lease for lease, total in totals.items() if total != self._settled.get(lease) or _is_over(view, lease)
            ]
            sent_last = {lease: number for number, lease in enumerate(self._settled)}
            due = sorted(waiting, key=lambda lease: sent_last.get(lease, -1))[:most]
            if not due:
                return
            await asyncio.to_thread(self._spool.sync)
            known = await self._office.read(lambda view: _in_ledger(view, due))
            await asyncio.gather(*(self._send(lease, totals[lease], *known[lease]) for lease in due))

    async def _send(self, lease: str, total: Meters, measured: Meters, over: bool) -> None:
        had = thousandths(measured)
        new = {name: amount - had[name] for name, amount in thousandths(total).items() if amount > had[name]}
        if new and self._is_known(lease):
            try:
                await self._office.measure(lease, new)
            except Refusal as refusal:
                log.warning("what %s used could not be sent, and is sent again: %s", lease, refusal.detail)
                return
        elif new:
            log.warning("what %s used is dropped, for no ledger here has this lease: %s", lease, new)
        self._settled.pop(lease, None)
        if not (over and self._spool.forget(lease, total)):
            self._settled[lease] = total

    def _open(self, lease: str) -> None:
        self._spool.open(lease, of_thousandths(self._office.glance().ledger.measured.get(lease, {})))

    def _is_known(self, lease: str) -> bool:
        return lease in self._office.glance().ledger.leases


def _in_ledger(view: View, leases: Sequence[str]) -> dict[str, tuple[Meters, bool]]:
    """Of each lease what was measured so far, and whether it is over."""
    measured = view.ledger.measured
    return {lease: (of_thousandths(measured.get(lease, {})), _is_over(view, lease)) for lease in leases}


def _is_over(view: View, lease_id: str) -> bool:
    lease = view.ledger.leases.get(lease_id)
    return lease is None or lease.end + LATE_S <= view.now
