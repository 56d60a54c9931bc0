"""Cleanings of the sites of one process: begun, seen through and taken up again, a step at a time."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable

from maillage.kernel.errors import Refusal
from maillage.kernel.notices import Notices
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.robots.cleaning.beginning import Beginner
from maillage.services.robots.cleaning.book import Book
from maillage.services.robots.cleaning.estimating import Estimates
from maillage.services.robots.cleaning.following import Follower
from maillage.services.robots.cleaning.grounds import Grounds
from maillage.services.robots.cleaning.leasing import Leasing
from maillage.services.robots.cleaning.model import Cleaning
from maillage.services.robots.cleaning.ports import CleaningRecords, FloorRecords, ScheduleRecords, Units
from maillage.services.robots.cleaning.rolling import Roller
from maillage.services.robots.cleaning.stepping import Means
from maillage.services.robots.cleaning.steps import with_assists, with_run
from maillage.services.robots.cleaning.telling import Teller
from maillage.services.robots.ports import Missions

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often all cleanings are looked at; what a mission tells is looked at at once."""
ROLL_S = 60


class Cleanings:
    """Tests call ``open`` and ``tick`` themselves; ``start`` has both done by the clock. The ledger's writer and the
    fleet have to run."""

    def __init__(
        self,
        floors: FloorRecords,
        cleanings: CleaningRecords,
        schedules: ScheduleRecords,
        office: Office,
        missions: Missions,
        units: Units,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self.book = Book(floors, cleanings, schedules)
        self.grounds = Grounds(self.book)
        self.leasing = Leasing(office)
        self.units = units
        self._missions = missions
        self._clock = clock
        teller = Teller(notices)
        self.teller = teller
        means = Means(self.book, self.grounds, self.leasing, missions, units, teller, clock)
        self.beginner, self.follower = Beginner(means), Follower(means)
        self.roller = Roller(self.book, self.leasing, office, Estimates(self.grounds, units).needed_s, clock)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rolling = asyncio.Lock()
        self._rolled_at = 0
        self._stir = asyncio.Event()
        self._watched: dict[str, Callable[[], None]] = {}
        self._running: asyncio.Task[None] | None = None

    # -- running -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up what a process before this one left, and give back leases that nothing stands on any more: those that
        were granted when it ended before it could write that down."""
        await self.book.load()
        for lease in await self.leasing.standing() - self.book.leases():
            await self.leasing.give_back(lease)

    async def start(self) -> None:
        await self.open()
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Robots under way go on; the next process takes them up."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        for end in self._watched.values():
            end()
        self._watched.clear()

    async def tick(self, roll: bool = True) -> None:
        """Look at all cleanings, and where it is due or told to at the schedules."""
        if roll or self._clock.now() - self._rolled_at >= ROLL_S:
            await self.roll()
        await asyncio.gather(*(self._looked_at(cleaning_id) for cleaning_id in list(self.book.open)))
        self._watch_missions()

    async def roll(self) -> None:
        """Look at the schedules."""
        async with self._rolling:
            self._rolled_at = self._clock.now()
            await self.roller.roll()

    def rolling(self) -> asyncio.Lock:
        """Held while schedules change."""
        return self._rolling

    def lock(self, cleaning_id: str) -> asyncio.Lock:
        """Held while a cleaning changes."""
        return self._locks[cleaning_id]

    async def look(self, cleaning_id: str) -> None:
        """Take the next step of one cleaning."""
        async with self.lock(cleaning_id):
            cleaning = self.book.open.get(cleaning_id)
            if cleaning is None:
                return
            run = cleaning.run
            if run is None:
                if cleaning.runs and any(assist.resolved_at is None for assist in cleaning.runs[-1].assists):
                    last = cleaning.runs[-1]
                    assists = with_assists(last.assists, self.units.unit(last.robot), self._clock.now(), more=False)
                    if assists != last.assists:
                        cleaning = await self.book.put(with_run(cleaning, assists=assists))
                await self.beginner.begin(cleaning)
            elif run.phase == "leased":
                await self.beginner.take_up(cleaning, run)
            else:
                await self.follower.look(cleaning, run)

    def reached(self, cleaning: Cleaning) -> tuple[int, int] | None:
        """How many waypoints of how many the run under way has behind it."""
        run = cleaning.run
        progress = None if run is None or not run.mission else self._missions.progress(run.mission)
        return None if progress is None else (progress.reached + 1, progress.total)

    def stir(self) -> None:
        """Look at all soon."""
        self._stir.set()

    # -- how -----------------------------------------------------------------------------------------------------------

    async def _looked_at(self, cleaning_id: str) -> None:
        try:
            await self.look(cleaning_id)
        except Refusal as refusal:
            log.warning("cleaning %s is looked at again: %s", cleaning_id, refusal.detail)
        except Exception:
            log.exception("cleaning %s could not be seen to; trying again", cleaning_id)
        if cleaning_id not in self.book.open:
            self._locks.pop(cleaning_id, None)

    def _watch_missions(self) -> None:
        """Be told when a mission of a run changes, so that nobody waits for the next look."""
        runs = [run for cleaning in self.book.open.values() if (run := cleaning.run) is not None]
        wanted = {run.home or run.mission for run in runs} - {""}
        for mission in self._watched.keys() - wanted:
            self._watched.pop(mission)()
        for mission in wanted - self._watched.keys():
            with contextlib.suppress(Refusal):  # it ended meanwhile: the next look sees that
                self._watched[mission] = self._missions.watch(mission, lambda progress: self._told(progress.ended))

    def _told(self, news: bool) -> None:
        if news:
            self._stir.set()

    async def _run(self) -> None:
        while True:
            self._stir.clear()
            try:
                await self.tick(roll=False)
            except Exception:
                log.exception("cleanings could not be looked at; trying again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._stir.wait()
