"""What of a roof is still to be had."""

from collections.abc import Iterable
from typing import NamedTuple

from maillage.kernel.pools import Pool
from maillage.kernel.quantities import from_thousandths
from maillage.kernel.times import DAY_S
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.leasing.model import HOLDS_MOUNTS, RoofLease

MOUNT, POWER, LOAD, FIBRE = "roof_mount", "roof_power", "roof_load", "fibre_pair"
"""The kinds of capacity that a roof has."""
FREE_FOR_S = 90 * DAY_S
"""Own choice: free is what nobody leased for any part of so long from now on. A roof is let for years; what is
taken for weeks, as a drill or by a spot lease, does not come back in time for what is looked for now."""


class Stock(NamedTuple):
    """Sizes and what is free of them, in units; ``held`` are the mounts that roof leases hold."""

    held: frozenset[str]
    mounts_free: int
    power_kw: tuple[float, float]
    load_kg: tuple[float, float]
    fibre_pairs: tuple[float, float]


NOTHING = Stock(frozenset(), 0, (0, 0), (0, 0), (0, 0))


def held_mounts(leases: Iterable[RoofLease]) -> dict[str, dict[str, str]]:
    """By site, the roof lease that holds each mount that is held."""
    held: dict[str, dict[str, str]] = {}
    for lease in leases:
        if lease.state in HOLDS_MOUNTS:
            held.setdefault(lease.site, {}).update(dict.fromkeys(lease.mounts, lease.id))
    return held


def stock_of(roof: Roof, held: Iterable[str], pools: dict[str, Pool], now: int) -> Stock:
    """As of an instant; a kind that the site has no pool of is not there."""
    taken = frozenset(held)
    left = sum(mount.id not in taken for mount in roof.mounts)
    return Stock(
        taken,
        min(left, int(_stock(pools.get(MOUNT), now)[1])),
        _stock(pools.get(POWER), now),
        _stock(pools.get(LOAD), now),
        _stock(pools.get(FIBRE), now),
    )


def _stock(pool: Pool | None, now: int) -> tuple[float, float]:
    if pool is None:
        return 0, 0
    free = max(pool.room(now, now + FREE_FOR_S, spot=False), 0)
    return from_thousandths(pool.size_at(now)), from_thousandths(free)
