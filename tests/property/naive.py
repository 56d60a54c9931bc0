"""What the kernel should do, told in the plainest way: lists of leases, and a look at every instant that matters.

``NaiveStore`` is one site, ``NaiveChain`` some sites with one ledger: one time, and one memory for keys.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from maillage.kernel.times import DAY_S, FOREVER, HOUR_S

OPENS_S, CLOSES_S = 6 * HOUR_S, 22 * HOUR_S
"""Pools with hours are open daily from 06:00 to 22:00 UTC."""


@dataclass
class NaiveLease:
    id: str
    needs: dict[str, int]
    start: int
    end: int
    cls: str
    state: str
    hold_until: int | None
    ran: bool = True
    """Whether it is to be paid: it was not just a hold, or not just a promise, when it stopped."""


@dataclass
class NaivePool:
    sizes: list[tuple[int, int]]
    notice_s: int = 0
    has_hours: bool = False

    def size_at(self, instant: int) -> int:
        return ([0] + [size for since, size in self.sizes if since <= instant])[-1]


class Granted(NamedTuple):
    start: int
    end: int
    displaced: list[NaiveLease]


class KnownKey(NamedTuple):
    """What a key was granted, ``leases`` in order; none where it was made void."""

    body: str
    leases: list[NaiveLease]
    at: int


@dataclass
class NaiveStore:
    """One site. Its answers are Granted, or the slug of a refusal."""

    now: int
    pools: dict[str, NaivePool] = field(default_factory=dict)
    leases: list[NaiveLease] = field(default_factory=list)

    # -- looking -------------------------------------------------------------------------------------------------

    def level(self, kind: str, instant: int, spot: bool) -> int:
        return sum(
            lease.needs.get(kind, 0)
            for lease in self.leases
            if lease.start <= instant < lease.end and (spot or lease.cls != "spot")
        )

    def instants(self, kind: str, start: int, end: int) -> list[int]:
        """Where anything about a pool may change in ``[start, end)``."""
        edges = {start} | {edge for lease in self.leases for edge in (lease.start, lease.end)}
        edges |= {since for since, _ in self.pools[kind].sizes}
        return sorted(edge for edge in edges if start <= edge < end)

    def fits(self, kind: str, start: int, end: int, quantity: int, spot: bool) -> bool:
        pool = self.pools[kind]
        return all(
            self.level(kind, instant, spot) + quantity <= pool.size_at(instant)
            for instant in self.instants(kind, start, end)
        )

    def is_open(self, kind: str, start: int, end: int) -> bool:
        midnight = start // DAY_S * DAY_S
        return not self.pools[kind].has_hours or midnight + OPENS_S <= start < end <= midnight + CLOSES_S

    def oversold(self) -> list[tuple[str, int]]:
        return [
            (kind, instant)
            for kind, pool in self.pools.items()
            for instant in self.instants(kind, 0, FOREVER)
            if self.level(kind, instant, spot=True) > pool.size_at(instant)
        ]

    # -- what may be asked -----------------------------------------------------------------------------------------

    def ask(self, needs: dict[str, int], start: int, end: int, cls: str) -> Granted | str:
        if start < self.now - 60 or end <= max(start, self.now):
            return "invalid"
        if start < self.now and not all(
            kind in self.pools and self.is_open(kind, start, end) and self.fits(kind, start, end, quantity, spot=True)
            for kind, quantity in needs.items()
        ):
            start = self.now
        displaced = self.room(needs, start, end, cls)
        return displaced if isinstance(displaced, str) else Granted(start, end, displaced)

    def room(self, needs: dict[str, int], start: int, end: int, cls: str) -> list[NaiveLease] | str:
        """Who must go for the needs to fit, or why they do not."""
        for kind, quantity in needs.items():
            if kind not in self.pools or not self.is_open(kind, start, end):
                return "no-capacity"
            if not self.fits(kind, start, end, quantity, spot=cls == "spot"):
                return "no-capacity"
        crowded = [kind for kind, quantity in needs.items() if not self.fits(kind, start, end, quantity, spot=True)]
        if cls == "firm" and any(start < self.now + self.pools[kind].notice_s for kind in crowded):
            return "notice-too-short"
        gone: list[NaiveLease] = []
        for kind in crowded:
            gone += self.newest_in_the_way(kind, needs[kind], start, end, gone)
        return gone

    def newest_in_the_way(
        self, kind: str, quantity: int, start: int, end: int, gone: list[NaiveLease], size: int | None = None
    ) -> list[NaiveLease]:
        """Spot leases of a kind that must go, newest first; of those that are gone already nothing is left."""
        more: list[NaiveLease] = []

        def overfull(first: int, beyond: int) -> bool:
            for instant in self.instants(kind, first, beyond):
                there = [lease for lease in gone + more if lease.start <= instant < lease.end]
                level = self.level(kind, instant, spot=True) - sum(lease.needs.get(kind, 0) for lease in there)
                if level + quantity > (self.pools[kind].size_at(instant) if size is None else size):
                    return True
            return False

        for lease in reversed(self.leases):
            if lease.cls == "spot" and kind in lease.needs and lease.end > self.now and lease not in gone:
                first, beyond = max(start, lease.start), min(end, lease.end)
                if first < beyond and overfull(first, beyond):
                    more.append(lease)
        return more

    # -- what happens ------------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        self.now = now
        for lease in self.leases:
            if lease.state == "held" and lease.hold_until is not None and lease.hold_until <= now:
                self.stop(lease, "expired", max(lease.start, min(lease.hold_until, lease.end)))
            elif lease.state == "confirmed" and lease.end <= now:
                self.stop(lease, "ended", lease.end)

    def stop(self, lease: NaiveLease, state: str, end: int) -> None:
        lease.ran = lease.ran and lease.state != "held"
        lease.state, lease.end, lease.hold_until = state, end, None

    def displace(self, leases: list[NaiveLease], needed_from: int) -> None:
        for lease in leases:
            if lease.state == "held" or lease.start > self.now:
                self.stop(lease, "reclaimed", min(max(lease.start, self.now), lease.end))
                lease.ran = False
            else:
                self.stop(lease, "reclaimed", min(max(needed_from, self.now), lease.end))

    def enter(self, lease_id: str, needs: dict[str, int], granted: Granted, cls: str, hold_s: int | None) -> NaiveLease:
        self.displace(granted.displaced, granted.start)
        hold_until = None if hold_s is None else min(self.now + hold_s, granted.end)
        state = "confirmed" if hold_s is None else "held"
        lease = NaiveLease(lease_id, needs, granted.start, granted.end, cls, state, hold_until)
        self.leases.append(lease)
        return lease

    def confirm(self, lease: NaiveLease) -> str:
        if lease.state in ("held", "confirmed"):
            lease.state, lease.hold_until = "confirmed", None
            return "done"
        return "lease-state"

    def release(self, lease: NaiveLease) -> str:
        if lease.state in ("held", "confirmed"):
            self.stop(lease, "released", max(lease.start, min(self.now, lease.end)))
            return "done"
        return "done" if lease.state == "released" else "lease-state"

    def extend(self, lease: NaiveLease, end: int) -> str:
        if lease.end == end:
            return "done"
        if lease.state not in ("held", "confirmed"):
            return "lease-state"
        if end < lease.end:
            return "invalid"
        displaced = self.room(lease.needs, lease.end, end, lease.cls)
        if isinstance(displaced, str):
            return displaced
        self.displace(displaced, lease.end)
        lease.end = end
        return "done"

    def resize(self, kind: str, size: int, since: int, notice_s: int, has_hours: bool) -> str:
        since = max(since, self.now)
        pool = self.pools.get(kind)
        if pool is None:
            self.pools[kind] = NaivePool([(since, size)], notice_s, has_hours)
            return "done"
        if any(self.level(kind, instant, spot=False) > size for instant in self.instants(kind, since, FOREVER)):
            return "pool-in-use"
        self.displace(self.newest_in_the_way(kind, 0, since, FOREVER, [], size), since)
        pool.sizes = [(at, former) for at, former in pool.sizes if at < since] + [(since, size)]
        pool.notice_s = notice_s
        return "done"


class NaiveChain:
    """Sites by name; ``leases`` in order of grant."""

    def __init__(self, now: int, sites: tuple[str, ...]) -> None:
        self.now = now
        self.stores = {site: NaiveStore(now) for site in sites}
        self.leases: list[NaiveLease] = []
        self.keys: dict[str, KnownKey] = {}

    def tick(self, now: int) -> None:
        self.now = now
        for store in self.stores.values():
            store.tick(now)

    def store_of(self, lease: NaiveLease) -> NaiveStore:
        return self.stores[lease.id.rpartition("~")[0]]

    def known(self, key: str | None) -> KnownKey | None:
        """What became of a key in the last 24 hours."""
        known = None if key is None else self.keys.get(key)
        return known if known is not None and self.now - known.at < DAY_S else None

    def remembered(self, key: str | None, body: str) -> list[str] | str | None:
        """The leases that a key was granted, or the slug of the refusal of another body or a void key."""
        known = self.known(key)
        if known is None:
            return None
        if not known.leases:
            return "idempotency-key-void"
        return [lease.id for lease in known.leases] if known.body == body else "idempotency-key-reused"

    def ask(self, site: str, needs: dict[str, int], start: int, end: int, cls: str) -> dict[str, Granted] | str:
        granted = self.stores[site].ask(needs, start, end, cls)
        return granted if isinstance(granted, str) else {site: granted}

    def ask_several(
        self, sites: tuple[str, ...], count: int, needs: dict[str, int], start: int, end: int, cls: str
    ) -> dict[str, Granted] | str:
        """What each of the first sites that can would grant, once there are enough of them."""
        given: dict[str, Granted] = {}
        for site in sites:
            answer = self.stores[site].ask(needs, start, end, cls)
            if answer == "invalid":
                return answer
            if isinstance(answer, Granted) and len(given) < count:
                given[site] = answer
        return given if len(given) == count else "no-capacity"

    def enter(
        self, ids: list[str], granted: dict[str, Granted], needs: dict[str, int], cls: str, hold_s: int | None
    ) -> list[NaiveLease]:
        new = [
            self.stores[site].enter(lease_id, needs, one, cls, hold_s)
            for lease_id, (site, one) in zip(ids, granted.items(), strict=True)
        ]
        self.leases += new
        return new

    def remember(self, key: str, body: str, leases: list[NaiveLease]) -> None:
        self.keys[key] = KnownKey(body, leases, self.now)

    def void(self, key: str) -> None:
        """Of several leases the first has the key; an owner is asked to void those of single leases."""
        known = self.known(key)
        if known is None:
            self.keys[key] = KnownKey("", [], self.now)
        elif known.leases and known.leases[0].state in ("held", "confirmed", "ended", "reclaimed"):
            lease = known.leases[0]
            self.store_of(lease).stop(lease, "released", max(lease.start, min(self.now, lease.end)))
            lease.ran = False
            self.keys[key] = KnownKey("", [], self.now)
