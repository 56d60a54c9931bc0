"""What the faces may ask of floors, in documents."""

import asyncio

import msgspec

from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.robots.cleaning.documents import check_id
from maillage.services.robots.cleaning.errors import FloorInUse
from maillage.services.robots.cleaning.floor_documents import FloorDocument, NewFloor, floor_document
from maillage.services.robots.cleaning.grounds import floor_record
from maillage.services.robots.cleaning.service import Cleanings


class FloorDesk:
    """The floors of the sites of this process."""

    def __init__(self, cleanings: Cleanings, office: Office, clock: Clock) -> None:
        self.cleanings = cleanings
        self._book = cleanings.book
        self._office = office
        self._clock = clock

    async def put(self, site: str, floor: str, document: NewFloor) -> FloorDocument:
        """Enter or replace a floor. NotFound without the site, Invalid for what is no floor."""
        check_id(floor, "floor")
        await self._office.get_site(site)
        former = self._book.floors.get((site, floor))
        if former is not None and former.body == msgspec.to_builtins(document):
            return self.get(site, floor)
        units = list(self.cleanings.units.units(site))
        record = await asyncio.to_thread(floor_record, site, floor, document, units, former, self._clock.now())
        await self._book.put_floor(record)
        async with self.cleanings.rolling():
            for schedule in [
                each for each in self._book.schedules.values() if (each.site, each.floor) == (site, floor)
            ]:
                await self.cleanings.roller.roll(await self.cleanings.roller.give_back_all(schedule))
        return self.get(site, floor)

    def get(self, site: str, floor: str) -> FloorDocument:
        """NotFound without it."""
        return floor_document(self._book.floor(site, floor))

    def some(self, site: str) -> list[FloorDocument]:
        return [floor_document(each) for each in self._book.floors.values() if each.site == site]

    async def drop(self, site: str, floor: str) -> None:
        """FloorInUse while something is to be done there."""
        self._book.floor(site, floor)
        schedules = [each.id for each in self._book.schedules.values() if (each.site, each.floor) == (site, floor)]
        cleanings = [each.id for each in self._book.of_site(site) if each.floor == floor]
        if schedules or cleanings:
            told = ", ".join([*(f"schedule {name}" for name in schedules), *(f"cleaning {name}" for name in cleanings)])
            raise FloorInUse(f"{floor} is wanted by {told[:400]}", schedules=schedules, cleanings=cleanings)
        await self._book.drop_floor(site, floor)
