"""Stores along the equator, ten kilometres apart, on a real ledger; and faults that strike between any two steps."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from maillage.engines.clocks import ManualClock
from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.memory_sessions import MemorySessions
from maillage.engines.memory_snapshots import MemorySnapshots
from maillage.kernel.announcer import Announcer
from maillage.kernel.capacity import PoolPlan, set_capacity
from maillage.kernel.find import Finder
from maillage.kernel.geo import EARTH_RADIUS_KM
from maillage.kernel.keeper import Keeper
from maillage.kernel.leases import Lease, site_of
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.sites import Site
from maillage.kernel.writer import Writer
from maillage.services.compute.follow.doors import Doors
from maillage.services.compute.follow.handover import Handover
from maillage.services.compute.follow.office_ground import OfficeGround
from maillage.services.compute.follow.policy import Rules
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.follow.sessions import Sessions
from maillage.services.compute.follow.state import StatesOfStores, TrackedValues
from maillage.services.compute.follow.stores import Stores

T = TypeVar("T")
DEGREES_A_KM = 360 / (2 * 3.141592653589793 * EARTH_RADIUS_KM)
START = 1_800_000_000
APART_KM = 10.0
RULES = Rules(bound_km=25, hysteresis_km=1, dwell_s=0)
STATE_MAX = 1 << 20


def along(km: float) -> tuple[float, float]:
    """The place so far east of the first store."""
    return 0.0, km * DEGREES_A_KM


def store(number: int) -> Site:
    lat, lon = along(number * APART_KM)
    return Site(f"s{number}", f"Store {number}", lat, lon, "Etc/UTC")


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(story, 30))


class DictValues:
    """A site's values, in memory."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, bytes]] = {}

    def get(self, lease: str, key: str) -> bytes | None:
        return self.values.get(lease, {}).get(key)

    def put(self, lease: str, key: str, value: bytes | None, stored_bytes_max: int) -> bool:
        mine = self.values.setdefault(lease, {})
        if value is None:
            mine.pop(key, None)
            return True
        others = sum(len(name) + len(kept) for name, kept in mine.items() if name != key)
        if others + len(key) + len(value) > stored_bytes_max:
            return False
        mine[key] = value
        return True

    def items(self, lease: str) -> list[tuple[str, bytes]]:
        return list(self.values.get(lease, {}).items())

    def keys(self, lease: str) -> list[str]:
        return list(self.values.get(lease, {}))

    def leases(self) -> list[str]:
        return list(self.values)

    def drop(self, lease: str) -> None:
        self.values.pop(lease, None)


class Crash(BaseException):
    """The process is no more."""


class Faults:
    """What strikes at which step, counted from the first: ``before`` it is done, ``after`` it (the answer is lost), or
    a ``crash-before`` and ``crash-after`` it. ``always`` names steps that fail whenever they are tried."""

    def __init__(self, plan: dict[int, str] | None = None, always: Sequence[str] = ()) -> None:
        self.plan = plan or {}
        self.always = always
        self.done: list[str] = []

    def enter(self, step: str) -> str:
        fault = self.plan.get(len(self.done), "")
        self.done.append(step)
        if step in self.always or fault == "before":
            raise OSError(f"no {step}")
        if fault == "crash-before":
            raise Crash
        return fault

    def leave(self, fault: str, step: str) -> None:
        if fault == "after":
            raise OSError(f"{step} may have been done")
        if fault == "crash-after":
            raise Crash


