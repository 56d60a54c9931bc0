"""Who asks a demo chain for what: a handful of tenants, each with its own habits, near where people are.

The tenants, their appetites and the crowded cities are made up; the asks are ordinary asks.
"""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from maillage.kernel.asks import Ask, Near
from maillage.kernel.leases import LeaseClass
from maillage.kernel.sites import Site
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S

Place = tuple[float, float]


class DemoTenant(msgspec.Struct, frozen=True):
    """``share`` of all asks; ``holds`` of them come as holds that are confirmed later (or forgotten)."""

    id: str
    name: str
    role: str
    share: float
    habit: Callable[[Random, int], "Wish"]
    holds: float = 0.0


class Wish(msgspec.Struct, frozen=True):
    """What is wanted, before it is known where. ``needs`` in units; ``start_s`` from now; no ``hours`` is open."""

    needs: dict[str, float]
    cls: LeaseClass = "firm"
    start_s: int = 0
    hours: float | None = 4
    within_km: float = 25.0
    within_ms: float | None = None
    max_price_micro: int | None = None
    clinic: bool = False


def _local_cloud(random: Random, _: int) -> Wish:
    cpu = random.choice((2, 4, 8, 16))
    needs: dict[str, float] = {"cpu": cpu, "memory": cpu * random.choice((2, 4))}
    if random.random() < 0.08:
        needs["gpu"] = 1
    cls: LeaseClass = "spot" if random.random() < 0.6 else "firm"
    return Wish(needs, cls, hours=random.choice((2, 8, 24, 72)), within_ms=random.choice((6, 8, 12)))


def _drone_fleet(random: Random, _: int) -> Wish:
    return Wish({"cpu": random.choice((0.5, 1, 2)), "memory": 2, "roof_power": 0.5}, "spot", hours=1.5, within_km=12)


def _telecom(random: Random, _: int) -> Wish:
    return Wish({"roof_mount": random.choice((1, 1, 2)), "roof_power": 2, "cpu": 4}, hours=None, within_km=8)


def _marketplace(random: Random, _: int) -> Wish:
    kind = random.choices(("pallet_ambient", "pallet_chilled", "pallet_frozen"), (6, 3, 2))[0]
    cap = 40_000_000 if random.random() < 0.1 else None
    return Wish({kind: random.choice((1, 2, 4))}, hours=24 * random.choice((3, 10, 30)), max_price_micro=cap)


def _clinic(random: Random, now: int) -> Wish:
    return Wish({"visit": 1}, start_s=_daytime(random, now, 5, 900), hours=0.5, within_km=60, clinic=True)


def _shop(random: Random, now: int) -> Wish:
    roll = random.random()
    if roll < 0.45:
        return Wish({"pickup_slot": random.choice((1, 2, 4))}, "house", _daytime(random, now, 2, HOUR_S), 1)
    if roll < 0.65:
        return Wish({"delivery_slot": 1}, "house", _daytime(random, now, 2, HOUR_S), 1, within_km=15)
    if roll < 0.8:
        return Wish({"pick_minutes": random.choice((10, 30, 60)), "dock": 1}, "house", 0, 2)
    if roll < 0.9:
        return Wish({"robot": 1, "disk": 50}, "house", 0, 1.5)
    return Wish({"cpu": 24, "memory": 96}, "house", 0, 6)  # the till cameras of a busy evening: spot makes room


def _daytime(random: Random, now: int, days: int, step_s: int) -> int:
    """Seconds from now to a time of the coming days when it is day all over the United States (15 to 22 h UTC)."""
    midnight = now - now % DAY_S + DAY_S * random.randint(1, days)
    return midnight + random.randrange(15 * HOUR_S, 22 * HOUR_S, step_s) - now


TENANTS = (
    DemoTenant("brightcloud", "Brightcloud, a local cloud", "tenant", 0.30, _local_cloud, holds=0.1),
    DemoTenant("skyhop", "Skyhop drones", "tenant", 0.15, _drone_fleet),
    DemoTenant("ridgeline", "Ridgeline Mobile", "tenant", 0.05, _telecom),
    DemoTenant("quickcart", "Quickcart marketplace", "tenant", 0.20, _marketplace, holds=0.2),
    DemoTenant("harbor", "Harbor clinics", "tenant", 0.08, _clinic, holds=0.3),
    DemoTenant("shop", "the stores' own work", "node", 0.22, _shop),
)
CROWDED = 0.5
"""Share of asks that come from the few most populous places, so that some stores run full."""
HOLD_S = 20 * 60


class Traffic:
    """Draws asks. ``places`` are weighted by how many people are there."""

    def __init__(self, random: Random, places: Sequence[Place], people: Sequence[float]) -> None:
        self._random = random
        self._places = places
        total = 0.0
        self._cumulative = [total := total + count for count in people]
        most = sorted(range(len(places)), key=lambda i: -people[i])[:12]
        self._crowded = [places[i] for i in most]

    def asks(self, tenant: DemoTenant, now: int, count: int) -> list[Ask]:
        """``count`` asks as this tenant makes them at this instant."""
        return [self._ask(tenant, now) for _ in range(count)]

    def _ask(self, tenant: DemoTenant, now: int) -> Ask:
        random = self._random
        wish = tenant.habit(random, now)
        if random.random() < CROWDED:
            lat, lon = random.choice(self._crowded)
        else:
            lat, lon = random.choices(self._places, cum_weights=self._cumulative)[0]
        near = Near(
            lat + random.uniform(-0.02, 0.02), lon + random.uniform(-0.02, 0.02), wish.within_km, wish.within_ms
        )
        start = now + wish.start_s
        return Ask(
            {kind: round(quantity * 1_000) for kind, quantity in wish.needs.items()},
            start,
            FOREVER if wish.hours is None else start + round(wish.hours * HOUR_S),
            None,
            near,
            wish.cls,
            wish.max_price_micro,
            {"has_clinic": True} if wish.clinic else None,
            hold_s=HOLD_S if random.random() < tenant.holds else None,
        )


def places_of(sites: Sequence[Site]) -> tuple[list[Place], list[float]]:
    """Where people are when no population is given: where the stores are, more of them where stores stand close."""
    cells: dict[tuple[int, int], list[Site]] = {}
    for site in sites:
        cells.setdefault((round(site.lat * 2), round(site.lon * 2)), []).append(site)
    places = [(some[0].lat, some[0].lon) for some in cells.values()]
    return places, [float(len(some)) for some in cells.values()]
