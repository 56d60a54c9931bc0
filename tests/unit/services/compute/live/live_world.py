"""Live sessions on virtual time: four stores ten kilometres apart, the real ledger, host and records, code that counts
its requests in what it keeps, and strikes at any step of a move."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from maillage.engines.records.sessions import SqlSessionRecords
from maillage.kernel.readings import LeaseFilter
from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.invocations import Answer, Invocations
from maillage.services.compute.live.documents import NewSession, PositionDocument, PositionsDocument, SessionDocument
from maillage.services.compute.live.service import LiveSessions
from maillage.services.compute.model import App, Deployment, Instance
from maillage.services.compute.ports import Inbound
from maillage.simulation.loop import SimLoop
from maillage.tenancy.principal import Principal
from tests.unit.services.compute.deployments_world import World, answers, get
from tests.unit.services.compute.follow.follow_world import APART_KM, DictValues, along

ACME, OTHER = Principal("acme", "tenant"), Principal("other", "tenant")
STORES = 4


class Strikes:
    """What goes wrong: ``step`` fails the ``nth`` time, ``before`` or ``after`` it is done, or the process ends
    (``crash``) once it is. ``done`` lists the steps that were taken."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.step, self.nth, self.mode = "", 0, ""
        self.done: list[str] = []
        self.crashed = asyncio.Event()

    def set(self, step: str, nth: int, mode: str) -> None:
        self.clear()
        self.step, self.nth, self.mode = step, nth, mode

    def enter(self, step: str) -> bool:
        """Whether it is struck once it is done."""
        self.done.append(step)
        struck = step == self.step and self.done.count(step) == self.nth
        if struck and self.mode == "before":
            raise OSError(f"no {step}")
        return struck

    def leave(self, step: str) -> None:
        if self.mode == "crash":
            self.crashed.set()
        raise OSError(f"{step} may have been done")


class Struck:
    """Something whose methods are steps that may be struck: ``steps`` has their names."""

    def __init__(self, inner: Any, strikes: Strikes, **steps: str) -> None:
        self._inner = inner
        self._strikes = strikes
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        method, step = getattr(self._inner, name), self._steps.get(name)
        if step is None:
            return method
        if not inspect.iscoroutinefunction(method):

            def plain(*args: Any, **more: Any) -> Any:
                struck = self._strikes.enter(step)
                answer = method(*args, **more)
                if struck:
                    self._strikes.leave(step)
                return answer

            return plain

        async def waiting(*args: Any, **more: Any) -> Any:
            struck = self._strikes.enter(step)
            answer = await method(*args, **more)
            if struck:
                if self._strikes.mode == "crash":
                    self._strikes.crashed.set()
                    await asyncio.Event().wait()  # nobody lives to see what comes of it
                self._strikes.leave(step)
            return answer

        return waiting


