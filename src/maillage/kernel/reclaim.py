"""Which spot leases make room when house or firm work needs it, and until when each may still run."""

from maillage.kernel.curves import StepFunction
from maillage.kernel.events import Reclaimed
from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.pools import Pool
from maillage.kernel.scribe import Scribe


def crowded_pools(pools: dict[str, Pool], needs: dict[str, int], start: int, end: int) -> list[Pool]:
    """The pools in which house and firm leave room but spot stands in it."""
    return [
        pools[kind]
        for kind, quantity in needs.items()
        if pools[kind].all is not pools[kind].committed and pools[kind].room(start, end, spot=True) < quantity
    ]


def victims(pools: dict[str, Pool], needs: dict[str, int], start: int, end: int) -> list[Lease]:
    """Spot leases to reclaim so that the needs fit, newest first, none that would not help.

    A lease that goes frees all its kinds, so what one pool gave up counts for the next. The caller has made sure
    that the needs fit beside house and firm; hence taking enough spot always suffices.
    """
    chosen: dict[str, Lease] = {}
    for pool in crowded_pools(pools, needs, start, end):
        quantity = needs[pool.kind]
        trial = pool.all.copy()
        for lease in chosen.values():
            if pool.kind in lease.needs:
                _give_back(trial, lease, pool.kind, start, end)
        for lease in reversed(pool.spot.values()):
            if not _overfull(pool, trial, start, end, quantity):
                break
            first, beyond = max(lease.start, start), min(lease.end, end)
            if first < beyond and lease.id not in chosen and _overfull(pool, trial, first, beyond, quantity):
                chosen[lease.id] = lease
                _give_back(trial, lease, pool.kind, start, end)
    return list(chosen.values())


def reclaim(scribe: Scribe, leases: list[Lease], needed_from: int, by: str) -> None:
    """Reclaim each lease: one that runs stops when its place is needed; a hold goes at once, and one that has not
    begun is cancelled whole, since it can no longer be kept as it was promised. The last stretch of a lease that ran
    is credited by policy."""
    credit_s = scribe.policy.pricing.book.reclaim_credit_s
    for lease in leases:
        if lease.state == "held" or lease.start > scribe.now:
            end, per_hour = min(max(lease.start, scribe.now), lease.end), 0
        else:
            end, per_hour = min(max(needed_from, scribe.now), lease.end), lease.per_hour
        charge = charge_micro(per_hour, end - lease.start)
        credit = charge_micro(per_hour, min(end - lease.start, credit_s))
        site = lease.site
        scribe.record(
            Reclaimed(site, scribe.ledger.next_seq(site), scribe.now, lease.id, end, by, charge, credit, credit_s)
        )


def _give_back(trial: StepFunction, lease: Lease, kind: str, start: int, end: int) -> None:
    first, beyond = max(lease.start, start), min(lease.end, end)
    if first < beyond:
        trial.add(first, beyond, -lease.needs[kind])


def _overfull(pool: Pool, trial: StepFunction, start: int, end: int, quantity: int) -> bool:
    return any(trial.peak(a, b) + quantity > size for a, b, size in pool.size_segments(start, end))
