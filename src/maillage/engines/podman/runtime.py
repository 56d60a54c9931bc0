"""The runtime for containers."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from maillage.engines.podman.api import Api, PodmanFault
from maillage.engines.podman.cgroups import missing_controllers
from maillage.engines.podman.egress import Egress, WayOut
from maillage.engines.podman.images import Images
from maillage.engines.podman.manifest import OWNER_LABEL
from maillage.engines.podman.pods import Pod, remove_pod
from maillage.engines.podman.service import Service
from maillage.engines.podman.settings import PodmanSettings
from maillage.engines.podman.vetting import Bounds
from maillage.kernel.errors import NotFound
from maillage.services.compute.errors import CodeFault, CodeRefused
from maillage.services.compute.model import CodeKind, Instance
from maillage.services.compute.ports import Count, Inbound, Inspected, KeyValues, Note, Outbound

LOOK_EVERY_S = 1.0
"""How soon a container that ended by itself is known to have ended, while nobody asks anything of it."""
_log = logging.getLogger(__name__)


class PodmanRuntime:
    """``folder`` is its own, and names its pods among those of others on the machine; it may be empty at any start.
    ``way_out`` makes what lets containers call the places on their lists. Nothing is looked for or started before it
    is needed."""

    kinds: frozenset[CodeKind] = frozenset({"image"})
    values: KeyValues | None = None
    """A container keeps nothing by the lease: what it writes ends with it."""

    def __init__(
        self, folder: Path, settings: PodmanSettings, bounds: Bounds | None = None, way_out: WayOut = Egress
    ) -> None:
        self._service = Service(folder, settings.socket)
        self._images = Images(folder / "images", settings, bounds or Bounds())
        self._owner = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
        self._way_out = way_out
        self._pods: dict[str, Pod] = {}
        self._ended: dict[str, int] = {}
        self._starting: set[str] = set()
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._swept = False
        self._sweeping = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None

    async def inspect(self, code: Path, kind: CodeKind, digest: str, reference: str) -> Inspected:
        try:
            await self._images.ready(await self._ready(), code, digest, reference)
        except PodmanFault as fault:
            raise CodeRefused(f"podman does not do its work here: {fault}", fault="host") from None
        return Inspected(kind)

    async def start(self, instance: Instance, code: Path, note: Note, count: Count) -> None:
        if missing := missing_controllers():
            raise CodeRefused(
                f"this store can't hold containers to limits: its kernel offers no cgroup controller for"
                f" {', '.join(missing)}",
                fault="host",
            )
        if instance.id in self._starting:
            raise CodeFault("it is being started already", instance=instance.id, fault="exit")
        self._starting.add(instance.id)
        try:
            api = await self._ready()
            image = await self._images.ready(api, code, instance.digest, instance.reference)
            if (former := self._pods.pop(instance.id, None)) is not None:
                self._leave(instance.id, former.remove())
            if (leaving := self._leaving.get(instance.id)) is not None:
                await asyncio.shield(leaving)
            self._ended.pop(instance.id, None)
            pod = Pod(api, instance, image, self._owner, note, count, self._way_out)
            await pod.start()
        except PodmanFault as fault:
            raise CodeFault(f"podman can't start it: {fault}", instance=instance.id, fault="exit") from None
        finally:
            self._starting.discard(instance.id)
        self._pods[instance.id] = pod
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_on())

    async def stop(self, instance_id: str, grace_s: float) -> None:
        self._ended.pop(instance_id, None)
        pod = self._pods.pop(instance_id, None)
        if pod is not None:
            await asyncio.shield(self._leave(instance_id, pod.stop(grace_s)))

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        pod = self._pods.get(instance_id)
        if pod is None:
            raise NotFound(f"no container of instance {instance_id[:100]!r} runs here")
        return await pod.proxy.invoke(request)

    def running(self) -> Sequence[str]:
        return list(self._pods)

    def exit_code(self, instance_id: str) -> int | None:
        return self._ended.get(instance_id)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        pods, self._pods = self._pods, {}
        for instance_id, pod in pods.items():
            self._leave(instance_id, pod.remove())
        await asyncio.gather(*self._leaving.values())
        await self._service.close()

    async def sweep(self) -> None:
        """Remove the pods that a process before this one left running, since it crashed. The first inspect or start
        does it too. CodeRefused where podman can't be used here."""
        await self._ready()

    def _leave(self, instance_id: str, going: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have a pod go, whoever waits for it; the next one of this instance does."""
        before = self._leaving.get(instance_id)

        async def leave() -> None:
            try:
                if before is not None:
                    await before
                await self._service.ensure()
                await going
            except (PodmanFault, CodeRefused) as fault:
                going.close()
                _log.warning("a container of %s stays until the next start of this process: %s", instance_id, fault)
            finally:
                if self._leaving.get(instance_id) is asyncio.current_task():
                    del self._leaving[instance_id]

        self._leaving[instance_id] = task = asyncio.get_running_loop().create_task(leave())
        return task

    async def _ready(self) -> Api:
        api = await self._service.ensure()
        async with self._sweeping:
            if not self._swept:
                ours = json.dumps({"label": [f"{OWNER_LABEL}={self._owner}"]})
                for pod in await api.get("/pods/json", filters=ours) or []:
                    _log.info("removing pod %s, which a process before this one left", pod["Name"])
                    await remove_pod(api, pod["Id"])
                for volume in await api.get("/volumes/json", filters=ours) or []:
                    await api.delete(f"/volumes/{volume['Name']}", force="true")
                self._swept = True
        return api

    async def _look_on(self) -> None:
        """Find out which containers ended, as long as there are any."""
        while self._pods:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look(await self._service.ensure())
            except (PodmanFault, CodeRefused) as fault:
                _log.warning("podman does not say what runs: %s", fault)

    async def _look(self, api: Api) -> None:
        ours = json.dumps({"label": [f"{OWNER_LABEL}={self._owner}"]})
        known = dict(self._pods)
        listed = await api.get("/containers/json", all="true", filters=ours)
        alive = {container["PodName"] for container in listed if container["State"] == "running"}
        for instance_id, pod in known.items():
            if pod.name in alive or (fault := await pod.fate()) is None or self._pods.get(instance_id) is not pod:
                continue
            pod.say("error", fault.detail)
            if pod.exit_code is not None:
                self._ended[instance_id] = pod.exit_code
            del self._pods[instance_id]
            self._leave(instance_id, pod.remove())
