"""Everything that has to do with tenants' code, at a hub: it is kept and looked at here, and runs in the stores."""

import os
from pathlib import Path

from maillage.bootstrap.camara import open_camara
from maillage.bootstrap.compute import FOLDER, Deployed
from maillage.engines.file_blobs import FileBlobs
from maillage.engines.folder_layout import BLOBS
from maillage.engines.podman.settings import podman_settings
from maillage.engines.podman.vetting_only import ImageVetting
from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.engines.records.database import Database
from maillage.engines.records.sessions import SqlSessionRecords
from maillage.engines.sqlite_values import SqliteValues
from maillage.engines.wasmtime.runtime import WasmtimeRuntime
from maillage.kernel.ports import Clock
from maillage.kernel.spans import inject
from maillage.mesh.hub import Hub
from maillage.mesh.ports import Bus
from maillage.services.compute.carriage.asking import InstanceOwners
from maillage.services.compute.carriage.giving import CodeDesk
from maillage.services.compute.carriage.known import Known
from maillage.services.compute.carriage.messages import SERVICE
from maillage.services.compute.carriage.remote import RemoteHosts
from maillage.services.compute.carriage.remote_notes import RemoteNotes
from maillage.services.compute.carriage.states import RemoteStates
from maillage.services.compute.carriage.watch import Watch
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployments import Deployments
from maillage.services.compute.errors import NoCodeHere
from maillage.services.compute.house.desk import HouseDesk
from maillage.services.compute.invocations import Invocations
from maillage.services.compute.live.keepers import Keepers
from maillage.services.compute.live.service import LiveSessions
from maillage.services.compute.live.wanted import WantedInstances
from maillage.services.compute.logs import LogPage
from maillage.services.compute.runtimes import Runtimes


class HubCompute:
    """To be opened and prepared before the hub starts, so that it misses no sign of life; started after."""

    def __init__(self, folder: Path, database: Database, hub: Hub, bus: Bus, clock: Clock) -> None:
        own, office = folder / FOLDER, hub.office
        records, blobs = SqlCatalogueRecords(database), FileBlobs(folder / BLOBS)
        self._values = SqliteValues(own)
        self._runtimes = Runtimes(
            [
                WasmtimeRuntime(own / "wasmtime", self._values),
                ImageVetting(own / "podman", podman_settings(os.environ)),
            ]
        )
        kept = SqlSessionRecords(database, hub.id)
        wanted = WantedInstances(records, kept)
        self._known = Known(hub.directory, wanted, lambda lease: lease in office.glance().ledger.leases, clock)
        owners = InstanceOwners(bus, hub.directory, inject)
        self.host = RemoteHosts(owners, hub.directory, self._known)
        self._watch = Watch(owners, self._known, self.host)
        hub.heeded.append(self._watch.heed)
        hub.services[SERVICE] = CodeDesk(hub.id, hub.directory.hubs, self._known, blobs).answer
        self.catalogue = Catalogue(records, blobs, self._runtimes, clock)
        self.deployments = Deployments(records, self.catalogue, office, self.host, clock)
        self._notes = RemoteNotes(owners)
        self.sessions = LiveSessions(
            kept,
            self.catalogue,
            office,
            self.host,
            RemoteStates(owners),
            self._notes,
            clock,
            keepers=Keepers(hub.id, hub.directory.hubs),
        )
        self.invocations = Invocations(
            self.host,
            Deployed(self.catalogue, records),
            lambda site: office.glance().ledger.sites.get(site),
            following=self.sessions,
        )
        self.camara = open_camara(database, office, self.catalogue, self.deployments, clock)
        self._unsubscribe = hub.mirror.announcer.subscribe(self.sessions.listen)

    async def prepare(self) -> None:
        """To be done before the first sign of life of a node is heard."""
        await self.catalogue.sweep()
        await self._known.load()

    async def start(self) -> None:
        await self.deployments.start()
        await self.sessions.start()
        await self.camara.callbacks.start()

    async def stop(self) -> None:
        """What runs in the stores goes on."""
        await self.camara.callbacks.stop()
        await self.sessions.stop()
        await self._notes.stop()
        await self.deployments.stop()
        await self._watch.stop()
        await self._runtimes.close()

    @property
    def house(self) -> HouseDesk:
        """What a store's own work needs is measured, and leased, where its ledger is."""
        raise NoCodeHere("the house of a store is looked after by its node, or by a chain of one process: ask that")

    async def read_log(self, instance_id: str, after: int | None, limit: int) -> LogPage:
        """An instance's log, from its store; SiteUnreachable where that does not answer."""
        return await self.host.log(instance_id, after, limit)

    def close(self) -> None:
        self._unsubscribe()
        self._values.close()
