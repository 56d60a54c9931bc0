"""What is known of cleaning in one process, in memory over records that keep it: reads don't wait, writes are
durable."""

from maillage.kernel.errors import NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.robots.cleaning.evidence import Evidence
from maillage.services.robots.cleaning.model import Cleaning, FloorRecord, GiveWay, Schedule
from maillage.services.robots.cleaning.ports import CleaningRecords, FloorRecords, ScheduleRecords

Key = tuple[str, str]
"""A site and an id that is unique there."""


class Book:
    """``open`` are the cleanings that have not ended, by id, the oldest first. ``load`` first."""

    def __init__(self, floors: FloorRecords, cleanings: CleaningRecords, schedules: ScheduleRecords) -> None:
        self.floors: dict[Key, FloorRecord] = {}
        self.open: dict[str, Cleaning] = {}
        self.schedules: dict[Key, Schedule] = {}
        self.give_ways: dict[str, int] = {}
        self._floors = floors
        self._cleanings = cleanings
        self._schedules = schedules

    async def load(self) -> None:
        """What a process before this one left."""
        self.floors = {(floor.site, floor.id): floor for floor in await to_the_end(self._floors.all)}
        self.open = {cleaning.id: cleaning for cleaning in await to_the_end(self._cleanings.unfinished)}
        self.schedules = {(each.site, each.id): each for each in await to_the_end(self._schedules.all)}
        self.give_ways = {each.site: each.until for each in await to_the_end(self._schedules.give_ways)}

    # -- floors --------------------------------------------------------------------------------------------------------

    def floor(self, site: str, floor: str) -> FloorRecord:
        """NotFound without it."""
        found = self.floors.get((site, floor))
        if found is None:
            raise NotFound(f"{site[:64]!r} has no floor {floor[:64]!r}; PUT one, or 'maillage robots floors put'")
        return found

    async def put_floor(self, floor: FloorRecord) -> None:
        await to_the_end(self._floors.put, floor)
        self.floors[floor.site, floor.id] = floor

    async def drop_floor(self, site: str, floor: str) -> None:
        await to_the_end(self._floors.drop, site, floor)
        self.floors.pop((site, floor), None)

    # -- cleanings -----------------------------------------------------------------------------------------------------

    async def put(self, cleaning: Cleaning) -> Cleaning:
        await to_the_end(self._cleanings.put, cleaning)
        if cleaning.ended:
            self.open.pop(cleaning.id, None)
        else:
            self.open[cleaning.id] = cleaning
        return cleaning

    async def cleaning(self, cleaning_id: str) -> Cleaning:
        """NotFound without it."""
        found = self.open.get(cleaning_id) or await to_the_end(self._cleanings.get, cleaning_id)
        if found is None:
            raise NotFound(f"there is no cleaning {cleaning_id[:64]!r}")
        return found

    async def knows(self, cleaning_id: str) -> bool:
        return cleaning_id in self.open or await to_the_end(self._cleanings.get, cleaning_id) is not None

    async def some(
        self, site: str | None, floor: str | None, state: str | None, before: str | None, limit: int
    ) -> list[Cleaning]:
        """The newest first, those older than the cleaning ``before``."""
        return await to_the_end(self._cleanings.some, site, floor, state, before, limit)

    def of_site(self, site: str) -> list[Cleaning]:
        """Those of a site that have not ended."""
        return [cleaning for cleaning in self.open.values() if cleaning.site == site]

    async def put_evidence(self, evidence: Evidence) -> None:
        await to_the_end(self._cleanings.put_evidence, evidence)

    async def evidence(self, cleaning_id: str) -> Evidence | None:
        return await to_the_end(self._cleanings.evidence, cleaning_id)

    # -- schedules -----------------------------------------------------------------------------------------------------

    def schedule(self, site: str, schedule: str) -> Schedule:
        """NotFound without it."""
        found = self.schedules.get((site, schedule))
        if found is None:
            raise NotFound(f"{site[:64]!r} has no cleaning schedule {schedule[:64]!r}")
        return found

    async def put_schedule(self, schedule: Schedule) -> Schedule:
        await to_the_end(self._schedules.put, schedule)
        self.schedules[schedule.site, schedule.id] = schedule
        return schedule

    async def drop_schedule(self, site: str, schedule: str) -> None:
        await to_the_end(self._schedules.drop, site, schedule)
        self.schedules.pop((site, schedule), None)

    async def give_way(self, site: str, until: int) -> None:
        await to_the_end(self._schedules.put_give_way, GiveWay(site, until))
        self.give_ways[site] = until

    def gives_way_until(self, site: str, now: int) -> int | None:
        """Until when the site's robots are wanted for something else, if they are now."""
        until = self.give_ways.get(site, 0)
        return until if until > now else None

    # -- leases --------------------------------------------------------------------------------------------------------

    def leases(self) -> set[str]:
        """All leases that something here stands on."""
        return self.leases_of_runs() | {ahead.lease for each in self.schedules.values() for ahead in each.ahead}

    def leases_of_runs(self) -> set[str]:
        """Those that robots drive on now: also where they were made ahead, they are the runs' to give back."""
        return {run.lease for each in self.open.values() if (run := each.run) is not None}
