"""How long a robot is needed for a floor: planned once for each floor and kind of robot."""

import asyncio
import logging
from collections import OrderedDict

from maillage.kernel.errors import Invalid
from maillage.services.robots.cleaning.beginning import lease_s
from maillage.services.robots.cleaning.grounds import Grounds, dock_of
from maillage.services.robots.cleaning.model import Schedule
from maillage.services.robots.cleaning.planning import Machine, cleaning_way, estimated_s, home_time_s, machine_of
from maillage.services.robots.cleaning.ports import Unit, Units

log = logging.getLogger(__name__)
KEPT = 1_000
_Key = tuple[str, str, int, Machine]


class Estimates:
    """Of the robots that there are."""

    def __init__(self, grounds: Grounds, units: Units) -> None:
        self._grounds = grounds
        self._units = units
        self._known: OrderedDict[_Key, int | None] = OrderedDict()

    async def needed_s(self, schedule: Schedule, left_m2: float | None) -> int | None:
        """Seconds to lease for a whole floor, or for so many square metres of it. None where there is no such floor, no
        robot for it, or no way over it."""
        floor, unit = self._grounds.get(schedule.site, schedule.floor), self._unit(schedule)
        if floor is None or unit is None:
            return None
        try:
            machine = machine_of(unit.robot)
        except Invalid:
            return None
        dock = dock_of(floor, unit.robot, None)
        if left_m2 is not None:
            home_s = home_time_s(floor.floor, machine, dock)
            return lease_s(estimated_s(left_m2, machine, 0), home_s)
        key = (schedule.site, schedule.floor, floor.revision, machine)
        if key not in self._known:
            try:
                way = await asyncio.to_thread(
                    cleaning_way, floor.floor, floor.map_id, machine, schedule.order, None, None, dock, None
                )
                self._known[key] = None if way is None else lease_s(way.time_s, way.home_s)
            except Invalid as refusal:
                log.warning("nothing is leased for %s of %s: %s", schedule.id, schedule.site, refusal.detail)
                self._known[key] = None
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[key]

    def _unit(self, schedule: Schedule) -> Unit | None:
        units = self._units.units(schedule.site)
        if schedule.robot:
            return next((unit for unit in units if unit.robot.id == schedule.robot), None)
        return next((unit for unit in units if unit.robot.clean_width_m is not None), None)
