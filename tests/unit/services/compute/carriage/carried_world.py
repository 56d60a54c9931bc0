"""A chain with hubs and stores on an in-process bus: the real mesh, hosts, catalogue and files, and an engine that
runs the tests' functions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from maillage.bootstrap.compute import Deployed
from maillage.engines.file_blobs import FileBlobs
from maillage.engines.instance_files import InstanceFiles
from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.engines.records.sessions import SqlSessionRecords
from maillage.engines.sqlite_values import SqliteValues
from maillage.kernel.documents import CapacityPlanDocument
from maillage.services.compute.carriage import asking
from maillage.services.compute.carriage.code import HubCode, KeptCode
from maillage.services.compute.carriage.giving import CodeDesk
from maillage.services.compute.carriage.known import Known
from maillage.services.compute.carriage.messages import SERVICE
from maillage.services.compute.carriage.remote import RemoteHosts
from maillage.services.compute.carriage.remote_notes import RemoteNotes
from maillage.services.compute.carriage.reporting import Reporting
from maillage.services.compute.carriage.service import InstanceService
from maillage.services.compute.carriage.states import RemoteStates
from maillage.services.compute.carriage.watch import Watch
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployment_documents import DeploymentChange, DeploymentDocument, NewDeployment
from maillage.services.compute.deployments import Deployments
from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.hosting.host import Host
from maillage.services.compute.invocations import Invocations
from maillage.services.compute.live.keepers import Keepers
from maillage.services.compute.live.service import LiveSessions
from maillage.services.compute.live.wanted import WantedInstances
from maillage.services.compute.logs import Logs
from maillage.services.compute.model import Meters
from maillage.services.compute.ports import Count, HeaderList, Inbound
from maillage.services.compute.runtimes import Runtimes
from maillage.tenancy.principal import Principal
from tests.mesh_world import SITES, HubWorld, MeshWorld, NodeWorld, until
from tests.unit.services.compute.deployments_world import WASM, CallableRuntime, Handler, answers, chunks

ACME = Principal("acme", "tenant")
AT = {site.id: (site.lat, site.lon) for site in SITES}


class Uncounted:
    """Meters that nobody reads."""

    def count(self, instance_id: str) -> Count:
        def add(_: Meters) -> None: ...

        return add


class Store:
    """What a node has besides its ledger and its line, in a folder of its own."""

    def __init__(self, node: NodeWorld, folder: Path, code: dict[str, Handler]) -> None:
        self.node = node
        self.folder = folder
        self._code = code
        self.asked_for_code = 0

    async def start(self) -> None:
        node, folder = self.node, self.folder
        self.runtime = CallableRuntime(self._code)
        self.kept = SqliteValues(folder)
        self.runtime.values = self.values = TrackedValues(self.kept)
        self.logs = Logs(folder / "logs")
        self.code = KeptCode(FileBlobs(folder / "own"), FileBlobs(folder / "carried"))
        self.host = Host(
            Runtimes([self.runtime]),
            self.code,
            InstanceFiles(folder / "instances"),
            node.clock,
            self.logs,
            Uncounted(),
            node.office,
            lambda: 0.0,
        )
        node.announcer.subscribe(self.host.listen)
        self.reporting = Reporting(self.host, lambda word: node.node.note(SERVICE, word))
        self.code.fetch = self._fetch
        self.service = InstanceService(
            node.id, node.sites, self.host, self.logs, self.reporting, self.code.keep_only, node.bus
        )
        await self.host.start()
        await self.code.keep_only(self.host.all_told())
        await self.service.start()

    def _fetch(self, digest: str) -> AsyncIterator[bytes]:
        self.asked_for_code += 1
        return HubCode(self.node.bus, self.node.id).fetch(digest)

    async def stop(self) -> None:
        await self.service.stop()
        await self.host.stop()
        self.logs.close()
        self.kept.close()

    async def restart(self) -> None:
        """As of the computer: the journal and the files are left."""
        await self.stop()
        await self.node.restart()
        await self.start()

    def state(self, instance_id: str) -> str:
        status = self.host.status(instance_id)
        return "none" if status is None else status.state


class Desk:
    """What a hub has besides its mirror."""

    def __init__(self, hub: HubWorld, folder: Path, world: "CarriedWorld") -> None:
        self.hub_world = hub
        self.blobs = FileBlobs(folder)
        self._world = world

    async def start(self) -> None:
        hub, world = self.hub_world.hub, self._world
        office = hub.office
        self.records = SqlCatalogueRecords(world.database)
        kept = SqlSessionRecords(world.database, hub.id)
        wanted = WantedInstances(self.records, kept)
        self.known = Known(hub.directory, wanted, lambda lease: lease in office.glance().ledger.leases, world.clock)
        owners = asking.InstanceOwners(self.hub_world.bus, hub.directory, dict)
        self.hosts = RemoteHosts(owners, hub.directory, self.known)
        self.watch = Watch(owners, self.known, self.hosts)
        self.catalogue = Catalogue(self.records, self.blobs, Runtimes([CallableRuntime(world.code)]), world.clock)
        self.deployments = Deployments(self.records, self.catalogue, office, self.hosts, world.clock)
        self.carried, self.notes = RemoteStates(owners), RemoteNotes(owners)
        self.sessions = LiveSessions(
            kept,
            self.catalogue,
            office,
            self.hosts,
            self.carried,
            self.notes,
            world.clock,
            lambda: 0.0,
            Keepers(hub.id, hub.directory.hubs),
        )
        self._unsubscribe = hub.mirror.announcer.subscribe(self.sessions.listen)
        self.invocations = Invocations(
            self.hosts,
            Deployed(self.catalogue, self.records),
            lambda site: office.glance().ledger.sites.get(site),
            following=self.sessions,
        )
        await self.known.load()
        hub.heeded.append(self.watch.heed)
        hub.services[SERVICE] = CodeDesk(hub.id, hub.directory.hubs, self.known, self.blobs).answer
        await self.deployments.start()
        await self.sessions.start()

    async def stop(self) -> None:
        self._unsubscribe()
        await self.sessions.stop()
        await self.notes.stop()
        await self.deployments.stop()
        await self.watch.stop()

    # -- what is asked -------------------------------------------------------------------------------------------

    async def upload(self, name: str, app: str = "acme.web") -> str:
        """A version that is the function of that name; its digest."""
        return (await self.catalogue.upload(app, None, None, chunks(WASM + name.encode()))).digest

    async def deploy(self, *sites: str, **fields: Any) -> DeploymentDocument:
        """Of acme.web, an instance near each of the sites."""
        near = [{"lat": AT[site][0], "lon": AT[site][1]} for site in sites]
        wanted = {"app": "acme.web", "near": near, "needs": {"cpu": 1, "memory": 1}, "within_km": 1, **fields}
        return await self.deployments.create(msgspec.convert(wanted, NewDeployment), None)

    async def deploy_on(self, *leases: str) -> DeploymentDocument:
        wanted = {"app": "acme.web", "leases": leases}
        return await self.deployments.create(msgspec.convert(wanted, NewDeployment), None)

    async def change(self, deployment: DeploymentDocument, **fields: Any) -> DeploymentDocument:
        change = msgspec.convert(fields, DeploymentChange)
        return await self.deployments.change(deployment.id, change, deployment.revision, None)

    async def states(self, deployment: DeploymentDocument) -> dict[str, str]:
        return {each.site: each.state for each in await self.deployments.instances(deployment.id, None)}

    async def until_states(self, deployment: DeploymentDocument, **wanted: str) -> None:
        """By site, with ``_`` for its dash."""
        states: dict[str, str] = {}
        named = {site.replace("_", "-"): state for site, state in wanted.items()}
        for _ in range(1_000):
            states = await self.states(deployment)
            if states == named:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{states}, not {named}")

    async def call(self, near: str, method: str = "GET", body: bytes = b"") -> tuple[int, str, bytes]:
        """(status, site, body) of a request to acme.web from where a store is."""
        headers: HeaderList = [("x-from", near)]
        request = Inbound(method, "/there", "a=b", headers, chunks(body))
        answer = await self.invocations.invoke("acme.web", request, AT[near], ACME)
        said = b"".join([chunk async for chunk in answer.body])
        return answer.status, dict(answer.headers)["x-maillage-site"], said


class CarriedWorld(MeshWorld):
    """``code`` are the functions that versions name."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.code: dict[str, Handler] = {"one": answers(b"one"), "two": answers(b"two")}
        self.stores: dict[str, Store] = {}
        self.desks: list[Desk] = []

    def play(self, story: Callable[["CarriedWorld"], Coroutine[Any, Any, None]]) -> None:
        """Tell a story; whatever was started is stopped after it."""

        async def whole(_: MeshWorld) -> None:
            try:
                await story(self)
            finally:
                for desk in self.desks:
                    await desk.stop()
                for store in self.stores.values():
                    await store.stop()

        self.run(whole)

    async def desk(self, hub_id: str = "h1") -> Desk:
        """A hub that runs."""
        hub = await self.hub(hub_id)
        desk = Desk(hub, self.folder / hub_id, self)
        self.desks.append(desk)
        await desk.start()
        return desk

    async def store(self, node_id: str, *sites: str) -> Store:
        """A node that joined for these sites, with room for some instances at each."""
        node = await self.node(node_id, list(sites))
        for site in sites:
            await node.office.set_capacity(site, "memory", CapacityPlanDocument(64))
        await self.settled()
        store = self.stores[node_id] = Store(node, self.folder / node_id, self.code)
        await store.start()
        return store

    async def two_stores(self) -> tuple[Desk, Store, Store]:
        """A hub with acme's app and its version ``one``, and stores wm-1 and wm-2 of a node each."""
        desk = await self.desk()
        stores = await self.store("n1", "wm-1"), await self.store("n2", "wm-2")
        await desk.catalogue.create_app("acme", "web")
        await desk.upload("one")
        return desk, *stores

    async def restart_desk(self, desk: Desk) -> None:
        """As after a crash of the hub."""
        await desk.stop()
        await desk.hub_world.restart()
        await desk.start()

    async def heard(self, desk: Desk, *nodes: str) -> None:
        """The hub has nodes within reach."""
        directory = desk.hub_world.hub.directory
        await until(lambda: all(directory.is_reachable(node) for node in nodes), f"{nodes} are heard")
