"""Ledgers with very many active leases, as a chain that sells ten kinds of capacity has them."""

import random
from collections.abc import Iterator

from benchmarks.world import AMPLE, SITES, Kernel, clustered_sites, next_hour, order_at
from maillage.kernel.grants import Order
from maillage.kernel.times import HOUR_S

PAIRS = (
    ("cpu", "memory"),
    ("gpu", "disk"),
    ("roof_mount", "roof_power"),
    ("pallet_chilled", "dock"),
    ("pick_minutes", "delivery_slot"),
)
"""Each lease takes two of ten kinds, so a million leases are some twenty a pool."""
START_HOURS = 14 * 24


def lay_out(kernel: Kernel, quick: bool) -> int:
    """The chain with its pools; how many sites it has."""
    sites = SITES // 10 if quick else SITES
    kernel.lay_out(clustered_sites(sites), {kind: AMPLE for pair in PAIRS for kind in pair})
    return sites


def orders(count: int, sites: int, seed: int) -> Iterator[Order]:
    """Leases of 4 to 48 hours that start within two weeks, each with a key."""
    rng = random.Random(seed)
    first = next_hour()
    for _ in range(count):
        yield order_at(
            f"s{rng.randrange(sites)}",
            first + rng.randrange(START_HOURS) * HOUR_S,
            rng.choice((4, 8, 24, 48)),
            f"{rng.getrandbits(128):032x}",
            dict.fromkeys(rng.choice(PAIRS), 1000),
        )
