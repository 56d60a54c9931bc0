"""Everything that has to do with robots, in a process that owns the stores where they are."""

from collections.abc import Callable

from maillage.bootstrap.devices import Devices
from maillage.devices.no_line import NoLine
from maillage.engines.records.cleanings import SqlCleaningRecords, SqlFloorRecords, SqlScheduleRecords
from maillage.engines.records.database import Database
from maillage.engines.records.robots import SqlMissionRecords, SqlRobotRecords
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Clock
from maillage.services.robots.cleaning import KIND
from maillage.services.robots.cleaning.desk import CleaningDesk
from maillage.services.robots.cleaning.service import Cleanings
from maillage.services.robots.cleaning.units import FleetUnits
from maillage.services.robots.fleet.missions import MissionControl
from maillage.services.robots.fleet.service import Fleet


class Robots:
    """``start`` it once the ledger's writer runs and the line is there, before the line connects."""

    fleet: Fleet
    missions: MissionControl
    cleaning: CleaningDesk

    def __init__(
        self, database: Database, office: OwnerOffice, clock: Clock, devices: Devices, clock_ms: Callable[[], int]
    ) -> None:
        self._database, self._office, self._clock = database, office, clock
        self._devices, self._clock_ms = devices, clock_ms

    async def start(self) -> None:
        """Take up what a process before this one left."""
        office, database = self._office, self._database
        self.fleet = Fleet(
            SqlRobotRecords(database),
            SqlMissionRecords(database),
            self._devices.line or NoLine(),
            office,
            self._clock,
            lambda site: site in office.glance().ledger.sites,
            self._count,
            now_ms=self._clock_ms,
        )
        self.missions = self.fleet.missions
        cleanings = Cleanings(
            SqlFloorRecords(database),
            SqlCleaningRecords(database),
            SqlScheduleRecords(database),
            office,
            self.missions,
            FleetUnits(self.fleet),
            office,
            self._clock,
        )
        self.cleaning = CleaningDesk(cleanings, office, self._clock)
        await self.fleet.start()
        await cleanings.start()

    async def stop(self) -> None:
        """Robots under way go on; the next process takes them up."""
        await self.cleaning.cleanings.stop()
        await self.fleet.stop()

    async def _count(self, site: str, robots: int) -> None:
        """So many can be leased."""
        await self._office.set_size(site, KIND, 1_000 * robots)
