"""The devices of the stores that a process owns, wired: the broker, what is measured, and the robots."""

import time
from pathlib import Path

from maillage.bootstrap.devices import Devices, Mqtt
from maillage.bootstrap.robots import Robots
from maillage.bootstrap.sensing import Sensing
from maillage.engines.clocks import SystemClock
from maillage.engines.records.database import Database
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Clock, Journal


class Store:
    """Opened at once; ``start`` once the ledger's writer runs."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        office: OwnerOffice,
        journal: Journal,
        clock: Clock,
        mqtt: Mqtt | None,
    ) -> None:
        def clock_ms() -> int:
            return time.time_ns() // 1_000_000 if isinstance(clock, SystemClock) else 1_000 * clock.now()

        self.devices = Devices(database, clock, mqtt, clock_ms)
        self.sensing = Sensing(folder, database, office, journal, clock, self.devices, clock_ms)
        self.robots = Robots(database, office, clock, self.devices, clock_ms)

    async def start(self) -> None:
        """Listen before the line connects, so that nothing is missed that the broker has kept."""
        await self.devices.start()
        await self.sensing.start()
        await self.robots.start()
        await self.devices.connect()

    async def stop(self) -> None:
        """The line first: what it has given is then looked at and kept."""
        await self.robots.stop()
        await self.devices.stop()
        await self.sensing.stop()

    def close(self) -> None:
        """Leave the folder to others."""
        self.sensing.close()
