"""The house of a store on the real kernel, with a clock that is set by hand; what was kept is in real files."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from maillage.engines.house_files import HouseFiles
from maillage.kernel.find import Finder
from maillage.kernel.leases import Lease
from maillage.kernel.office import Office
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.writer import Writer
from maillage.services.compute.house import TENANT
from maillage.services.compute.house.desk import HouseDesk
from maillage.services.compute.house.documents import HouseDocument, HouseReport, NewHouse, UseDocument
from maillage.services.compute.house.keeper import Keeper
from maillage.services.compute.house.measuring import Measured
from maillage.services.compute.house.model import SLOT_S, Slot
from maillage.services.compute.model import Meters
from tests.kernel_world import SITE, World

T = TypeVar("T")
CHICAGO = "America/Chicago"
WEEK_SLOTS = 2_016


def shop_hours(instant: int, tz: str) -> int:
    """A need of 10 vCPU from 8 to 20 by the store's clock, of 2 at night."""
    return 10_000 if 8 <= datetime.fromtimestamp(instant, ZoneInfo(tz)).hour < 20 else 2_000


class HouseWorld:
    """A store of 64 vCPU unless told otherwise. ``totals`` are the meters of leases."""

    def __init__(self, folder: Path, tz: str = CHICAGO, now: int | None = None, size: float | None = 64) -> None:
        self.kernel = World()
        if now is not None:
            self.kernel.clock.set(now)
        self.kernel.site(tz=tz)
        if size is not None:
            self.kernel.pool("cpu", size)
        self.tz = tz
        self.files = HouseFiles(folder)
        self.totals_of: dict[str, Meters] = {}
        self._runner = asyncio.Runner()
        self.writer = Writer(self.kernel.keeper)
        clock, policy = self.kernel.clock, self.kernel.policy
        self.office: Office = OwnerOffice(self.writer, Finder(lambda: self.kernel.ledger, policy), policy, clock)
        self.run(self._started())
        self.open()

    async def _started(self) -> None:
        self.writer.start()

    def open(self) -> None:
        """As a process that has just started."""
        self.use = Measured(self, self.office, self.kernel.clock.now, timer=lambda: float(self.kernel.now))
        keeper = Keeper(self.files, self.use, self.office, self.kernel.announcer, self.kernel.clock)
        self.desk = HouseDesk(keeper, self.use, self.office, self.kernel.clock)
        self.run(keeper.open())

    def restart(self) -> None:
        self.run(self.keeper.stop())
        self.open()

    def close(self) -> None:
        self.run(self.keeper.stop())
        self.run(self.writer.stop())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def totals(self) -> dict[str, Meters]:
        return dict(self.totals_of)

    @property
    def keeper(self) -> Keeper:
        return self.desk.keeper

    # -- what happens ----------------------------------------------------------------------------------------------

    def remember(self, weeks: int = 2, need: Any = shop_hours) -> None:
        """A history of so many weeks up to now, as an earlier process left it."""
        last = self.kernel.now // SLOT_S
        numbers = range(last - weeks * WEEK_SLOTS, last)
        self.files.add([(SITE, Slot(n, need(n * SLOT_S, self.tz), need(n * SLOT_S, self.tz))) for n in numbers])

    def set(self, **fields: Any) -> HouseDocument:
        return self.run(self.desk.put(SITE, NewHouse(**fields)))

    def report(self, cpu: float, at: str | None = None) -> UseDocument:
        return self.run(self.desk.report(SITE, HouseReport(cpu, at)))

    def tick(self, seconds: int = 0) -> None:
        """Time goes on, and the keeper looks once: first at its profiles, then at what is used."""
        self.kernel.clock.advance(seconds)
        self.run(self.keeper.learn())
        self.run(self.keeper.tick())

    def uses(self, cpu: float, seconds: int = 5) -> None:
        """The house uses so much by now, and its monitoring says so."""
        self.kernel.clock.advance(seconds)
        self.report(cpu)
        self.tick()

    # -- what there is ---------------------------------------------------------------------------------------------

    def show(self) -> HouseDocument:
        return self.run(self.desk.show(SITE))

    @property
    def leases(self) -> list[Lease]:
        """Those for the house that stand."""
        now = self.kernel.now
        return [lease for lease in self.kernel.ledger.leases_of_tenant[TENANT] if lease.is_active and lease.end > now]

    def leased(self, instant: int | None = None) -> float:
        """vCPU leased for the house here at an instant, now unless told otherwise."""
        at = self.kernel.now if instant is None else instant
        return sum(lease.needs["cpu"] for lease in self.leases if lease.start <= at < lease.end) / 1_000


@contextmanager
def housed(folder: Path, **more: Any) -> Iterator[HouseWorld]:
    world = HouseWorld(folder, **more)
    try:
        yield world
    finally:
        world.close()
