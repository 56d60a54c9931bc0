"""A store with a robot that cleans: a real ledger on a clock set by hand, a real fleet on a broker in memory, and
robots whose time goes by faster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from maillage.bootstrap import ManualClock, open_local
from maillage.engines.records.cleanings import SqlCleaningRecords, SqlFloorRecords, SqlScheduleRecords
from maillage.engines.records.robots_tables import (
    cleaning_evidence,
    cleaning_schedules,
    cleanings,
    floors,
    robots_give_way,
)
from maillage.kernel.asks import Ask
from maillage.kernel.documents import CapacityPlanDocument, LeaseDocument
from maillage.kernel.sites import Site
from maillage.kernel.times import parse_time
from maillage.services.robots.cleaning.desk import CleaningDesk
from maillage.services.robots.cleaning.documents import CleaningDocument, NewCleaning, WindowDocument
from maillage.services.robots.cleaning.floor_documents import DockDocument, NewFloor
from maillage.services.robots.cleaning.model import ENDED
from maillage.services.robots.cleaning.service import Cleanings
from maillage.services.robots.cleaning.units import FleetUnits
from maillage.services.robots.fleet.following import Patience
from maillage.services.robots.fleet.windows import Pace
from maillage.services.robots.simulate.faults import Faults
from maillage.services.robots.simulate.robot import SimulatedRobot
from tests.unit.services.robots.robots_world import MAP, SITE, World, until

EVENING = parse_time("2026-12-01T20:30:00Z", "at")
"""21:30 in Paris, a Tuesday."""
TENANT = "acme"
STEP_S = 0.01
PATIENCE = Patience(answer_s=1.0, tries=3, lost_s=0.6, send_s=2.0)


def hall(width: float = 6.0, height: float = 4.5, shelf: bool = True) -> NewFloor:
    """A small hall with the dock in its corner at (0, 0), and a shelf in its middle."""
    outer = [[-0.5, -0.5], [width, -0.5], [width, height], [-0.5, height], [-0.5, -0.5]]
    inner = [[2.0, 1.5], [3.5, 1.5], [3.5, 2.5], [2.0, 2.5], [2.0, 1.5]]
    area = {"type": "Polygon", "coordinates": [outer, inner] if shelf else [outer]}
    return NewFloor(map_id=MAP, area=area, docks=[DockDocument(x=0.0, y=0.0)])


class Store(World):
    """``desk`` can be ended and begun again over the same records."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Pace(), PATIENCE, silent_s=1.0)
        with self.database.transaction() as connection:
            for table in (floors, cleanings, cleaning_evidence, cleaning_schedules, robots_give_way):
                table.create(connection, checkfirst=True)
        self.clock = ManualClock(EVENING)
        self.chain = open_local(folder / "chain", self.clock, "")
        self.office = self.chain.own.office
        self.desk: CleaningDesk
        self._lives: list[asyncio.Task[None]] = []

    async def begin(self, robots: float = 1) -> None:
        await self.open()
        await self.chain.__aenter__()
        await self.office.set_site(Site(SITE, "Store 1", 48.9, 2.4, "Europe/Paris"))
        await self.office.set_capacity(SITE, "robot", CapacityPlanDocument(size=robots))
        await self.open_desk()

    async def open_desk(self) -> CleaningDesk:
        records = SqlFloorRecords, SqlCleaningRecords, SqlScheduleRecords
        kept = [each(self.database) for each in records]
        units = FleetUnits(self.fleet)
        made = Cleanings(*kept, self.office, self.fleet.missions, units, self.notes, self.clock)  # type: ignore[arg-type]
        await made.open()
        self.desk = CleaningDesk(made, self.office, self.clock)
        return self.desk

    async def end(self) -> None:
        for task in self._lives:
            task.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self.desk.cleanings.stop()
        await self.leave()
        await self.chain.__aexit__()

    async def restart(self) -> None:
        """Everything of ours but the ledger goes, and comes back."""
        await self.desk.cleanings.stop()
        await self.reopen()
        await until(lambda: all(self.fleet.live(robot.id).in_touch for robot in self.fleet.robots()))
        await self.open_desk()

    async def robot(self, faults: Faults | None = None, pace: float = 120.0, **more: Any) -> SimulatedRobot:  # type: ignore[override]
        """Its time goes by in even steps, ``pace`` times as fast as the machine's while that keeps up: a machine that
        stalls makes it late, and not leap."""
        made = await super().robot(faults, **{"run": False, "state_every_s": 0.1, **more})

        async def live() -> None:
            while True:
                await asyncio.sleep(STEP_S)
                await made.advance(STEP_S * pace)

        self._lives.append(asyncio.get_running_loop().create_task(live()))
        return made

    async def clean(self, start: str | None = None, end: str | None = None, **more: Any) -> str:
        """Ask for a cleaning; its id."""
        window = WindowDocument(start, end)
        return (await self.desk.create(NewCleaning(site=SITE, floor="sales", window=window, **more))).id

    async def until_state(self, cleaning_id: str, *states: str, within_s: float = 20.0) -> CleaningDocument:
        """Let it go on until it is in one of these states."""
        async with asyncio.timeout(within_s):
            while True:
                await self.desk.cleanings.tick()
                found = await self.desk.get(cleaning_id)
                if found.state in states:
                    return found
                assert found.state not in ENDED, found
                await asyncio.sleep(0.02)

    async def until_reached(self, cleaning_id: str, share: float) -> CleaningDocument:
        """Let it go on until its robot has so much of its way behind it."""
        async with asyncio.timeout(20):
            while True:
                await self.desk.cleanings.tick()
                found = await self.desk.get(cleaning_id)
                if found.reached is not None and found.reached >= share * (found.waypoints or 0):
                    return found
                await asyncio.sleep(0.01)

    async def lease(self, hours: float, cls: str = "firm", start: int | None = None) -> LeaseDocument:
        """A tenant leases a robot."""
        first = self.clock.now() if start is None else start
        ask = Ask({"robot": 1_000}, first, first + int(hours * 3600), SITE, None, cls)  # type: ignore[arg-type]
        return await self.office.lease(TENANT, ask, None, None)

    async def leases(self) -> list[tuple[str, str]]:
        """(tenant, class) of all that stand now."""
        now = self.clock.now()

        def read(view: Any) -> list[tuple[str, str]]:
            leases = [lease for lease in view.ledger.leases.values() if lease.is_active]
            return [(lease.tenant, lease.cls) for lease in leases if lease.start <= now < lease.end]

        return await self.office.read(read)

    async def committed(self) -> int:
        """The most robots (thousandths) that are leased at any instant to come."""
        now = self.clock.now()
        return await self.office.read(lambda view: view.ledger.pools[SITE]["robot"].all.peak(now, now + 30 * 86_400))


@asynccontextmanager
async def store(folder: Path, robots: float = 1, floor: NewFloor | None = None) -> AsyncIterator[Store]:
    """With the floor ``sales``."""
    made = Store(folder)
    await made.begin(robots)
    try:
        await made.desk.floors.put(SITE, "sales", floor or hall())
        yield made
    finally:
        await made.end()
