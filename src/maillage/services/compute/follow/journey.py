"""What became of devices on their way: how far their sessions were, how often they moved, and how often back."""

from maillage.services.compute.follow.policy import Rules
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.follow.stores import Stores, Vector

RETURN_S, LATE_RETURN_S = 120, 600
"""A session that is back where it was before sooner than this moved for nothing."""


class _Leg:
    """The device's last report: when, where, and where its session was after it."""

    def __init__(self, t: int, place: Vector, session: Session | None, nearest_km: float) -> None:
        self.t = t
        self.place = place
        self.site = session.site if session is not None and session.lease else ""
        self.nearest_km = nearest_km


class Journeys:
    """Sums over all devices, in seconds and km seconds. Between two reports a device is taken to go straight and
    evenly; across a break nothing is counted."""

    def __init__(self, rules: Rules, stores: Stores) -> None:
        self._rules = rules
        self._stores = stores
        self._legs: dict[str, _Leg] = {}
        self._left: dict[str, tuple[str, int]] = {}
        self.pieces = 0
        self.device_s = 0
        self.beyond_s = 0.0
        self.nobody_within_s = 0.0
        self.without_lease_s = 0
        self.km_s = 0.0
        self.nearest_km_s = 0.0
        self.moves = 0
        self.returns = 0
        self.late_returns = 0

    def note(self, device: str, t: int, place: Vector, session: Session | None) -> None:
        """A report, and where its session is now that it was taken."""
        leg = _Leg(t, place, session, self._stores.nearest(place, 1)[0].km)
        before = self._legs.get(device)
        self._legs[device] = leg
        if before is None or t - before.t > self._rules.silence_s:
            self.pieces += 1
            self._left.pop(device, None)
            return
        self._count_time(before, leg)
        if before.site and leg.site and before.site != leg.site:
            self._count_move(device, before.site, leg.site, t)

    def _count_time(self, before: _Leg, leg: _Leg) -> None:
        elapsed_s, bound_km = leg.t - before.t, self._rules.bound_km
        self.device_s += elapsed_s
        self.nearest_km_s += elapsed_s * (before.nearest_km + leg.nearest_km) / 2
        self.nobody_within_s += elapsed_s * share_above(before.nearest_km, leg.nearest_km, bound_km)
        km = [self._stores.km_to(before.site, place) for place in (before.place, leg.place)] if before.site else []
        if len(km) == 2 and km[0] is not None and km[1] is not None:
            self.km_s += elapsed_s * (km[0] + km[1]) / 2
            self.beyond_s += elapsed_s * share_above(km[0], km[1], bound_km)
        else:
            self.without_lease_s += elapsed_s
            self.beyond_s += elapsed_s

    def _count_move(self, device: str, former: str, site: str, t: int) -> None:
        self.moves += 1
        left, left_at = self._left.get(device, ("", 0))
        if left == site:
            self.returns += t - left_at < RETURN_S
            self.late_returns += t - left_at < LATE_RETURN_S
        self._left[device] = (former, t)


def share_above(first: float, last: float, bound: float) -> float:
    """The share of a way on which a value that goes evenly from ``first`` to ``last`` is above the bound."""
    low, high = min(first, last), max(first, last)
    if high <= bound:
        return 0.0
    return 1.0 if low > bound else (high - bound) / (high - low)
