"""What a simulated chain offers: a few small stores close together, so that asks meet and most pools fill up."""

from random import Random
from typing import NamedTuple

from maillage.kernel.calendars import CalendarDocument
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.sites import Site

ZONES = ("America/Chicago", "Europe/Paris", "Etc/UTC", "America/New_York")
DAYTIME: CalendarDocument = {day: [("06:00", "22:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


class Store(NamedTuple):
    """A site and what its pools are to be, by kind."""

    site: Site
    pools: dict[str, CapacityPlanDocument]


def stores(random: Random, count: int) -> list[Store]:
    """So many stores, within some dozen kilometres."""
    return [_store(random, f"s{number}") for number in range(1, count + 1)]


def _store(random: Random, name: str) -> Store:
    lat, lon = 36.3 + random.random() / 5, -94.3 + random.random() / 5
    site = Site(name, f"Store {name[1:]}", round(lat, 5), round(lon, 5), random.choice(ZONES))
    notice_s = random.choice((0, 30, 600))
    pools = {
        "cpu": CapacityPlanDocument(random.randint(6, 24), notice_s=notice_s),
        "memory": CapacityPlanDocument(random.randint(16, 96), notice_s=random.choice((0, notice_s))),
        "pickup_slot": CapacityPlanDocument(random.randint(1, 6), calendar=DAYTIME),
    }
    if random.random() < 0.5:
        pools["gpu"] = CapacityPlanDocument(random.randint(1, 3))
    return Store(site, pools)
