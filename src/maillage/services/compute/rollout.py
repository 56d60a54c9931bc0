"""Rolling out: instance after instance goes over to what is wanted now, the next only once the last is healthy. The
first that does not come up ends it, and all go back to what they ran before."""

import asyncio
import logging
from enum import Enum

import msgspec

from maillage.kernel.waiting import signalled
from maillage.services.compute.hosting.ports import Hosts
from maillage.services.compute.hosting.tenure import Tenure
from maillage.services.compute.model import Deployment, Instance, Rollout, Version
from maillage.services.compute.placing import Placer, outdated
from maillage.services.compute.ports import CatalogueRecords

log = logging.getLogger(__name__)

COME_UP_MAX_S = 900.0
"""A host says by itself when a start failed; this is for one that says nothing any more."""


class Step(Enum):
    """What came of one look at a roll-out."""

    DONE = "done"
    MORE = "more"


class Rolling:
    """One step at a time, so that what happens meanwhile (a lease that is over, another change) is seen in between."""

    def __init__(self, records: CatalogueRecords, placer: Placer, host: Hosts) -> None:
        self._records = records
        self._placer = placer
        self._host = host

    async def step(
        self,
        deployment: Deployment,
        version: Version,
        instances: list[Instance],
        known: dict[str, Tenure],
        stir: asyncio.Event,
    ) -> Step:
        """Take one instance over, and wait until it is healthy or is known not to be. ``stir`` is set whenever an
        instance or the deployment may have changed."""
        watched = deployment.rollout.state == "rolling"
        for instance in sorted(instances, key=lambda each: (each.slot, each.id)):
            if outdated(deployment, instance):
                tenure = known[instance.id]
                own, slot = instance.own_lease, instance.slot
                await self._placer.put(self._placer.instance(deployment, version, tenure, slot, own))
            elif not watched or self._settled(instance) in ("yes", "gone"):
                continue
            failure = await self._failure(deployment, instance, stir)
            if failure and watched:
                await self._go_back(deployment, f"{instance.id}: {failure}")
            return Step.MORE
        if watched:
            await self._write(msgspec.structs.replace(deployment, rollout=Rollout("done")))
        return Step.DONE

    def _settled(self, instance: Instance) -> str:
        status = self._host.status(instance.id)
        return "gone" if status is None or status.state in ("stopping", "stopped", "unknown") else status.settled

    async def _failure(self, deployment: Deployment, instance: Instance, stir: asyncio.Event) -> str:
        """Why the instance did not come up; empty where it did, or where that is of no interest any more."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + COME_UP_MAX_S
        while (settled := self._settled(instance)) == "no":
            record = await asyncio.to_thread(self._records.deployment, deployment.id)
            if record is None or record.revision != deployment.revision:
                return ""
            if loop.time() >= ends_at:
                return f"its store did not say within {COME_UP_MAX_S:.0f} s that it came up"
            await signalled(stir, ends_at - loop.time())
            stir.clear()
        status = self._host.status(instance.id)
        return status.detail or status.state if status is not None and settled == "failed" else ""

    async def _go_back(self, deployment: Deployment, why: str) -> None:
        """To the former version and settings, which are known to work; after that there is nothing to go back to."""
        log.warning("the roll-out of deployment %s failed and goes back: %s", deployment.id, why)
        await self._write(
            msgspec.structs.replace(
                deployment,
                digest=deployment.former or deployment.digest,
                settings=deployment.former_settings or deployment.settings,
                former="",
                former_settings=None,
                rollout=Rollout("rolled-back", why),
                changes=deployment.changes + 1,
            )
        )

    async def _write(self, deployment: Deployment) -> None:
        """Where somebody else was faster, the next look is at what they wrote."""
        changed = msgspec.structs.replace(deployment, revision=deployment.revision + 1)
        await asyncio.to_thread(self._records.change_deployment, changed)
