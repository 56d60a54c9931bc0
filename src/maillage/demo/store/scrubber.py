"""The store's cleaning robot: a simulated one of VDA 5050 over a line of its own, and a floor for it."""

import asyncio
from collections.abc import Callable
from typing import Any

from maillage.bootstrap import LocalChain
from maillage.bootstrap.device_lines import device_line
from maillage.demo.store.waiting import until
from maillage.devices.line import DeviceLine
from maillage.services.robots.cleaning.documents import CleaningDocument, NewCleaning, OrderDocument
from maillage.services.robots.cleaning.evidence_documents import EvidenceDocument
from maillage.services.robots.cleaning.floor_documents import DockDocument, FloorDocument, NewFloor
from maillage.services.robots.model import Pose, Robot
from maillage.services.robots.simulate.body import Model
from maillage.services.robots.simulate.driver import Driver
from maillage.services.robots.simulate.robot import SimulatedRobot
from maillage.services.robots.vda5050.topics import INTERFACE, MAJOR, Address

ROBOT, FLOOR, MAP = "scrubber-1", "frozen-food", "ground"
NAME = "Scrubber 1"
ADDRESS = Address("Maillage", "SIM-0001")
FLOOR_SEED, FLOOR_M2 = 1, 300.0
"""Which floor is made up, and how large its hall is, shelves and all."""
DOCK = Pose(1.0, 1.0, 0.0, MAP)
TARGET = 0.98
NODES_MIN = 16
"""Of its way it is to know so many ahead, or all: more than it drives past in a step."""
STEP_S = 2
"""Of the robot's time, after each of which it says how it does."""


class Scrubber:
    """It has no time of its own: ``clean`` moves the clock."""

    def __init__(self, chain: LocalChain, now: Callable[[], int]) -> None:
        self._robots, self._devices, self._now = chain.robots, chain.devices, now
        self.floor: FloorDocument
        self._line: DeviceLine | None = None
        self._robot: SimulatedRobot

    async def enter(self, site: str) -> None:
        """Register it, and enter its floor."""
        await self._robots.fleet.register(
            Robot(
                id=ROBOT,
                site=site,
                name=NAME,
                manufacturer=ADDRESS.manufacturer,
                serial=ADDRESS.serial,
                created_at=self._now(),
                clean_width_m=Model().width_m,
                dock=DOCK,
            )
        )
        floor = NewFloor(map_id=MAP, area=await asyncio.to_thread(_area), docks=[DockDocument(DOCK.x, DOCK.y)])
        self.floor = await self._robots.cleaning.floors.put(site, FLOOR, floor)

    async def connect(self, site: str) -> None:
        """Give it what it gets in with, and have it come online."""
        fleet = self._robots.fleet
        own = (f"{INTERFACE}/{MAJOR}/{ADDRESS.manufacturer}/{ADDRESS.serial}/#",)
        _, password = await asyncio.to_thread(self._devices.admission.add, ROBOT, site, own, own)
        line = device_line(self._devices, ROBOT, password)
        await line.start()
        await until(lambda: line.connected, f"{ROBOT} is connected")
        self._robot = SimulatedRobot(
            line, ADDRESS, DOCK, state_every_s=0.0, run=False, now_ms=lambda: 1_000 * self._now()
        )
        await self._robot.start()
        self._line = line
        await until(lambda: fleet.live(ROBOT).in_touch and fleet.robot(ROBOT).facts, f"{ROBOT} said how it does")

    async def order(self, site: str) -> str:
        """Have its floor cleaned; the cleaning's id, once the robot has its order."""
        desk, driver = self._robots.cleaning, self._robot.driver
        cleaning = await desk.create(NewCleaning(site=site, floor=FLOOR, order=OrderDocument(target=TARGET)))
        await until(lambda: driver.busy, f"{ROBOT} has its order")
        return cleaning.id

    async def step(self) -> bool:
        """STEP_S went by: drive on, and say so; whether it is through."""
        live, driver, at_ms = self._robots.fleet.live(ROBOT), self._robot.driver, 1_000 * self._now()
        await self._robot.advance(STEP_S)
        await until(lambda: (live.heard_ms or 0) >= at_ms, f"{ROBOT} was heard")
        # Over a real wire the next part of a way is there long before it is needed; here seconds take milliseconds.
        await until(lambda: _has_way(driver), f"{ROBOT} has the next part of its way")
        return not driver.busy

    async def done(self, cleaning_id: str) -> tuple[CleaningDocument, EvidenceDocument]:
        """How the cleaning ended, and its proof, once it was measured."""
        desk = self._robots.cleaning
        open_cleanings = desk.cleanings.book.open
        await until(lambda: cleaning_id not in open_cleanings, f"the cleaning by {ROBOT} was counted")
        return await desk.get(cleaning_id), await desk.evidence(cleaning_id)

    async def remove(self) -> None:
        """Have it take its leave."""
        if self._line is not None:
            await self._robot.stop()
            await self._line.stop()


def _has_way(driver: Driver) -> bool:
    """Whether it knows enough of its way to drive on for a step."""
    released = sum(node.released for node in driver.nodes)
    return released >= min(NODES_MIN, len(driver.nodes))


def _area() -> dict[str, Any]:
    """A floor that is made up, as GeoJSON."""
    import shapely

    from maillage.services.robots.coverage.floors_made import make_store

    area: dict[str, Any] = shapely.geometry.mapping(make_store(FLOOR_SEED, FLOOR_M2).area)
    return area
