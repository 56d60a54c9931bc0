"""What the faces may ask of schedules, in documents."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.robots.cleaning import KIND
from maillage.services.robots.cleaning.model import Schedule
from maillage.services.robots.cleaning.ports import Units
from maillage.services.robots.cleaning.schedule_documents import (
    NewSchedule,
    ScheduleDocument,
    schedule_document,
    schedule_of,
)
from maillage.services.robots.cleaning.service import Cleanings


class ScheduleDesk:
    """The schedules of the sites of this process; ``cancel`` calls a cleaning off."""

    def __init__(
        self, cleanings: Cleanings, office: Office, clock: Clock, cancel: Callable[[str], Awaitable[Any]]
    ) -> None:
        self.cleanings = cleanings
        self._book = cleanings.book
        self._office = office
        self._clock = clock
        self._cancel = cancel

    async def put(self, site: str, schedule_id: str, document: NewSchedule) -> ScheduleDocument:
        """Enter or replace a schedule; leases ahead stand as far as there is room when it returns. NotFound without
        site or floor, Invalid for what is no schedule."""
        schedule = schedule_of(
            site, schedule_id, document, self._clock.now(), self._book.schedules.get((site, schedule_id))
        )
        await require_robots(self._office, site)
        self._book.floor(site, schedule.floor)
        check_robot(self.cleanings.units, site, document.robot)
        async with self.cleanings.rolling():
            former = self._book.schedules.get((site, schedule_id))
            if former is not None:
                former = await self.cleanings.roller.give_back_all(former)
                schedule = msgspec.structs.replace(schedule, last=former.last, leases=former.leases)
            await self.cleanings.roller.roll(await self._book.put_schedule(schedule))
        self.cleanings.stir()
        return self.get(site, schedule_id)

    def get(self, site: str, schedule_id: str) -> ScheduleDocument:
        """NotFound without it."""
        return self._document(self._book.schedule(site, schedule_id))

    def some(self, site: str) -> list[ScheduleDocument]:
        return [self._document(each) for each in self._book.schedules.values() if each.site == site]

    async def drop(self, site: str, schedule_id: str) -> None:
        """Leases ahead are given back, and a cleaning of it that waits is called off; a robot under way goes on."""
        async with self.cleanings.rolling():
            schedule = self._book.schedule(site, schedule_id)
            await self.cleanings.roller.give_back_all(schedule)
            await self._book.drop_schedule(site, schedule_id)
        for cleaning in self._book.of_site(site):
            if cleaning.schedule == schedule_id and cleaning.run is None:
                await self._cancel(cleaning.id)

    def _document(self, schedule: Schedule) -> ScheduleDocument:
        return schedule_document(schedule, self.cleanings.roller.coming(schedule))


async def require_robots(office: Office, site: str) -> None:
    """NotFound without the site, Invalid where it has no capacity of the kind."""
    await office.get_site(site)
    if not await office.read(lambda view: KIND in view.ledger.pools.get(site, {})):
        raise Invalid("site", f"{site} offers no {KIND}: register its robots, or set their capacity")


def check_robot(units: Units, site: str, robot: str | None) -> None:
    """Invalid for a robot that the site does not have, or that does not clean."""
    if robot is None:
        return
    unit = units.unit(robot)
    if unit is None or unit.robot.site != site:
        raise Invalid("robot", f"{site} has no robot {robot[:64]!r}")
    if unit.robot.clean_width_m is None:
        raise Invalid("robot", f"{robot} does not clean: it has no clean_width_m")
