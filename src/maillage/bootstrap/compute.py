"""Everything that has to do with tenants' code, in a process that owns the sites where it runs."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from maillage.bootstrap.camara import open_camara
from maillage.engines.file_blobs import FileBlobs
from maillage.engines.folder_layout import BLOBS
from maillage.engines.house_files import HouseFiles
from maillage.engines.instance_files import InstanceFiles
from maillage.engines.meter_spool import MeterSpool
from maillage.engines.podman.runtime import PodmanRuntime
from maillage.engines.podman.settings import podman_settings
from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.engines.records.database import Database
from maillage.engines.records.sessions import SqlSessionRecords
from maillage.engines.sqlite_values import SqliteValues
from maillage.engines.wasmtime.runtime import WasmtimeRuntime
from maillage.kernel.announcer import Announcer
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.services.compute.carriage.code import KeptCode
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployments import Deployments
from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.hosting.host import Host
from maillage.services.compute.house.desk import HouseDesk
from maillage.services.compute.house.keeper import Keeper
from maillage.services.compute.house.measuring import Measured
from maillage.services.compute.invocations import Invocations
from maillage.services.compute.live.service import LiveSessions
from maillage.services.compute.logs import LogPage, Logs
from maillage.services.compute.metering import Metering
from maillage.services.compute.model import App, Deployment
from maillage.services.compute.ports import CatalogueRecords
from maillage.services.compute.runtimes import Runtimes

FOLDER = "compute"
"""Where everything is that can be made anew, or is of this process alone."""
BACK_WITHIN_S = 5.0
"""So long a start waits for what ran before to run again: who calls as soon as the server listens is answered."""


class Compute:
    """Opened at once; ``start`` has what ran before run again, once the ledger's writer does."""

    def __init__(self, folder: Path, database: Database, office: Office, announcer: Announcer, clock: Clock) -> None:
        own = folder / FOLDER
        records, blobs = SqlCatalogueRecords(database), FileBlobs(folder / BLOBS)
        self._spool = MeterSpool(own / "meters")
        self._values = SqliteValues(own)
        values = TrackedValues(self._values)
        podman = PodmanRuntime(own / "podman", podman_settings(os.environ))
        self._runtimes = Runtimes([WasmtimeRuntime(own / "wasmtime", values), podman])
        self.logs = Logs(own / "logs")
        self.metering = Metering(self._spool, office)
        self.catalogue = Catalogue(records, blobs, self._runtimes, clock)
        self.code = KeptCode(blobs, FileBlobs(own / "carried"))
        self.host = Host(
            self._runtimes, self.code, InstanceFiles(own / "instances"), clock, self.logs, self.metering, office
        )
        self.deployments = Deployments(records, self.catalogue, office, self.host, clock)
        self.sessions = LiveSessions(
            SqlSessionRecords(database), self.catalogue, office, self.host, values, self.logs, clock
        )
        self.invocations = Invocations(
            self.host,
            Deployed(self.catalogue, records),
            lambda site: office.glance().ledger.sites.get(site),
            following=self.sessions,
        )
        use = Measured(self._spool, office, clock.now)
        self.house = HouseDesk(Keeper(HouseFiles(own / "house"), use, office, announcer, clock), use, office, clock)
        self.camara = open_camara(database, office, self.catalogue, self.deployments, clock)
        self._announcer = announcer
        self._unsubscribe = [announcer.subscribe(self.host.listen), announcer.subscribe(self.sessions.listen)]

    async def start(self) -> None:
        await self.catalogue.sweep()
        await self.metering.start()
        await self.house.keeper.start()
        await self.host.start()
        await self.code.keep_only(self.host.all_told())
        await self.host.settled([status.id for status in self.host.statuses()], BACK_WITHIN_S)
        await self.deployments.start()
        await self.sessions.start()
        await self.camara.callbacks.start()

    async def stop(self) -> None:
        """Requests under way are answered, as far as grace allows, and what was used is in the ledger."""
        await self.camara.callbacks.stop()
        await self.sessions.stop()
        await self.deployments.stop()
        await self.house.keeper.stop()
        await self.host.stop()
        await self._runtimes.close()
        await self.metering.stop()

    async def read_log(self, instance_id: str, after: int | None, limit: int) -> LogPage:
        """As ``Logs.read``, without holding up the event loop."""
        return await to_the_end(self.logs.read, instance_id, after, limit)

    def close(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self.logs.close()
        self._values.close()
        self._spool.close()


class Deployed:
    """What invocations have to know of apps."""

    def __init__(self, catalogue: Catalogue, records: CatalogueRecords) -> None:
        self._catalogue = catalogue
        self._records = records

    async def app(self, app_id: str, sees: str | None) -> App:
        return await self._catalogue.app(app_id, sees)

    async def deployments(self, app_id: str) -> Sequence[Deployment]:
        found = await asyncio.to_thread(self._records.deployments, None, app_id)
        return [deployment for deployment in found if not deployment.removed]
