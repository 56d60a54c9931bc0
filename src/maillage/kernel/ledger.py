"""The ledger: what a journal's events add up to. It applies events and answers questions; it decides nothing.

Given the same events it holds the same state, bit for bit, on every machine: nothing here reads a clock, draws a
number or depends on how the events were cut into batches.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any

import msgspec

from maillage.kernel.calendars import calendar_of
from maillage.kernel.events import (
    Charged,
    Confirmed,
    Ended,
    Event,
    Expired,
    Extended,
    Leased,
    Measured,
    Noted,
    Reclaimed,
    Released,
    Resized,
    SiteSet,
    Voided,
)
from maillage.kernel.holdings import Holdings
from maillage.kernel.leases import Lease, LeaseState
from maillage.kernel.pools import TRIM_ABOVE, Pool
from maillage.kernel.sites import Site, zone_info
from maillage.kernel.timers import Timers
from maillage.kernel.times import DAY_S, FOREVER, month_of

KEY_WINDOW_S = DAY_S
"""How long a granted idempotency key is remembered."""


class GrantedKey(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a key was granted (no lease where it is void), what stands for the body it came with, and when."""

    lease: str
    digest: str
    at: int


class OneOff(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a lease was charged once, beside its price: when (seconds UTC), and micro-units."""

    at: int
    amount: int


class Ledger:
    """``pos`` is the number of the next event in the journal, ``now`` the time of the last one."""

    def __init__(self) -> None:
        self.pos = 0
        self.now = 0
        self.sites: dict[str, Site] = {}
        self.seqs: dict[str, int] = {}
        self.pools: dict[str, dict[str, Pool]] = {}
        self.leases: dict[str, Lease] = {}  # in order of grant
        self.leases_of_site: defaultdict[str, list[Lease]] = defaultdict(list)
        self.leases_of_tenant: defaultdict[str, list[Lease]] = defaultdict(list)
        self.keys: dict[str, GrantedKey] = {}
        self.measured: dict[str, dict[str, int]] = {}  # lease: meter: thousandths so far; the sum of the months
        self.measured_in: dict[str, dict[str, dict[str, int]]] = {}  # month (UTC) of the report: lease: meter
        self.charges: dict[str, dict[str, OneOff]] = {}  # lease: line of the invoice
        self.watched: dict[str, Holdings] = {}  # of tenants with quotas; derived, in no snapshot
        self.holds = Timers()
        self.ends = Timers()
        self._keys_by_age: list[tuple[int, str]] = []  # a heap: the clocks of several owners are not in step
        self._apply: dict[type, Callable[[Any], None]] = {
            SiteSet: self._site_set,
            Resized: self._resized,
            Leased: self._leased,
            Confirmed: self._confirmed,
            Extended: self._extended,
            Released: self._released,
            Expired: self._expired,
            Reclaimed: self._reclaimed,
            Ended: self._ended,
            Voided: self._voided,
            Measured: self._measured,
            Charged: self._charged,
            Noted: lambda _: None,
        }

    # -- questions ---------------------------------------------------------------------------------------------

    def next_seq(self, site: str) -> int:
        return self.seqs.get(site, 0) + 1

    def granted_key(self, tenant: str, key: str, now: int) -> GrantedKey | None:
        """What a key was granted within the last 24 hours, or None."""
        granted = self.keys.get(key_name(tenant, key))
        return granted if granted is not None and granted.at + KEY_WINDOW_S > now else None

    def next_timer_at(self) -> int | None:
        """The next instant at which a hold expires or a lease ends."""
        due = [at for at in (self.holds.next_at, self.ends.next_at) if at is not None]
        return min(due, default=None)

    def watch(self, tenant: str) -> Holdings:
        """Keep count of what a tenant has leased, from now on with each event."""
        holdings = self.watched[tenant] = Holdings(self.leases_of_tenant.get(tenant, ()), self.now)
        return holdings

    # -- events ------------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        self._apply[type(event)](event)
        self.seqs[event.site] = event.seq
        self.now = event.at
        self.pos += 1

    def apply_foreign(self, event: Event) -> None:
        """Apply an event that somebody else decided, by a clock that says nothing of our time."""
        now = self.now
        self.apply(event)
        self.now = now

    def _site_set(self, event: SiteSet) -> None:
        self.sites[event.site] = event.record
        for pool in self.pools.setdefault(event.site, {}).values():
            pool.zone = zone_info(event.record.tz)

    def _resized(self, event: Resized) -> None:
        pools = self.pools[event.site]
        pool = pools.get(event.kind)
        if pool is None:
            pool = pools[event.kind] = Pool(event.kind, zone_info(self.sites[event.site].tz))
        pool.resize(event.since, event.size, event.at)
        pool.notice_s = event.notice_s
        pool.calendar = None if event.calendar is None else calendar_of(event.calendar)

    def _leased(self, event: Leased) -> None:
        held = event.hold_until is not None
        state: LeaseState = "held" if held else "confirmed"
        lease = Lease(
            event.lease,
            event.tenant,
            event.site,
            event.needs,
            event.start,
            event.end,
            event.cls,
            state,
            event.per_hour,
            event.hold_until,
            kept_by=event.kept_by,
        )
        spot = event.cls == "spot"
        pools = self.pools[event.site]
        for kind, quantity in event.needs.items():
            pool = pools[kind]
            if len(pool.all.times) > TRIM_ABOVE:
                pool.trim(event.at)
            pool.commit(event.start, event.end, quantity, spot)
            if spot:
                pool.spot[event.lease] = lease
        holdings = self.watched.get(event.tenant)
        if holdings is not None:
            holdings.add(event.needs, event.start, event.end, +1, event.at)
        self.keep(lease)
        if event.key is not None and event.digest is not None:
            self.keep_key(key_name(event.tenant, event.key), GrantedKey(event.lease, event.digest, event.at))

    def _confirmed(self, event: Confirmed) -> None:
        lease = self.leases[event.lease]
        lease.state = "confirmed"
        lease.hold_until = None
        self._set_timer(lease)

    def _extended(self, event: Extended) -> None:
        lease = self.leases[event.lease]
        self._commit(lease, lease.end, event.end, +1)
        lease.end = event.end
        if lease.state == "confirmed":
            self._set_timer(lease)

    def _released(self, event: Released) -> None:
        self._stop(self.leases[event.lease], "released", event.end, event.charge)

    def _expired(self, event: Expired) -> None:
        self._stop(self.leases[event.lease], "expired", event.end, 0, "the hold was not confirmed in time")

    def _reclaimed(self, event: Reclaimed) -> None:
        lease = self.leases[event.lease]
        if event.end <= event.at:
            self._stop(lease, "reclaimed", event.end, event.charge, f"made room for {event.by}")
        else:  # it runs on until its notice is over, and can be reclaimed once more for somebody in a hurry
            self._cut(lease, event.end)
            lease.state, lease.charge, lease.hold_until = "reclaimed", event.charge, None
            lease.reason = f"makes room for {event.by}"
        lease.credit = event.credit

    def _ended(self, event: Ended) -> None:
        self._stop(self.leases[event.lease], "ended", self.leases[event.lease].end, event.charge)

    def _voided(self, event: Voided) -> None:
        if event.lease is not None:
            self._stop(self.leases[event.lease], "released", event.end, 0, "the answer to its ask was lost")
            self.leases[event.lease].credit = 0
        self.keep_key(key_name(event.tenant, event.key), GrantedKey("", "", event.at))

    def _measured(self, event: Measured) -> None:
        _add(self.measured.setdefault(event.lease, {}), event.meters)
        of_month = self.measured_in.setdefault(month_of(event.at), {})
        _add(of_month.setdefault(event.lease, {}), event.meters)

    def _charged(self, event: Charged) -> None:
        self.charges.setdefault(event.lease, {})[event.line] = OneOff(event.at, event.amount)

    # -- shared with whoever restores a snapshot ------------------------------------------------------------------

    def keep(self, lease: Lease) -> None:
        """Enter a lease in every index, without touching the curves."""
        self.leases[lease.id] = lease
        self.leases_of_site[lease.site].append(lease)
        self.leases_of_tenant[lease.tenant].append(lease)
        self._set_timer(lease)

    def restore_leases(self, leases: list[Lease]) -> None:
        """Enter the leases of a snapshot: what ``keep`` does for one, in bulk, since there are millions."""
        self.leases = {lease.id: lease for lease in leases}
        of_site, of_tenant = self.leases_of_site, self.leases_of_tenant
        ends: defaultdict[int, list[str]] = defaultdict(list)
        for lease in leases:
            of_site[lease.site].append(lease)
            of_tenant[lease.tenant].append(lease)
            state = lease.state
            if state == "confirmed":
                if lease.end < FOREVER:
                    ends[lease.end].append(lease.id)
            elif state == "held":
                self._set_timer(lease)
            if lease.cls == "spot" and (lease.is_active or lease.end > self.now):
                pools = self.pools[lease.site]
                for kind in lease.needs:
                    pools[kind].spot[lease.id] = lease
        self.ends = Timers(ends)

    def keep_key(self, name: str, granted: GrantedKey) -> None:
        """Remember a key and forget those whose day is over."""
        if name in self.keys:
            del self.keys[name]  # one granted anew goes to the end
        self.keys[name] = granted
        ages = self._keys_by_age
        heappush(ages, (granted.at, name))
        while ages[0][0] + KEY_WINDOW_S <= granted.at:
            at, old = heappop(ages)
            known = self.keys.get(old)
            if known is not None and known.at == at:  # else it was granted or made void since, and is queued once more
                del self.keys[old]

    def restore_measured(self, measured_in: dict[str, dict[str, dict[str, int]]]) -> None:
        """Take over what a snapshot has of each month."""
        self.measured_in = measured_in
        for of_month in measured_in.values():
            for lease, meters in of_month.items():
                _add(self.measured.setdefault(lease, {}), meters)

    def restore_keys(self, keys: dict[str, GrantedKey]) -> None:
        """Take over the keys of a snapshot."""
        self.keys = keys
        self._keys_by_age = list(zip(map(attrgetter("at"), keys.values()), keys, strict=True))
        heapify(self._keys_by_age)

    # -- how leases touch pools ----------------------------------------------------------------------------------

    def _set_timer(self, lease: Lease) -> None:
        if lease.state == "confirmed":
            if lease.end < FOREVER:
                self.ends.add(lease.end, lease.id)
        elif lease.state == "held" and lease.hold_until is not None:
            self.holds.add(lease.hold_until, lease.id)

    def _commit(self, lease: Lease, start: int, end: int, sign: int) -> None:
        pools = self.pools[lease.site]
        spot = lease.cls == "spot"
        for kind, quantity in lease.needs.items():
            pools[kind].commit(start, end, sign * quantity, spot)
        holdings = self.watched.get(lease.tenant)
        if holdings is not None:
            holdings.add(lease.needs, start, end, sign, self.now)

    def _cut(self, lease: Lease, end: int) -> None:
        if end < lease.end:
            self._commit(lease, end, lease.end, -1)
            lease.end = end

    def _stop(self, lease: Lease, state: LeaseState, end: int, charge: int, reason: str = "") -> None:
        self._cut(lease, end)
        lease.state, lease.charge, lease.reason, lease.hold_until = state, charge, reason, None
        if lease.cls == "spot":
            for kind in lease.needs:
                self.pools[lease.site][kind].spot.pop(lease.id, None)


def _add(sums: dict[str, int], meters: Mapping[str, int]) -> None:
    for name, amount in meters.items():
        sums[name] = sums.get(name, 0) + amount


def key_name(tenant: str, key: str) -> str:
    """One text for a tenant's key; tenant ids have no line break, so two tenants' keys never meet."""
    return f"{tenant}\n{key}"
