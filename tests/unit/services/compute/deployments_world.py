"""Compute on virtual time: the real kernel, records, catalogue and files, and an engine that runs the tests' functions.

No second is waited for; days pass in milliseconds. Code is named by the text in its bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from maillage.engines.file_blobs import FileBlobs
from maillage.engines.folder_layout import RECORDS
from maillage.engines.instance_files import InstanceFiles
from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.memory_snapshots import MemorySnapshots
from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.engines.records.opening import open_database
from maillage.kernel.announcer import Announcer
from maillage.kernel.asks import Ask
from maillage.kernel.capacity import PoolPlan, set_capacity
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import NotFound
from maillage.kernel.find import Finder
from maillage.kernel.keeper import Keeper
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.prices import PriceBook
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.sites import Site
from maillage.kernel.times import FOREVER
from maillage.kernel.writer import Writer
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployment_documents import DeploymentChange, DeploymentDocument, NewDeployment
from maillage.services.compute.deployments import Deployments
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.hosting.host import Host
from maillage.services.compute.model import CodeKind, Instance, InstanceStatus, LogLine, Meters, Version
from maillage.services.compute.ports import Count, Inbound, Inspected, KeyValues, Note, Outbound
from maillage.services.compute.runtimes import Runtimes
from maillage.simulation.clock import EPOCH
from maillage.simulation.loop import SimLoop

Handler = Callable[[Inbound, Instance], Awaitable[tuple[int, bytes]]]
WASM = b"\0asm\x0d\0\x01\0"
LAT, LON = 36.37, -94.21


class LoopClock:
    """Whole seconds of the loop's virtual time."""

    def now(self) -> int:
        return EPOCH + int(asyncio.get_running_loop().time())


class _Running:
    def __init__(self, instance: Instance, handler: Handler, count: Count) -> None:
        self.instance, self.handler, self.count = instance, handler, count
        self.admits = True
        self.under_way: set[object] = set()
        self.idle = asyncio.Event()
        self.cut = asyncio.Event()


