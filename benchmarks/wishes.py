"""What clients ask for in the scenarios of leases: numbers that each side turns into its own words."""

import random
from typing import NamedTuple

HOURS = 24
START_HOURS = 72
"""Leases start at one of this many hours from the first on."""


class Wish(NamedTuple):
    """A lease of ``HOURS`` hours at a site, from the hour ``first`` on."""

    site: int
    first: int
    key: str


class Wishes:
    """What clients are going to ask, thought out before the clock starts: only the answering is measured."""

    def __init__(self, seed: int | None, sites: int) -> None:
        self._rng = random.Random(seed)
        self._sites = sites
        self._ready: list[Wish] = []

    def make_ready(self, count: int) -> None:
        self._ready += [self._new() for _ in range(count - len(self._ready))]

    def next(self) -> Wish:
        return self._ready.pop() if self._ready else self._new()

    def _new(self) -> Wish:
        rng = self._rng
        return Wish(rng.randrange(self._sites), rng.randrange(START_HOURS), f"{rng.getrandbits(128):032x}")
