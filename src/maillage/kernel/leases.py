"""Leases: what was granted, to whom, and how it ended; and the one formula by which time becomes money."""

from typing import Literal

import msgspec

from maillage.kernel.times import HOUR_S

LeaseClass = Literal["house", "firm", "spot"]
LeaseState = Literal["held", "confirmed", "ended", "released", "reclaimed", "expired"]
ACTIVE: frozenset[str] = frozenset({"held", "confirmed"})


class Lease(msgspec.Struct, array_like=True, gc=False):
    """All needs of one ask at one site, granted as one.

    ``needs`` maps kinds to thousandths; ``start`` and ``end`` are seconds UTC, half-open, ``end`` FOREVER for an
    open lease and, once the lease is over, the instant it stopped (never before ``start``). ``per_hour`` is the price
    in micro-units an hour, fixed at the grant. ``charge`` and ``credit`` are set when the lease is over. ``kept_by``
    names what the lease is a part of, such as a roof lease: the tenant does not move it by itself.

    Written as an array because snapshots hold millions; invisible to the garbage collector because it can't be part
    of a cycle.
    """

    id: str
    tenant: str
    site: str
    needs: dict[str, int]
    start: int
    end: int
    cls: LeaseClass
    state: LeaseState
    per_hour: int
    hold_until: int | None = None
    reason: str = ""
    charge: int = 0
    credit: int = 0
    kept_by: str = ""

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


def charge_micro(per_hour: int, seconds: int) -> int:
    """Micro-units for a time at a price an hour, to the nearest unit, halves up."""
    return (per_hour * seconds + HOUR_S // 2) // HOUR_S


def site_of(lease_id: str) -> str:
    """The site that owns a lease: its id is ``<site>~<number in the site's sequence>``, so any hub can route by it."""
    return lease_id.rpartition("~")[0]
