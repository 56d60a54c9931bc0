"""What the two find scenarios share: chains of which a given share of sites has room, in the kernel and in PostGIS.

The kernel checks 24 hours against curves that hold other leases, PostGIS a plain counter: the comparison is kind to
the peer.
"""

import random
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.postgres import Database
from benchmarks.world import NEEDS, SITES, Kernel, clustered_sites, next_hour, order_at, places_near
from maillage.kernel.asks import Ask, Near
from maillage.kernel.geo import unit_vector, unit_vectors
from maillage.kernel.times import DAY_S, HOUR_S

LIMIT = 5
CPU, MEMORY = 64, 256
"""Size of each store's two pools, in vCPU and GiB."""
DAYS = 9
"""Full pools are full for so long; asks start within the first seven."""
ELSEWHERE = 4
"""Leases that each pool with room has already, so that its curve is not empty."""
CHECKED = 200
"""Asks whose answers are compared with brute force on every density."""


class Chain:
    """A chain in the kernel in which ``share`` of the sites can meet the ask, and the asks."""

    def __init__(self, folder: Path, sites: int, share: float, places: int) -> None:
        self.sites = clustered_sites(sites)
        rng = random.Random(7)
        self.open = set(rng.sample(range(sites), max(LIMIT, round(sites * share))))
        self.kernel = Kernel(folder)
        self.kernel.lay_out(self.sites, {"cpu": CPU * 1_000, "memory": MEMORY * 1_000})
        first = next_hour()
        whole = {"cpu": CPU * 1_000, "memory": MEMORY * 1_000}
        self.kernel.fill(
            order_at(site.id, first, DAYS * 24, needs=whole)
            for number, site in enumerate(self.sites)
            if number not in self.open
        )
        self.kernel.fill(
            order_at(f"s{number}", first + rng.randrange(7 * 24) * HOUR_S, 24)
            for number in sorted(self.open)
            for _ in range(ELSEWHERE)
        )
        self.now = self.kernel.clock.now()
        self.places = places_near(self.sites, places)
        starts = [first + rng.randrange(7 * 24) * HOUR_S for _ in self.places]
        self.asks = [
            Ask(NEEDS, start, start + DAY_S, None, Near(lat, lon), "firm", limit=LIMIT)
            for (lat, lon), start in zip(self.places, starts, strict=True)
        ]

    def brute_force(self, count: int) -> list[list[str]]:
        """The right answers to the first asks: all distances in float64, sorted."""
        numbers = np.array(sorted(self.open))
        vectors = unit_vectors(
            np.array([self.sites[number].lat for number in numbers]),
            np.array([self.sites[number].lon for number in numbers]),
        )
        answers = []
        for lat, lon in self.places[:count]:
            distances = ((vectors - np.array(unit_vector(lat, lon))) ** 2).sum(axis=1)
            answers.append([f"s{number}" for number in numbers[np.argsort(distances, kind="stable")[:LIMIT]]])
        return answers

    def check(self, answers: list[list[str]], whose: str) -> int:
        """How many answers were compared; an answer that differs ends the run."""
        for number, (given, right) in enumerate(zip(answers, self.brute_force(len(answers)), strict=True)):
            if given != right:
                raise RuntimeError(f"{whose} answer {number} is {given}, brute force says {right}")
        return len(answers)


def lay_out_postgis(database: Database, table: str, chain: Chain) -> None:
    """The same sites with a counter per kind and the spatial index."""
    free = [(CPU, MEMORY) if number in chain.open else (0, 0) for number in range(len(chain.sites))]
    rows = ",".join(
        f"('{site.id}', 'POINT({site.lon!r} {site.lat!r})', {cpu}, {memory})"
        for site, (cpu, memory) in zip(chain.sites, free, strict=True)
    )
    database.execute(
        f"CREATE TABLE {table}(id text PRIMARY KEY, place geography(Point, 4326), cpu int, memory int)",
        f"INSERT INTO {table} VALUES {rows}",
        f"CREATE INDEX ON {table} USING gist (place)",
        f"VACUUM ANALYZE {table}",
    )


def nearest(table: str, place: str) -> str:
    """SQL of the sites with room nearest to a place."""
    return (
        f"SELECT id, place <-> {place} AS metres FROM {table} WHERE cpu >= 4 AND memory >= 16"
        f" ORDER BY place <-> {place} LIMIT {LIMIT}"
    )


POINT = "ST_SetSRID(ST_MakePoint({lon}, {lat}), 4326)::geography"
DENSITIES = {"100 %": 1.0, "50 %": 0.5, "5 %": 0.05, "0.5 %": 0.005}


def size(quick: bool) -> int:
    return 1_000 if quick else SITES


async def fetch_ids(statement: Any, *arguments: object) -> list[str]:
    return [row[0] for row in await statement.fetch(*arguments)]