class FaultyGround(OfficeGround):
    """The real ground, with faults in the way of its waiting steps."""

    world: "World"

    async def _struck(self, step: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            fault = self.world.faults.enter(step)
        except BaseException:
            work.close()
            raise
        answer = await work
        self.world.look()
        self.world.faults.leave(fault, step)
        return answer

    async def reserve(self, device: str, site: str, key: str) -> str:
        return await self._struck("reserve", super().reserve(device, site, key))

    async def keep(self, device: str, lease: str) -> None:
        await self._struck("keep", super().keep(device, lease))

    async def release(self, device: str, lease: str) -> None:
        await self._struck("release", super().release(device, lease))

    async def copy(self, device: str, former: str, following: str) -> int:
        return await self._struck("copy", super().copy(device, former, following))

    async def forget(self, device: str, lease: str) -> None:
        await self._struck("forget", super().forget(device, lease))

    async def freeze(self, device: str) -> None:
        await self._struck("freeze", super().freeze(device))


class FaultyRecords(MemorySessions):
    world: "World"

    async def put(self, session: Session) -> None:
        fault = self.world.faults.enter("put")
        if fault == "after":  # a record that raises was not kept
            raise OSError("no put")
        await super().put(session)
        self.world.faults.leave(fault, "put")


class World:
    """``async with`` it. ``room`` is how many sessions each store has room for."""

    def __init__(self, stores: int = 4, room: int = 8, rules: Rules = RULES) -> None:
        self.rules = rules
        self.sites = [store(number) for number in range(stores)]
        self.room = room
        self.faults = Faults()
        self.clock = ManualClock(START)
        announcer, policy = Announcer(), Policy()
        self.keeper = Keeper(MemoryJournal(), MemorySnapshots(), self.clock, announcer, policy)
        self.writer = Writer(self.keeper)
        finder = Finder(lambda: self.keeper.ledger, policy)
        announcer.subscribe(finder.listen)
        self.office = OwnerOffice(self.writer, finder, policy, self.clock)
        self.values = {site.id: TrackedValues(DictValues()) for site in self.sites}
        self.records = FaultyRecords()
        self.records.world = self
        self.most_leases = 0
        self.fewest_leases = 1 << 30
        self._ids = iter(range(1 << 30))
        self.begin()

    async def __aenter__(self) -> "World":
        self.writer.start()
        await self.office.set_sites(self.sites)
        for site in self.sites:
            await self.set_room(site.id, self.room)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.stop()

    def begin(self) -> None:
        """A process begins: nothing is known but the records, the ledger and the stores' values."""
        self.doors = Doors()
        needs = {"cpu": 500}
        states = StatesOfStores(self.values.__getitem__)
        self.ground = FaultyGround(self.office, "fleet", needs, states, self.doors, STATE_MAX)
        self.ground.world = self
        self.mover = Handover(self.ground, self.records)
        stores = Stores(self.sites)
        new_id = lambda: f"session-{next(self._ids)}"  # noqa: E731
        self.sessions = Sessions(lambda _: self.rules, lambda _: stores, self.ground, self.records, self.mover, new_id)

    async def set_room(self, site: str, sessions: int) -> None:
        plan = PoolPlan("cpu", sessions * 500)
        await self.writer.submit(lambda scribe: set_capacity(scribe, site, plan))

    async def report(self, km: float, after_s: int = 500, device: str = "cab") -> Session:
        """The device is so far along the row of stores, some seconds after what was before."""
        self.clock.advance(after_s)
        session = await self.sessions.report(device, self.clock.now(), *along(km))
        assert session is not None
        return session

    def look(self) -> None:
        """Keep the most and the fewest leases that the cab was seen to have between two steps."""
        session, count = self.records.get("cab"), len(self.active)
        self.most_leases = max(self.most_leases, count)
        if session is not None and session.lease:
            self.fewest_leases = min(self.fewest_leases, count)

    @property
    def active(self) -> list[Lease]:
        return [lease for lease in self.keeper.ledger.leases.values() if lease.is_active]

    async def write(self, key: str, value: bytes, device: str = "cab") -> None:
        """A request of the session that writes."""
        async with self.doors.enter(device) as lease:
            assert self.values[site_of(lease)].put(lease, key, value, STATE_MAX)

    def state(self, session: Session) -> dict[str, bytes]:
        return dict(self.values[session.site].items(session.lease))
