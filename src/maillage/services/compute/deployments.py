"""Deployments: what a tenant asks of them. What is asked is written down, and ``tending`` makes it so."""

import asyncio
import uuid

import msgspec

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployment_documents import (
    DeploymentChange,
    DeploymentDocument,
    InstanceDocument,
    NewDeployment,
    deployment_document,
    instance_document,
    placement_after,
    placement_of,
)
from maillage.services.compute.errors import InUse, RevisionStale
from maillage.services.compute.hosting.ports import Hosts
from maillage.services.compute.limits import limits_of, require_memory
from maillage.services.compute.model import Deployment, Rollout, Settings, Version
from maillage.services.compute.placing import Placer
from maillage.services.compute.ports import CatalogueRecords
from maillage.services.compute.settings_documents import settings_of
from maillage.services.compute.tending import Tending

WITHIN_S = 0.8
"""How long a request waits for what it asked for to be so: whoever deploys is answered within a second."""


class Deployments:
    """``sees`` is the tenant whose deployments the caller may see, None for somebody who may see those of all;
    another's is NotFound. ``host`` has to be started first, and is stopped last."""

    def __init__(
        self, records: CatalogueRecords, catalogue: Catalogue, office: Office, host: Hosts, clock: Clock
    ) -> None:
        self._records = records
        self._catalogue = catalogue
        self._office = office
        self._host = host
        self._clock = clock
        self._placer = Placer(records, office, host)
        self._tending = Tending(records, catalogue, self._placer, host, clock)

    async def start(self) -> None:
        await self._tending.start()

    async def stop(self) -> None:
        await self._tending.stop()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def create(self, document: NewDeployment, sees: str | None) -> DeploymentDocument:
        """Write it down and place what can be placed at once.

        Invalid, NotFound, LeaseState, InUse for what can't be; no room somewhere is no refusal, but stands in the
        document and is tried again.
        """
        app = await self._catalogue.app(document.app, sees)
        version = await self._catalogue.version(app.id, sees, document.version)
        settings = settings_of(document, Settings())
        placement = placement_of(document, self._office.glance().policy)
        if placement.points:
            require_memory(version, limits_of(placement.needs, settings, version.kind))
        await self._require_leases(placement.leases, app.tenant, version, settings)
        deployment = Deployment(
            str(uuid.uuid4()), app.id, app.tenant, version.digest, "", placement, settings, 1, self._clock.now()
        )
        await asyncio.to_thread(self._records.add_deployment, deployment)
        await self._settle(deployment.id)
        return await self._document(deployment)

    async def change(
        self, deployment_id: str, document: DeploymentChange, revision: int | None, sees: str | None
    ) -> DeploymentDocument:
        """Have it otherwise: another version or other settings roll out, fewer or more instances come and go.
        RevisionStale where it was changed since ``revision``."""
        while True:
            former = await self._found(deployment_id, sees)
            _require_revision(former, revision)
            wanted = await self._changed(former, document)
            if wanted == former:
                return await self._document(former)
            if await self._write(wanted):
                break
        await self._settle(deployment_id)
        return await self.get(deployment_id, sees)

    async def roll_back(self, deployment_id: str, revision: int | None, sees: str | None) -> DeploymentDocument:
        """Go back to the former version and settings; Invalid where there is none."""
        while True:
            deployment = await self._found(deployment_id, sees)
            if revision is not None:
                _require_revision(deployment, revision)
            if not deployment.former:
                raise Invalid("former", f"the deployment {deployment_id} has no former version to go back to")
            version = await self._catalogue.version(deployment.app, None, deployment.former)
            settings = deployment.former_settings or deployment.settings
            if await self._write(_rolling(deployment, version.digest, settings)):
                break
        await self._settle(deployment_id)
        return await self.get(deployment_id, sees)

    async def remove(self, deployment_id: str, sees: str | None) -> None:
        """End its instances after their grace, and give back the leases that were taken for it."""
        while True:
            deployment = await self._found(deployment_id, sees)
            if await self._write(msgspec.structs.replace(deployment, removed=True)):
                break
        await self._tending.at_rest(deployment_id, WITHIN_S)

    # -- looking -----------------------------------------------------------------------------------------------------

    async def get(self, deployment_id: str, sees: str | None) -> DeploymentDocument:
        return await self._document(await self._found(deployment_id, sees))

    async def some(
        self, sees: str | None, app: str | None, after: str | None, limit: int
    ) -> tuple[list[DeploymentDocument], str | None]:
        """The oldest first, those behind the one with the id ``after``, at most ``limit``; and the id to go on from."""
        found = [each for each in await asyncio.to_thread(self._records.deployments, sees, app) if not each.removed]
        if after is not None:
            ids = [each.id for each in found]
            if after not in ids:
                raise Invalid("cursor", "is not one that this list gave for these filters, or that one is gone")
            found = found[ids.index(after) + 1 :]
        documents = [await self._document(each) for each in found[:limit]]
        return documents, documents[-1].id if len(found) > limit else None

    async def instances(self, deployment_id: str, sees: str | None) -> list[InstanceDocument]:
        """In order of id, those that are about to leave included."""
        deployment = await self._found(deployment_id, sees)
        instances = await asyncio.to_thread(self._records.instances, deployment.id)
        return [instance_document(instance, self._host.status(instance.id)) for instance in instances]

    # -- steps -------------------------------------------------------------------------------------------------------

    async def _changed(self, former: Deployment, document: DeploymentChange) -> Deployment:
        settings = settings_of(document, former.settings)
        placement = placement_after(document, former.placement)
        wanted = former.digest if document.version is msgspec.UNSET else document.version
        version = await self._catalogue.version(former.app, None, wanted)
        if placement.points:
            require_memory(version, limits_of(placement.needs, settings, version.kind))
        new = [lease for lease in placement.leases if lease not in former.placement.leases]
        await self._require_leases(new, former.tenant, version, settings)
        changed = former
        if (version.digest, settings) != (former.digest, former.settings):
            await self._require_room(former, version, settings)
            changed = _rolling(former, version.digest, settings)
        elif placement != former.placement:
            changed = msgspec.structs.replace(former, changes=former.changes + 1)
        return msgspec.structs.replace(changed, placement=placement)

    async def _require_leases(self, leases: list[str], tenant: str, version: Version, settings: Settings) -> None:
        """That code of this version can run on each of these leases."""
        known = await self._placer.tenures(leases)
        for lease_id in leases:
            tenure = known.get(lease_id)
            if tenure is None or tenure.tenant != tenant:
                raise NotFound(f"there is no lease {lease_id[:100]!r}, or it is not {tenant}'s")
            tenure.require_room(self._clock.now())
            holder = self._host.deployment_of(lease_id)
            if holder is not None:
                raise InUse(f"the lease {lease_id} carries an instance already; it carries one", deployment=holder)
            require_memory(version, limits_of(tenure.needs, settings, version.kind, "leases"), "leases")

    async def _require_room(self, deployment: Deployment, version: Version, settings: Settings) -> None:
        """That the leases which carry its instances now can carry another version."""
        instances = await asyncio.to_thread(self._records.instances, deployment.id)
        for tenure in (await self._placer.tenures(instance.id for instance in instances)).values():
            require_memory(version, limits_of(tenure.needs, settings, version.kind, "version"), "version")

    async def _found(self, deployment_id: str, sees: str | None) -> Deployment:
        deployment = await asyncio.to_thread(self._records.deployment, deployment_id)
        if deployment is None or deployment.removed or sees not in (None, deployment.tenant):
            raise NotFound(f"there is no deployment {deployment_id[:64]!r}")
        return deployment

    async def _write(self, deployment: Deployment) -> bool:
        written = msgspec.structs.replace(deployment, revision=deployment.revision + 1)
        return await asyncio.to_thread(self._records.change_deployment, written)

    async def _settle(self, deployment_id: str) -> None:
        """Wait a moment for instances that are on their way."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + WITHIN_S
        await self._tending.looked_at(deployment_id, WITHIN_S)
        instances = await asyncio.to_thread(self._records.instances, deployment_id)
        await self._host.settled([instance.id for instance in instances], max(ends_at - loop.time(), 0.0))

    async def _document(self, deployment: Deployment) -> DeploymentDocument:
        instances = await asyncio.to_thread(self._records.instances, deployment.id)
        statuses = {instance.id: self._host.status(instance.id) for instance in instances}
        return deployment_document(deployment, instances, statuses, self._tending.missing.get(deployment.id, []))


def _require_revision(deployment: Deployment, revision: int | None) -> None:
    if revision is None:
        raise Invalid("revision", f"say which one is changed: {deployment.changes} is the newest")
    if revision != deployment.changes:
        raise RevisionStale(
            f"the deployment {deployment.id} is at revision {deployment.changes}, not {revision}; look at it again",
            revision=deployment.changes,
        )


def _rolling(deployment: Deployment, digest: str, settings: Settings) -> Deployment:
    """On its way to another version or other settings. What was not yet known to work is nothing to go back to."""
    proven = deployment.rollout.state != "rolling"
    return msgspec.structs.replace(
        deployment,
        digest=digest,
        settings=settings,
        former=deployment.digest if proven else deployment.former,
        former_settings=deployment.settings if proven else deployment.former_settings,
        rollout=Rollout("rolling"),
        changes=deployment.changes + 1,
    )
