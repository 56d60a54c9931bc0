"""From what the house should have to what is leased for it: pure decisions, and how the ledger takes them.

House leases run to the end of an hour and are renewed shortly before it, so that a store whose controller stands
still loses its reserve after an hour rather than never. What the house needs above them is leased at once; the ledger
reclaims spot for it in the same commit.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from maillage.kernel.asks import Ask
from maillage.kernel.curves import StepFunction
from maillage.kernel.grants import Order, grant
from maillage.kernel.leases import Lease
from maillage.kernel.moves import extend, release
from maillage.kernel.pools import Pool
from maillage.kernel.scribe import Scribe
from maillage.kernel.times import HOUR_S

RENEW_S = 600
"""How long before the end of an hour the next one is leased."""


class Stretch(NamedTuple):
    """A quantity (thousandths) that the house is to have over ``[start, end)`` (seconds UTC)."""

    start: int
    end: int
    quantity: int


class Moves(NamedTuple):
    """What to do, in this order, in one commit: leases to release, leases and their new ends, and what to lease."""

    release: list[str]
    extend: list[tuple[str, int]]
    lease: list[Stretch]


def stretches(now: int, quantity: int, next_quantity: int, lead_s: int) -> list[Stretch]:
    """What should stand as of now: ``quantity`` for the rest of this hour and, once it is about to end, what the next
    hour needs; see ``with_lead``."""
    turn = now - now % HOUR_S + HOUR_S
    hours = [Stretch(now, turn, quantity)]
    if turn - now <= RENEW_S:
        hours.append(Stretch(turn, turn + HOUR_S, next_quantity))
    return with_lead(hours, lead_s)


def with_lead(hours: Sequence[Stretch], lead_s: int) -> list[Stretch]:
    """Hours that follow on one another, where what one has more than the one before it begins ``lead_s`` early: who
    has to make room is gone when the hour begins."""
    parts: list[Stretch] = []
    for hour, following in zip_longest(hours, hours[1:]):
        then = hour.quantity if following is None else max(hour.quantity, following.quantity)
        early = hour.end if then == hour.quantity else max(hour.start, hour.end - lead_s)
        parts += [Stretch(hour.start, early, hour.quantity), Stretch(early, hour.end, then)]
    return [part for part in parts if part.start < part.end]


def plan(wanted: Sequence[Stretch], standing: Sequence[Lease], kind: str = "cpu") -> Moves:
    """What makes leases that stand into what is wanted. ``wanted`` are stretches that follow on one another, from now
    on; ``standing`` are the house's own leases of ``kind``, oldest first.

    Afterwards the house has at every instant what is wanted, and a lease that could be smaller throughout is.
    """
    now, last = wanted[0].start, wanted[-1].end
    has = StepFunction()
    for lease in standing:
        if max(lease.start, now) < min(lease.end, last):
            has.add(max(lease.start, now), min(lease.end, last), lease.needs[kind])
    moves = Moves([], [], [])
    kept: list[Lease] = []
    for lease in reversed(standing):
        start, end = max(lease.start, now), min(lease.end, last)
        spare = 0 if start >= end else min(_spare(has, wanted, start, end), lease.needs[kind])
        if spare <= 0:
            kept.append(lease)
            continue
        moves.release.append(lease.id)
        has.add(start, end, -spare)
        if spare < lease.needs[kind]:
            moves.lease.append(Stretch(start, end, lease.needs[kind] - spare))
    for lease in reversed(kept):
        for stretch in wanted:
            quantity = lease.needs[kind]
            if stretch.start == lease.end and _spare(has, [stretch], stretch.start, stretch.end) + quantity <= 0:
                has.add(stretch.start, stretch.end, quantity)
                moves.extend.append((lease.id, stretch.end))
    for stretch in wanted:
        for start, end, level in has.segments(stretch.start, stretch.end):
            if level < stretch.quantity:
                moves.lease.append(Stretch(start, end, stretch.quantity - level))
    return moves


def fitted(moves: Moves, standing: Sequence[Lease], pool: Pool, now: int) -> tuple[Moves, int]:
    """Of the moves those that the pool has room for beside the leases of others, and how many thousandths at most it
    has not, because firm leases stand there or it is closed. ``standing`` are the leases that were planned from."""
    leases = {lease.id: lease for lease in standing}
    committed = pool.committed.copy()
    for name in moves.release:
        lease = leases[name]
        committed.add(max(lease.start, now), lease.end, -lease.needs[pool.kind])
    can, anew = Moves(moves.release, [], []), list(moves.lease)
    for name, end in moves.extend:
        lease = leases[name]
        quantity = lease.needs[pool.kind]
        if _room(pool, committed, lease.end, end) >= quantity:
            committed.add(lease.end, end, quantity)
            can.extend.append((name, end))
        else:
            anew.append(Stretch(lease.end, end, quantity))
    short = 0
    for start, end, wanted in anew:
        quantity = min(wanted, _room(pool, committed, start, end))
        short = max(short, wanted - quantity)
        if quantity > 0:
            committed.add(start, end, quantity)
            can.lease.append(Stretch(start, end, quantity))
    return can, short


def carry_out(scribe: Scribe, site: str, tenant: str, moves: Moves, kind: str = "cpu") -> None:
    """Have the ledger do what there is room for."""
    for name in moves.release:
        release(scribe, name, tenant)
    for name, end in moves.extend:
        extend(scribe, name, end, tenant)
    for start, end, quantity in moves.lease:
        grant(scribe, Order(tenant, Ask({kind: quantity}, start, end, site, None, "house"), (site,)))


def _room(pool: Pool, committed: StepFunction, start: int, end: int) -> int:
    """Least that the pool has left beside what is committed, at any instant of ``[start, end)``."""
    if pool.calendar is not None and pool.calendar.first_closed(start, end, pool.zone) is not None:
        return 0
    return max(min(size - committed.peak(a, b) for a, b, size in pool.size_segments(start, end)), 0)


def _spare(has: StepFunction, wanted: Sequence[Stretch], start: int, end: int) -> int:
    """Least that the house has above what is wanted, at any instant of ``[start, end)``."""
    return min(
        has.trough(max(start, stretch.start), min(end, stretch.end)) - stretch.quantity
        for stretch in wanted
        if max(start, stretch.start) < min(end, stretch.end)
    )