class CallableRuntime:
    """Runs coroutines of the test. ``start_s`` is what a start takes; names in ``broken`` fail at it, so often."""

    kinds: frozenset[CodeKind] = frozenset({"component", "image"})
    values: KeyValues | None = None

    def __init__(self, code: dict[str, Handler]) -> None:
        self.code = code
        self.start_s = 0.01
        self.broken: dict[str, int] = {}
        self.runs: dict[str, _Running] = {}
        self.starts: list[tuple[float, str, str]] = []
        self.stops: list[tuple[float, str]] = []
        self._codes: dict[str, int | None] = {}

    async def inspect(self, code: Path, kind: CodeKind, digest: str, reference: str) -> Inspected:
        name = reference or _named(code)
        return Inspected(kind, 128 << 20 if name.startswith("large") else 0)

    async def start(self, instance: Instance, code: Path, note: Note, count: Count) -> None:
        name = instance.reference or _named(code)
        self.starts.append((asyncio.get_running_loop().time(), instance.id, name))
        await asyncio.sleep(self.start_s)
        if self.broken.get(name, 0) > 0:
            self.broken[name] -= 1
            raise CodeFault(f"{name} is broken", instance=instance.id, fault="trap")
        assert instance.id not in self.runs, "two in one place"
        self.runs[instance.id] = _Running(instance, self.code[name], count)
        self._codes.pop(instance.id, None)

    async def stop(self, instance_id: str, grace_s: float) -> None:
        running = self.runs.get(instance_id)
        if running is None:
            return
        running.admits = False
        if running.under_way:
            try:
                await asyncio.wait_for(running.idle.wait(), grace_s)
            except TimeoutError:
                running.cut.set()
        if self.runs.pop(instance_id, None) is not None:
            self.stops.append((asyncio.get_running_loop().time(), instance_id))

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        running = self.runs.get(instance_id)
        if running is None or not running.admits:
            raise NotFound(f"{instance_id} does not run")
        token = object()
        running.under_way.add(token)
        running.idle.clear()
        try:
            work = asyncio.ensure_future(running.handler(request, running.instance))
            cut = asyncio.ensure_future(running.cut.wait())
            try:
                await asyncio.wait({work, cut}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise CodeFault("ended by its store", instance=instance_id, fault="time")
            finally:
                work.cancel()
                cut.cancel()
            status, body = work.result()
            running.count(Meters(requests=1))
            return Outbound(status, [], chunks(body))
        finally:
            running.under_way.discard(token)
            if not running.under_way:
                running.idle.set()

    def crash(self, instance_id: str, code: int | None = None) -> None:
        """Have it end by itself."""
        del self.runs[instance_id]
        self._codes[instance_id] = code

    def running(self) -> list[str]:
        return list(self.runs)

    def exit_code(self, instance_id: str) -> int | None:
        return self._codes.get(instance_id)

    async def close(self) -> None:
        self.runs.clear()


class Notes:
    """What hosts say of instances, and what is metered."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.requests: dict[str, int] = {}

    def note(self, instance_id: str) -> Note:
        def take(line: LogLine) -> None:
            assert line.stream == "host"
            self.lines.setdefault(instance_id, []).append(line.text)

        return take

    def count(self, instance_id: str) -> Count:
        def add(used: Meters) -> None:
            self.requests[instance_id] = self.requests.get(instance_id, 0) + used.requests

        return add


class World:
    """A chain in one process. ``crash`` and ``boot`` are what a power cut and a start are to it."""

    def __init__(self, folder: Path, code: dict[str, Handler]) -> None:
        self.folder = folder
        self.code = code
        self.clock = LoopClock()
        self.journal, self.snapshots = MemoryJournal(), MemorySnapshots()
        self.policy = Policy(book=PriceBook())
        _put_records(folder)
        self.database = open_database("", folder)
        self.records = SqlCatalogueRecords(self.database)
        self.blobs = FileBlobs(folder / "blobs")
        self.store = InstanceFiles(folder / "instances")
        self.notes = Notes()
        self.statuses: list[InstanceStatus] = []

    async def boot(self) -> None:
        self.announcer = Announcer()
        self.keeper = Keeper(self.journal, self.snapshots, self.clock, self.announcer, self.policy)
        self.writer = Writer(self.keeper)
        self.writer.start()
        finder = Finder(lambda: self.keeper.ledger, self.policy)
        self.announcer.subscribe(finder.listen)
        self.office = OwnerOffice(self.writer, finder, self.policy, self.clock)
        self.runtime = CallableRuntime(self.code)
        runtimes = Runtimes([self.runtime])
        self.catalogue = Catalogue(self.records, self.blobs, runtimes, self.clock)
        self.host = Host(runtimes, self.blobs, self.store, self.clock, self.notes, self.notes, self.office, lambda: 0.0)
        self.announcer.subscribe(self.host.listen)
        self.host.subscribe(self.statuses.append)
        self.deployments = Deployments(self.records, self.catalogue, self.office, self.host, self.clock)
        await self.host.start()
        await self.deployments.start()

    async def stop(self) -> None:
        await self.deployments.stop()
        await self.host.stop()
        await self.writer.stop()

    async def crash(self) -> None:
        """Everything in memory is gone; what was on its way is not finished."""
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # -- what there is -------------------------------------------------------------------------------------------

    async def site(self, name: str, cpu: float = 8, memory: float = 16, lat: float = LAT, lon: float = LON) -> None:
        await self.office.set_site(Site(name, name, lat, lon, "Etc/UTC"))
        for kind, size in (("cpu", cpu), ("memory", memory), ("pallet_chilled", 5)):
            await self.pool(name, kind, size)

    async def pool(self, site: str, kind: str, size: float, notice_s: int = 0) -> None:
        plan = PoolPlan(kind, to_thousandths(size, "size", minimum=0), None, notice_s)
        await self.writer.submit(lambda scribe: set_capacity(scribe, site, plan) and None)

    async def app(self, name: str = "shop", tenant: str = "acme") -> str:
        return (await self.catalogue.create_app(tenant, name)).id

    async def version(self, app: str, name: str) -> Version:
        """Code that is the function of that name; ``image:`` before it makes it a container."""
        if name.startswith("image/"):
            return await self.catalogue.upload(app, None, None, None, name)
        return await self.catalogue.upload(app, None, None, chunks(WASM + name.encode()))

    async def lease(self, site: str = "wm-1", tenant: str = "acme", **more: Any) -> LeaseDocument:
        """One cpu from now on, unless told otherwise; ``in_s`` and ``for_s`` say when it begins and how long it is."""
        now = self.clock.now()
        needs = {kind: to_thousandths(amount, kind) for kind, amount in more.get("needs", {"cpu": 1}).items()}
        start = now + more["in_s"] if "in_s" in more else None
        end = now + more["for_s"] + more.get("in_s", 0) if "for_s" in more else FOREVER
        ask = Ask(needs, start, end, site, None, more.get("cls", "firm"), hold_s=more.get("hold_s"))
        return await self.office.lease(tenant, ask, None, None)

    # -- what is asked -------------------------------------------------------------------------------------------

    async def deploy(self, app: str, sees: str | None = None, **fields: Any) -> DeploymentDocument:
        return await self.deployments.create(msgspec.convert({"app": app, **fields}, NewDeployment), sees)

    async def change(self, deployment: DeploymentDocument, **fields: Any) -> DeploymentDocument:
        change = msgspec.convert(fields, DeploymentChange)
        return await self.deployments.change(deployment.id, change, deployment.revision, None)

    async def look(self, deployment: DeploymentDocument) -> DeploymentDocument:
        return await self.deployments.get(deployment.id, None)

    async def ask(self, instance_id: str, path: str = "/") -> tuple[int, bytes]:
        answer = await self.host.invoke(instance_id, get(path))
        return answer.status, b"".join([chunk async for chunk in answer.body])

    # -- looking ---------------------------------------------------------------------------------------------------

    def state(self, instance_id: str) -> str:
        status = self.host.status(instance_id)
        return "unknown" if status is None else status.state

    async def until(self, true: Callable[[], bool], within_s: float = 60.0) -> float:
        """Let time pass until something is so; how long that took."""
        began = asyncio.get_running_loop().time()
        while not true():
            waited = asyncio.get_running_loop().time() - began
            assert waited < within_s, f"not so within {within_s} s; {self.host.statuses()}"
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() - began


def played(folder: Path, story: Callable[[World], Coroutine[Any, Any, None]], **code: Handler) -> World:
    """Tell a story in a new world, on virtual time."""
    handlers = {"one": answers(b"one"), "two": answers(b"two"), **code}
    world: World | None = None

    async def whole() -> World:
        nonlocal world
        world = World(folder, handlers)
        await world.boot()
        await story(world)
        await world.stop()
        return world

    try:
        told: World = SimLoop(lambda: 0.0005).run(whole())
        return told
    finally:
        if world is not None:
            world.database.close()


@cache
def _empty_records() -> bytes:
    """Records without an entry: to make them takes longer than most stories."""
    with TemporaryDirectory() as name:
        open_database("", Path(name)).close()
        return (Path(name) / RECORDS).read_bytes()


def _put_records(folder: Path) -> None:
    if not (folder / RECORDS).exists():
        (folder / RECORDS).write_bytes(_empty_records())


def answers(body: bytes, status: int = 200, takes_s: float = 0.0) -> Handler:
    async def handle(_: Inbound, __: Instance) -> tuple[int, bytes]:
        await asyncio.sleep(takes_s)
        return status, body

    return handle


def get(path: str) -> Inbound:
    return Inbound("GET", path, "", [], chunks())


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _named(code: Path) -> str:
    return code.read_bytes().removeprefix(WASM).decode()
