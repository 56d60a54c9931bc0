"""What clients ask for: by the seed, so that asks overlap and compete in all classes, and now and then are absurd."""

from collections.abc import Sequence
from random import Random

from maillage.kernel.asks import Ask, Near
from maillage.kernel.leases import LeaseClass
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S
from maillage.simulation.stage import Store

CLASSES: tuple[tuple[LeaseClass, ...], tuple[int, ...]] = (("firm", "spot", "house"), (55, 35, 10))
LENGTHS_S = (600, 1_800, HOUR_S, 2 * HOUR_S, 8 * HOUR_S, DAY_S)


class Wishes:
    """A stream of asks for the stores of one chain."""

    def __init__(self, random: Random, stores: Sequence[Store]) -> None:
        self._random = random
        self._stores = stores

    def ask(self, now: float, store: Store | None = None) -> Ask:
        """An ask at a store, near a place, or at the store given, as of a client's ``now``."""
        random = self._random
        start, end = self._interval(int(now))
        near = None
        target = store or random.choice(self._stores)
        if store is None and random.random() < 0.5:
            near = Near(target.site.lat + random.gauss(0, 0.02), target.site.lon, within_km=random.choice((None, 20.0)))
        return Ask(
            self._needs(),
            start,
            end,
            target.site.id if near is None else None,
            near,
            random.choices(*CLASSES)[0],
            max_price=random.randrange(5_000_000) if random.random() < 0.05 else None,
            hold_s=random.choice((30, 300, HOUR_S)) if random.random() < 0.35 else None,
        )

    def for_several(self, now: float) -> Ask:
        """An ask for a lease at each of several stores, or at none."""
        random = self._random
        start, end = self._interval(int(now))
        most = min(3, len(self._stores))
        count = random.randint(min(2, most), most)
        target = random.choice(self._stores).site
        near = Near(target.lat, target.lon) if random.random() < 0.5 else None
        return Ask(
            {"cpu": random.randint(1, 4) * 1_000},
            start,
            end,
            None,
            near,
            random.choices(*CLASSES)[0],
            hold_s=HOUR_S if random.random() < 0.2 else None,
            count=None if near is None else count,
            sites=None if near is not None else tuple(store.site.id for store in random.sample(self._stores, count)),
        )

    def _interval(self, now: int) -> tuple[int | None, int]:
        random = self._random
        start = None if random.random() < 0.4 else now + random.randrange(-30, 6 * HOUR_S)
        length_s = random.choice(LENGTHS_S) + random.randrange(600)
        chance = random.random()
        if chance < 0.04:
            return start, FOREVER
        if chance < 0.07:
            length_s = 40 * DAY_S  # over the end of a month, for the invoices
        return start, (now if start is None else start) + length_s

    def _needs(self) -> dict[str, int]:
        random = self._random
        if random.random() < 0.15:
            return {"pickup_slot": 1_000}
        needs = {"cpu": random.randint(1, 5) * 1_000}
        if random.random() < 0.4:
            needs["memory"] = random.randint(1, 24) * 1_000
        if random.random() < 0.1:
            needs["gpu"] = 1_000
        if random.random() < 0.02:
            needs["cpu"] = 10_000_000  # more than there is anywhere
        return needs
