"""The keeper of the house: measures what each site's own work uses, and has leased for it what it will need.

Every few seconds it looks at what is used, and asks for more at once where that is above what it planned for; every
minute, and when an hour of the store turns, it plans anew. All it decides goes through the office like anybody's asks.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence

from maillage.kernel.announcer import Announcer
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.scribe import View
from maillage.kernel.sites import zone_info
from maillage.kernel.times import FOREVER
from maillage.kernel.waiting import signalled
from maillage.services.compute.house import KIND
from maillage.services.compute.house.deciding import Decision, carry_out, decide
from maillage.services.compute.house.model import HouseRecord, Slot
from maillage.services.compute.house.ports import HouseStore, HouseUse
from maillage.services.compute.house.site import SiteHouse
from maillage.services.compute.house.standing import Standing

log = logging.getLogger(__name__)

SAMPLE_S = 5.0
PLAN_S = 60
LEARN_LOOK_S = 60.0
AT_ONCE = 100
"""Sites that one reading of the ledger plans: others wait for it."""


class Keeper:
    """``houses`` has the sites that are looked after. Tests call ``tick`` and ``learn`` themselves; ``start`` has both
    done by the clock."""

    def __init__(self, store: HouseStore, use: HouseUse, office: Office, announcer: Announcer, clock: Clock) -> None:
        self.houses: dict[str, SiteHouse] = {}
        self.standing = Standing()
        self._store = store
        self._use = use
        self._office = office
        self._announcer = announcer
        self._clock = clock
        self._turn = asyncio.Lock()
        self._stir = asyncio.Event()
        self._stirred: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] | None = None

    # -- running ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up what was kept and what is leased already."""
        self._unsubscribe = self._announcer.subscribe(self.standing.listen)
        await self._office.read(self.standing.fill)
        for record in await asyncio.to_thread(self._store.all):
            place = await self._place(record.site)
            if place is None:
                log.warning(
                    "the house of %s is not looked after: the site is not here, or has no %s", record.site, KIND
                )
                continue
            await self._take_up(record, *place)

    async def start(self) -> None:
        """Look after all sites from now on; the ledger's writer has to run."""
        await self.open()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run()), loop.create_task(self._run_learning())]

    async def stop(self) -> None:
        """Leave the leases: they end by themselves with the hour, unless somebody goes on with them."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._unsubscribe is not None:
            self._unsubscribe()

    async def tick(self, sites: Iterable[str] | None = None) -> None:
        """See what is used, of all sites unless some are named, and plan where that is due."""
        async with self._turn:
            now = self._clock.now()
            if sites is None:
                self._use.sample()
            houses = [house for site in (self.houses if sites is None else sites) if (house := self.houses.get(site))]
            over: list[tuple[str, Slot]] = []
            for house in houses:
                slot = house.see(now, self._use.use(house.record.site))
                if slot is not None:
                    over.append((house.record.site, slot))
            if over:
                await asyncio.to_thread(self._store.add, over)
            due = [house for house in houses if house.outlook and (house.plan_due_at <= now or house.wants_more(now))]
            for first in range(0, len(due), AT_ONCE):
                await self._plan(due[first : first + AT_ONCE])

    async def learn(self) -> None:
        """Fit the profiles that are due, one after another."""
        for house in list(self.houses.values()):
            if house.fit_due_at <= self._clock.now():
                await self.fit(house)

    async def fit(self, house: SiteHouse) -> None:
        """Fit the profile of one site, as it is now."""
        place = await self._place(house.record.site)
        if place is not None:
            house.zone, house.size = zone_info(place[0]), place[1]
        await house.fit(self._clock.now())

    # -- what is asked of it -----------------------------------------------------------------------------------------

    async def put(self, record: HouseRecord, zone: str, size: int) -> None:
        """Look after a site like this from now on; its leases are so when this returns."""
        await asyncio.to_thread(self._store.put, record)
        house = self.houses.get(record.site)
        if house is None:
            house = await self._take_up(record, zone, size)
        house.record = record
        await self.fit(house)
        await self.tick([record.site])

    async def drop(self, site: str) -> None:
        """Look after it no longer: its history is forgotten, what was leased for it given back."""
        async with self._turn:
            await asyncio.to_thread(self._store.drop, site)
            self.houses.pop(site, None)
            self._use.forget(site)
            decision = await self._office.read(lambda view: decide(view, site, self.standing, None, 1))
            if decision is not None:
                await carry_out(self._office, decision)

    async def report(self, site: str, cpu: int, at: int) -> None:
        """Take note of what a site's monitoring says, and look at once whether that is more than was planned for."""
        house = self.houses[site]
        if not house.record.monitored:
            record = HouseRecord(site, house.record.settings, monitored=True)
            await asyncio.to_thread(self._store.put, record)
            house.record = record
        self._use.report(site, cpu, at)
        self._stirred.add(site)
        self._stir.set()

    # -- steps -------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            self._stir.clear()
            stirred, self._stirred = self._stirred, set()
            everything = loop.time() >= next_at
            try:
                await self.tick(None if everything else stirred)
            except Exception:
                log.exception("the house could not be looked after; trying again")
            if everything:
                next_at = loop.time() + SAMPLE_S
            await signalled(self._stir, max(next_at - loop.time(), 0.0))

    async def _run_learning(self) -> None:
        while True:
            try:
                await self.learn()
            except Exception:
                log.exception("a profile could not be learnt; trying again")
            await asyncio.sleep(LEARN_LOOK_S)

    async def _take_up(self, record: HouseRecord, zone: str, size: int) -> SiteHouse:
        slots = await asyncio.to_thread(self._store.slots, record.site)
        house = self.houses[record.site] = SiteHouse(record, slots, zone_info(zone), size)
        return house

    async def _place(self, site: str) -> tuple[str, int] | None:
        return await self._office.read(lambda view: place_of(view, site))

    async def _plan(self, houses: Sequence[SiteHouse]) -> None:
        def decided(view: View) -> list[Decision | None]:
            return [self._decided(view, house) for house in houses]

        decisions = await self._office.read(decided)
        pairs = [(house, decision) for house, decision in zip(houses, decisions, strict=True) if decision is not None]
        done = await asyncio.gather(*(carry_out(self._office, decision) for _, decision in pairs))
        now = self._clock.now()
        for house in houses:
            house.plan_due_at = now + PLAN_S
        for (house, decision), all_done in zip(pairs, done, strict=True):
            house.planned, house.short = decision.now_kept, decision.short
            if not all_done:
                house.plan_due_at = now
            elif house.record.settings.on:
                house.plan_due_at = min(now + PLAN_S, decision.turn)
            else:
                house.plan_due_at = FOREVER  # nothing stands for it, and nothing will until it is set anew

    def _decided(self, view: View, house: SiteHouse) -> Decision | None:
        settings, place = house.record.settings, place_of(view, house.record.site)
        if place is not None:  # both may have been changed since the profile was fitted
            house.zone, house.size = zone_info(place[0]), place[1]
        kept = house.kept if settings.on else None
        return decide(view, house.record.site, self.standing, kept, settings.horizon_h)


def place_of(view: View, site: str) -> tuple[str, int] | None:
    """(zone, size of the pool) of a site that has one."""
    pool = view.ledger.pools.get(site, {}).get(KIND)
    return None if pool is None else (view.ledger.sites[site].tz, pool.size_at(view.now))