class LiveWorld(World):
    """``app`` is acme's ``guide``, of which version ``count`` answers with how often it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {"count": self._count, "two": answers(b"two"), "slow": answers(b"slow", takes_s=8.0)})
        self.values = TrackedValues(DictValues())
        self.strikes = Strikes()

    async def _count(self, request: Inbound, instance: Instance) -> tuple[int, bytes]:
        await asyncio.sleep(0.01)
        served = int(self.values.get(instance.lease, "served") or b"0") + 1
        assert self.values.put(instance.lease, "served", str(served).encode(), instance.limits.stored_bytes)
        return 200, str(served).encode()

    async def boot(self) -> None:
        await super().boot()
        strikes = self.strikes
        office = Struck(self.office, strikes, lease="reserve", confirm="keep", release="release")
        host = Struck(self.host, strikes, put="put", settled="settled", drop="drop")
        states = Struck(self.values, strikes, copy="copy", forget="forget")
        records = Struck(SqlSessionRecords(self.database), strikes, put="record")
        self.sessions = LiveSessions(
            records,
            self.catalogue,
            office,
            host,
            states,
            self.notes,
            self.clock,
            lambda: 0.0,  # type: ignore[arg-type]
        )
        self.announcer.subscribe(self.sessions.listen)
        self.invocations = Invocations(
            self.host, _Deployed(self), self.office.glance().ledger.sites.get, following=self.sessions
        )
        await self.sessions.start()

    async def stop(self) -> None:
        await self.sessions.stop()
        await super().stop()

    async def furnish(self, cpu: float = 4) -> None:
        for number in range(STORES):
            lat, lon = along(number * APART_KM)
            await self.site(f"s{number}", cpu=cpu, lat=lat, lon=lon)
        await self.app("guide")
        for name in ("two", "slow", "count"):
            await self.version("acme.guide", name)

    # -- what is asked -----------------------------------------------------------------------------------------------

    async def begin(
        self, km: float = 0.0, device: str = "cab", sees: str | None = "acme", **more: Any
    ) -> SessionDocument:
        """A session of a device that is so far along the row of stores, with a bound of 25 km."""
        lat, lon = along(km)
        fields = {"app": "acme.guide", "device": device, "position": {"lat": lat, "lon": lon}, "needs": {"cpu": 0.5}}
        document = msgspec.convert({**fields, "within_km": 25, "dwell_s": 0, **more}, NewSession)
        return await self.sessions.create(document, sees)

    async def report(
        self, session: SessionDocument, km: float, after_s: float = 300, sees: str | None = "acme"
    ) -> SessionDocument:
        """The device is so far along, some seconds later."""
        await asyncio.sleep(after_s)
        lat, lon = along(km)
        return await self.sessions.report(session.id, PositionsDocument([PositionDocument(lat, lon)]), sees)

    async def call(self, session: SessionDocument, caller: Principal | None = ACME, path: str = "/") -> bytes:
        """A request of the session; what it was answered."""
        answer: Answer = await self.invocations.invoke("acme.guide", get(path), None, caller, session.id)
        assert answer.status == 200
        return b"".join([chunk async for chunk in answer.body])

    def seen(self, session: SessionDocument) -> SessionDocument:
        return self.sessions.here(session.id, None)

    # -- looking -----------------------------------------------------------------------------------------------------

    async def active(self) -> list[str]:
        """Ids of all leases that are held or confirmed."""
        states = ("held", "confirmed")
        pages = [await self.office.list_leases(LeaseFilter(state=state), None, 1_000) for state in states]
        return [lease.id for some in pages for lease in some.items]

    async def assert_whole(self, session: SessionDocument) -> SessionDocument:
        """It has one lease with an instance that runs on it, and nothing else is left anywhere."""
        now = self.seen(session)
        assert now.state == "ready", now
        assert await self.active() == [now.instance]
        assert self.runtime.running() == [now.instance]
        assert [each.id for each in self.store.all()] == [now.instance]
        assert set(self.values._values.values) <= {now.instance}  # type: ignore[attr-defined]
        return now

    async def assert_nothing_left(self) -> None:
        assert await self.sessions.some(None, None, None, 10) == ([], None)
        assert await self.active() == []
        assert self.runtime.running() == []
        assert self.store.all() == []
        assert self.values._values.values == {}  # type: ignore[attr-defined]
        assert SqlSessionRecords(self.database).all() == []

    async def crash_and_boot(self) -> None:
        await self.crash()
        self.strikes.clear()
        await self.boot()


class _Deployed:
    def __init__(self, world: LiveWorld) -> None:
        self._world = world

    async def app(self, app_id: str, sees: str | None) -> App:
        return await self._world.catalogue.app(app_id, sees)

    async def deployments(self, app_id: str) -> list[Deployment]:
        return self._world.records.deployments(None, app_id)


class Asker:
    """Asks a session again as soon as it was answered. A refusal or an answer that is not the next count ends it."""

    def __init__(self, world: LiveWorld, session: SessionDocument) -> None:
        self._world = world
        self._session = session
        self.answers = 0
        self.longest_s = 0.0
        self._task = asyncio.get_running_loop().create_task(self._ask())
        self._stopping = False

    async def stop(self) -> None:
        self._stopping = True
        await self._task

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        count = 0
        while not self._stopping:
            asked_at = loop.time()
            served = int(await self._world.call(self._session))
            assert served == count + 1 or count == 0, f"{served} after {count}"
            count, self.answers = served, self.answers + 1
            self.longest_s = max(self.longest_s, loop.time() - asked_at)


def played(folder: Path, story: Callable[[LiveWorld], Coroutine[Any, Any, None]]) -> LiveWorld:
    """Tell a story in a new world, on virtual time."""
    world: LiveWorld | None = None

    async def whole() -> LiveWorld:
        nonlocal world
        world = LiveWorld(folder)
        await world.boot()
        await world.furnish()
        await story(world)
        await world.stop()
        return world

    try:
        told: LiveWorld = SimLoop(lambda: 0.0005).run(whole())
        return told
    finally:
        if world is not None:
            world.database.close()
