"""Tending: for each deployment that needs it a task that makes what is so what is wanted, and rests when it is.

It is woken when the deployment or one of its instances changes; only what could not be placed is tried again by the
clock.
"""

import asyncio
import logging
from collections.abc import Callable
from random import SystemRandom

from maillage.kernel.errors import LeaseState, Refusal
from maillage.kernel.ports import Clock
from maillage.kernel.waiting import signalled
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployment_documents import Missing
from maillage.services.compute.hosting.backoff import delay_s
from maillage.services.compute.hosting.ports import Hosts
from maillage.services.compute.hosting.tenure import Tenure
from maillage.services.compute.model import Deployment, Instance, InstanceStatus
from maillage.services.compute.placing import Placer, live, noticed
from maillage.services.compute.ports import CatalogueRecords
from maillage.services.compute.rollout import Rolling, Step

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Deployments that are looked at side by side; one that waits for an instance to come up is not counted."""


class _Job:
    def __init__(self) -> None:
        self.stir = asyncio.Event()
        self.looked = asyncio.Event()
        self.leaving: dict[str, asyncio.Task[None]] = {}
        self.task: asyncio.Task[None] | None = None


class Tending:
    """``missing`` has, by deployment, what could not be placed the last time."""

    def __init__(
        self,
        records: CatalogueRecords,
        catalogue: Catalogue,
        placer: Placer,
        host: Hosts,
        clock: Clock,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.missing: dict[str, list[Missing]] = {}
        self._records = records
        self._catalogue = catalogue
        self._placer = placer
        self._rolling = Rolling(records, placer, host)
        self._host = host
        self._clock = clock
        self._chance = chance or SystemRandom().random
        self._jobs: dict[str, _Job] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Look after all deployments there are, and from now on after what changes."""
        self._unsubscribe = self._host.subscribe(self._heard)
        for deployment in await asyncio.to_thread(self._records.deployments):
            self.wake(deployment.id)

    async def stop(self) -> None:
        """Leave everything as it is."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        tasks = [task for job in self._jobs.values() for task in (job.task, *job.leaving.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, deployment_id: str) -> None:
        """Something about it may have changed."""
        job = self._jobs.get(deployment_id)
        if job is None:
            job = self._jobs[deployment_id] = _Job()
            job.task = asyncio.get_running_loop().create_task(self._tend(deployment_id, job))
        job.stir.set()

    async def looked_at(self, deployment_id: str, within_s: float) -> None:
        """Wait until it was looked at once from now on, or so long."""
        self.wake(deployment_id)
        job = self._jobs[deployment_id]
        job.looked.clear()
        await signalled(job.looked, within_s)

    async def at_rest(self, deployment_id: str, within_s: float) -> None:
        """Wait until there is nothing left to do about it, or so long."""
        self.wake(deployment_id)
        task = self._jobs[deployment_id].task
        if task is not None:
            await asyncio.wait({task}, timeout=within_s)

    def _heard(self, status: InstanceStatus) -> None:
        deployment_id = self._host.deployment_of(status.id)
        if deployment_id is not None:
            self.wake(deployment_id)

    async def _tend(self, deployment_id: str, job: _Job) -> None:
        failures = 0
        while True:
            job.stir.clear()
            try:
                step = await self._look(deployment_id, job)
                # What is missing since its lease is over won't come back by itself.
                trouble = any(each.problem != LeaseState.slug for each in self.missing.get(deployment_id, ()))
            except Refusal as refusal:
                log.warning("deployment %s could not be looked after yet: %s", deployment_id, refusal.detail)
                step, trouble = Step.DONE, True
            except Exception:
                log.exception("deployment %s could not be looked after; trying again", deployment_id)
                step, trouble = Step.DONE, True
            job.looked.set()
            failures = failures + 1 if trouble else 0
            if step is Step.MORE:
                continue
            if trouble:
                await signalled(job.stir, delay_s(failures, self._chance()))
            elif not job.stir.is_set():
                if not job.leaving:
                    del self._jobs[deployment_id]
                    return
                await job.stir.wait()

    async def _look(self, deployment_id: str, job: _Job) -> Step:
        """Once over everything; waits only for an instance that goes over to another version."""
        async with self._at_once:
            deployment = await asyncio.to_thread(self._records.deployment, deployment_id)
            instances = await asyncio.to_thread(self._records.instances, deployment_id)
            if deployment is None or deployment.removed:
                return await self._take_down(deployment, instances, job)
            version = await self._catalogue.version(deployment.app, None, deployment.digest)
            known = await self._placer.tenures(instance.id for instance in instances)
            staying = self._sorted_out(deployment, instances, known, job)
            taken = {instance.id for instance in instances}
            missing = await self._placer.fill(deployment, version, staying, taken)
            self._tell_missing(deployment_id, missing)
            for instance in staying:
                if not self._host.is_told(instance):  # written down, and then the process ended, or its line was cut
                    await self._placer.put(instance)
        job.looked.set()
        return await self._rolling.step(deployment, version, staying, known, job.stir)

    def _sorted_out(
        self, deployment: Deployment, instances: list[Instance], known: dict[str, Tenure], job: _Job
    ) -> list[Instance]:
        """Those that stay; the others leave: their leases are over, or fewer are wanted. One that was given notice and
        is to be replaced neither stays nor leaves yet."""
        now, placement = self._clock.now(), deployment.placement
        staying = []
        for instance in instances:
            if instance.id in job.leaving:
                continue
            wanted = instance.slot < placement.instances if placement.points else instance.id in placement.leases
            status = self._host.status(instance.id)
            left = noticed(known, instance) and status is not None and status.state == "stopped"
            if not wanted or left or not live(known.get(instance.id), now):
                self._see_off(instance, deployment.id, job)
            elif not (instance.own_lease and noticed(known, instance)):
                staying.append(instance)
        return staying

    async def _take_down(self, deployment: Deployment | None, instances: list[Instance], job: _Job) -> Step:
        for instance in instances:
            if instance.id not in job.leaving:
                self._see_off(instance, instance.deployment, job)
        if deployment is not None and not instances:
            self.missing.pop(deployment.id, None)
            await asyncio.to_thread(self._records.drop_deployment, deployment.id)
        return Step.DONE

    def _see_off(self, instance: Instance, deployment_id: str, job: _Job) -> None:
        """Have it leave; it may take its grace, and nothing else has to wait for that."""
        job.leaving[instance.id] = asyncio.get_running_loop().create_task(self._leave(instance, deployment_id, job))

    async def _leave(self, instance: Instance, deployment_id: str, job: _Job) -> None:
        failures = 0
        while True:
            try:
                await self._placer.leave(instance)
                break
            except Exception as fault:
                failures += 1
                log.warning("instance %s could not be given up yet: %s", instance.id, fault)
                await asyncio.sleep(delay_s(failures, self._chance()))
        del job.leaving[instance.id]
        self.wake(deployment_id)

    def _tell_missing(self, deployment_id: str, missing: list[Missing]) -> None:
        if missing:
            self.missing[deployment_id] = missing
        else:
            self.missing.pop(deployment_id, None)
