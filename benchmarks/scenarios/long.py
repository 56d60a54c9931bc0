"""CPU time of granting a lease of 720 hours, against one of 4 hours, in pools that hold twenty leases each."""

import random
import time
from collections.abc import Callable

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.world import AMPLE, Kernel, clustered_sites, granting, next_hour, order_at
from maillage.kernel.times import HOUR_S

GOAL = 3.0
SHORT, LONG = 4, 720
HELD = 20
"""Leases each pool has: half of them long, half short."""
START_HOURS = 30 * 24
SITES_A_ROUND = 500
COMMIT = 250


def run(setting: Setting) -> Outcome:
    """Each round has sites of its own, so the pools that are measured always hold the same number of leases."""
    each_round = 50 if setting.quick else SITES_A_ROUND
    sites = clustered_sites(2 * each_round * setting.rounds)
    kernel = Kernel(setting.folder)
    kernel.lay_out(sites, {"cpu": AMPLE, "memory": AMPLE})
    rng = random.Random(3)
    first = next_hour()

    def start() -> int:
        return first + rng.randrange(START_HOURS) * HOUR_S

    kernel.fill(order_at(site.id, start(), hours) for site in sites for hours in (SHORT, LONG) * (HELD // 2))
    fresh = iter(sites)

    def side(hours: int) -> Callable[[], float]:
        def cpu_us_per_grant() -> float:
            orders = [order_at(next(fresh).id, start(), hours) for _ in range(each_round)]
            decisions = [granting(order) for order in orders]
            before = time.process_time()
            for portion in range(0, each_round, COMMIT):
                kernel.keeper.run(*decisions[portion : portion + COMMIT])
            return (time.process_time() - before) / each_round * 1e6

        return cpu_us_per_grant

    try:
        rounds = alternate(setting, {"long": side(LONG), "short": side(SHORT)})
    finally:
        kernel.close()
    ours = [each.values["long"] for each in rounds]
    base = [each.values["short"] for each in rounds]
    lines = [Line(f"{LONG} hours", "us CPU/grant", ours, base, f"{SHORT} hours", GOAL, at_most=True)]
    notes = [f"two kinds a lease; decided, encoded and committed {COMMIT} at a time"]
    return Outcome("long", lines, rounds, notes, uses_disk=False, quick=setting.quick)
