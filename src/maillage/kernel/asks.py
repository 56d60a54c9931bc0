"""Asks: what somebody wants, somewhere, over some time; checked once, here, before anything else sees it."""

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.leases import LeaseClass
from maillage.kernel.times import FOREVER, HORIZON_S, PAST_TOLERANCE_S, format_time

NEEDS_MAX = 32
HOLD_MAX_S = 7 * 86_400
DEFAULT_LIMIT, LIMIT_MAX = 5, 100


class Near(msgspec.Struct, frozen=True):
    """A place (WGS84 degrees) and how far from it a site may be; the tighter of km and ms holds.

    ``device`` is the IP address of the device that is there: within that reach the site that serves it comes first.
    """

    lat: float
    lon: float
    within_km: float | None = None
    within_ms: float | None = None
    device: str | None = None


class Ask(msgspec.Struct, frozen=True, gc=False):
    """``needs`` maps kinds to thousandths. ``start`` None means now, ``end`` FOREVER means open.

    One of ``site``, ``sites`` and ``near`` is set; ``sites``, and ``near`` with a ``count``, ask for a lease at each of
    several sites or at none. ``max_price`` (micro-units) caps the whole amount of a lease with an end and
    the price an hour of an open one. ``agreed_per_hour`` (micro-units), which only the chain's own services set, is a
    price that was agreed elsewhere and stands in the place of the price book's; ``kept_by``, likewise, names what the
    lease is a part of, so that the tenant can't give it back or prolong it by itself. ``hold_s`` makes the lease a hold
    that must be confirmed in time.
    """

    needs: dict[str, int]
    start: int | None
    end: int
    site: str | None
    near: Near | None
    cls: LeaseClass
    max_price: int | None = None
    attributes: dict[str, str | int | float | bool] | None = None
    limit: int = DEFAULT_LIMIT
    hold_s: int | None = None
    count: int | None = None
    sites: tuple[str, ...] | None = None
    agreed_per_hour: int | None = None
    kept_by: str = ""

    @property
    def asks_for_several(self) -> bool:
        return self.sites is not None or self.count is not None

    @property
    def leases_wanted(self) -> int:
        """How many leases it takes to meet the ask."""
        return len(self.sites) if self.sites is not None else self.count or 1

    def interval(self, now: int) -> tuple[int, int]:
        """``[start, end)`` as of now, or Invalid where it lies in the past, is empty, or reaches too far."""
        start = now if self.start is None else self.start
        if start < now - PAST_TOLERANCE_S:
            raise Invalid("start", f"{format_time(start)} is past; it is {format_time(now)}, or leave it out for now")
        if start > now + HORIZON_S:
            raise Invalid("start", "lies more than 50 years ahead")
        if self.end <= start:
            raise Invalid("end", f"{format_time(self.end)} is not after the start, {format_time(start)}")
        if self.end <= now:
            raise Invalid("end", f"{format_time(self.end)} is past; it is {format_time(now)}")
        if now + HORIZON_S < self.end < FOREVER:
            raise Invalid("end", "lies more than 50 years ahead; leave it out for a lease that runs until released")
        return start, self.end
