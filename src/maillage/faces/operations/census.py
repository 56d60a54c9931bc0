"""Counting a ledger: leases by state, and what all pools of a kind come to.

A ledger can hold millions of leases and a hundred thousand pools, and the loop that counts them is the one that
answers asks. So it counts in slices, lets others go first between two, and does not begin anew before the last count
has grown old enough for counting to stay below a fiftieth of the time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import TypeVar, get_args

import msgspec

from maillage.kernel.leases import LeaseState
from maillage.kernel.ledger import Ledger
from maillage.kernel.pools import Pool

T = TypeVar("T")

FRESH_S = 5.0
SPARED = 50
"""A count is kept for so many times as long as it took."""
SLICE_LEASES, SLICE_POOLS = 20_000, 1_000
"""About a millisecond each."""


class PoolSums(msgspec.Struct):
    """Thousandths, over all sites, at one instant: the size, what house and firm have of it, what all classes have."""

    size: int = 0
    committed: int = 0
    all: int = 0


class Found(msgspec.Struct):
    """What a census found; pools by kind."""

    sites: int = 0
    leases: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(get_args(LeaseState), 0))
    pools: dict[str, PoolSums] = {}


class Census:
    """``found`` is as of ``age_s`` seconds ago; nothing before the first ``refresh``."""

    def __init__(self, source: Callable[[], Ledger], now: Callable[[], int]) -> None:
        self.found = Found()
        self._source = source
        self._now = now
        self._taken_at: float | None = None
        self._keep_s = 0.0
        self._taking = asyncio.Lock()

    @property
    def age_s(self) -> float:
        return 0.0 if self._taken_at is None else time.monotonic() - self._taken_at

    async def refresh(self) -> None:
        """Count anew where the last count has grown old; whoever comes meanwhile waits for the same count."""
        async with self._taking:
            if self._taken_at is not None and self.age_s < self._keep_s:
                return
            busy_s = await self._take()
            self._taken_at, self._keep_s = time.monotonic(), max(FRESH_S, SPARED * busy_s)

    async def _take(self) -> float:
        """Count; the seconds that it took, without those in which others went first."""
        ledger, now = self._source(), self._now()
        found = Found(sites=len(ledger.sites))
        began, busy_s = time.perf_counter(), 0.0
        for work in (*_leases(ledger, found), *_pools(ledger, found, now)):
            work()
            busy_s += time.perf_counter() - began
            await asyncio.sleep(0)
            began = time.perf_counter()
        self.found = found
        return busy_s


def _leases(ledger: Ledger, found: Found) -> Iterator[Callable[[], None]]:
    """Leases are never removed, so a list of them taken now stays right but for their states, which move on."""
    for some in _slices(list(ledger.leases.values()), SLICE_LEASES):

        def count(some: list[object] = some) -> None:  # type: ignore[assignment]
            for state, leases in Counter(map(attrgetter("state"), some)).items():
                found.leases[state] += leases

        yield count


def _pools(ledger: Ledger, found: Found, now: int) -> Iterator[Callable[[], None]]:
    pools = [pool for of_site in list(ledger.pools.values()) for pool in of_site.values()]
    for some in _slices(pools, SLICE_POOLS):

        def add(some: list[Pool] = some) -> None:
            for pool in some:
                sums = found.pools.setdefault(pool.kind, PoolSums())
                sums.size += pool.size_at(now)
                level = pool.committed.peak(now, now + 1)
                sums.committed += level
                sums.all += level if pool.all is pool.committed else pool.all.peak(now, now + 1)

        yield add


def _slices(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
