"""One instance as a pod that runs: made, bounded, looked at, ended, and cleared away."""

import asyncio
import contextlib
import mmap
import re
import signal
import time
from collections import deque
from pathlib import Path
from typing import Any

from maillage.engines.podman.api import Api, PodmanFault
from maillage.engines.podman.cgroups import Enforced, bound_monitor, enforced_on
from maillage.engines.podman.egress import WayOut
from maillage.engines.podman.images import Image
from maillage.engines.podman.manifest import CONTAINER, OWNER_LABEL, PIDS_MAX, egress_port, pod_manifest
from maillage.engines.podman.netns import NetNamespace
from maillage.engines.podman.output import Output
from maillage.engines.podman.proxy import Proxy
from maillage.engines.podman.service import LOG_BYTES_MAX
from maillage.services.compute.errors import CodeFault, CodeRefused
from maillage.services.compute.model import Instance, LogLine
from maillage.services.compute.ports import Count, Note

READY_WITHIN_S = 60.0
TRY_EVERY_S = 0.03
LOOK_EVERY_S = 0.3
"""How often a container that does not answer yet is looked at."""
LAST_LINES = 5
TMP_FILES_MAX = 8_192
REMOVE_PAUSES_S = (0.1, 0.5, 2.0)
MONITOR_CPU = 100
"""Thousandths of a processor for copying what a container writes: enough for some 10 MB a second."""
_ERROR_MAX = 300
_KILLED = 128 + signal.SIGKILL


class Pod:
    """``proxy`` takes its requests once ``start`` has returned."""

    def __init__(
        self,
        api: Api,
        instance: Instance,
        image: Image,
        owner: str,
        note: Note,
        count: Count,
        way_out: WayOut,
    ) -> None:
        self._api, self.instance, self._owner = api, instance, owner
        self._manifest = pod_manifest(instance, image.name, owner, image.volumes)
        self.name: str = self._manifest["metadata"]["name"]
        self._note = note
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._namespace: NetNamespace | None = None
        self._egress = way_out(instance.settings.outbound) if instance.settings.outbound else None
        self._output: Output | None = None
        self._following: asyncio.Task[None] | None = None
        self.exit_code: int | None = None
        """What it ended with by itself, once ``fate`` has found that it did."""
        self.proxy = Proxy(instance, self._dial, self.fate, count)

    @property
    def container(self) -> str:
        return f"{self.name}-{CONTAINER}"

    async def start(self) -> None:
        """Until its port answers. CodeFault where it fails, CodeRefused where its limits can't be held here; either
        way nothing is left of it."""
        try:
            await self._make()
            await self._open_namespace()
            await self._api.post(f"/containers/{self.container}/start")
            state = await self._state()
            self._follow(state)
            await self._bound(state["State"]["Pid"])
            with contextlib.suppress(OSError):  # it is gone already, or may not be bounded here
                bound_monitor(state["State"]["ConmonPid"], MONITOR_CPU)
            await self._await_port()
        except PodmanFault as fault:
            failed = await self.fate() if self._following is not None else None
            await self.remove()
            raise failed or fault from None
        except BaseException:
            await asyncio.shield(self.remove())
            raise

    async def stop(self, grace_s: float) -> None:
        """Let requests under way end, then it, both within the grace; then it is gone."""
        began = asyncio.get_running_loop().time()
        await self.proxy.settle(grace_s)
        left_s = grace_s - (asyncio.get_running_loop().time() - began)
        if left_s > 0:
            await self._terminate(left_s)
        await self.remove()

    async def remove(self) -> None:
        """At once, with all that was made for it; what is gone already is no matter."""
        try:
            await remove_pod(self._api, self.name)
            for volume in self._manifest["spec"]["volumes"]:
                await self._api.delete(f"/volumes/{volume['name']}", force="true")
        finally:
            await self._let_go()

    def say(self, level: Any, text: str) -> None:
        """A word of the store's in the instance's log."""
        self._note(LogLine(int(time.time() * 1000), "host", level, text))

    async def _let_go(self) -> None:
        """Of what is held in this process."""
        if self._following is not None:
            self._following.cancel()
        if self._output is not None:
            self._output.close()
        await self.proxy.close()
        if self._egress is not None:
            await self._egress.close()
        if self._namespace is not None:
            self._namespace.close()

    async def _make(self) -> None:
        await remove_pod(self._api, self.name)
        for volume in self._manifest["spec"]["volumes"]:
            await self._api.delete(f"/volumes/{volume['name']}", force="true")
            await self._api.post("/volumes/create", self._tmpfs(volume))
        await self._api.post(
            "/play/kube",
            self._manifest,
            network="none",
            start="false",
            logDriver="k8s-file",
            logOptions=f"max-size={LOG_BYTES_MAX}",
        )

    def _tmpfs(self, volume: dict[str, Any]) -> dict[str, Any]:
        """Podman makes an emptyDir a folder on disk without a limit, unless a volume of that name is there. It reads a
        ``size`` as a quota of the disk, so the size is given in pages, which only the kernel reads."""
        pages = max(1, int(volume["emptyDir"]["sizeLimit"]) // mmap.PAGESIZE)
        options = f"nr_blocks={pages},nr_inodes={TMP_FILES_MAX},mode=1777,nodev,nosuid"
        return {
            "Name": volume["name"],
            "Driver": "local",
            "Options": {"type": "tmpfs", "device": "tmpfs", "o": options},
            "Labels": {OWNER_LABEL: self._owner},
        }

    async def _open_namespace(self) -> None:
        """The pod's network is there before the app is, and so is its way out."""
        infra = (await self._api.get(f"/pods/{self.name}/json"))["InfraContainerID"]
        await self._api.post(f"/containers/{infra}/start")
        pid = (await self._api.get(f"/containers/{infra}/json"))["State"]["Pid"]
        try:
            self._namespace = NetNamespace(pid)
            if self._egress is not None:
                await self._egress.serve(self._namespace.listener(egress_port(self.instance)))
            else:
                self._namespace.stream_socket().close()
        except PermissionError:
            raise CodeRefused(
                "requests are passed into a container's own network, which only root may enter: run the node as root",
                fault="host",
            ) from None

    async def _bound(self, pid: int) -> None:
        """Limits that a manifest has no field for; then see that the kernel holds all of them."""
        limits, swaps = self.instance.limits, _host_swaps()
        resources: dict[str, Any] = {"pids": {"limit": PIDS_MAX}}
        if swaps:
            resources["memory"] = {"limit": limits.memory_bytes, "swap": limits.memory_bytes}
        await self._api.post(f"/containers/{self.container}/update", resources)
        try:
            enforced = enforced_on(pid)
        except OSError:  # it ended meanwhile: whoever waits for its port finds out
            return
        if loose := _loose(enforced, limits.memory_bytes, limits.cpu, swaps):
            raise CodeRefused(
                f"this store can't hold a container to its limits of {', '.join(loose)}: its kernel or podman lacks"
                " the cgroup controllers for it",
                fault="host",
            )

    async def _await_port(self) -> None:
        loop = asyncio.get_running_loop()
        until, look_at = loop.time() + READY_WITHIN_S, 0.0
        while True:
            try:
                _, writer = await self._dial()
                writer.close()
                return
            except OSError:
                pass
            now = loop.time()
            if now >= look_at:
                if (failed := await self.fate()) is not None:
                    raise failed
                look_at = now + LOOK_EVERY_S
            if now > until:
                raise self._fault(
                    f"nothing listened on port {self.instance.settings.port} within {READY_WITHIN_S:g} s", "time"
                )
            await asyncio.sleep(TRY_EVERY_S)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._namespace is None:
            raise ConnectionRefusedError("it does not run")
        made = self._namespace.stream_socket()
        try:
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.instance.settings.port))
            return await asyncio.open_connection(sock=made)
        except BaseException:
            made.close()
            raise

    def _follow(self, state: dict[str, Any]) -> None:
        path = state["HostConfig"]["LogConfig"].get("Path")
        if path:
            self._output = Output(Path(path), self._heard)
            self._following = asyncio.get_running_loop().create_task(self._output.follow())

    def _heard(self, line: LogLine) -> None:
        self._last.append(line.text)
        self._note(line)

    async def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = await self._api.get(f"/containers/{self.container}/json")
        return state

    async def fate(self) -> CodeFault | None:
        """How it ended, with its last words; None while it runs."""
        try:
            state = (await self._state())["State"]
        except PodmanFault as fault:
            return self._fault("its container is gone", "exit") if fault.status == 404 else None
        if state["Status"] in ("running", "created", "initialized"):
            return None
        self.exit_code = state["ExitCode"]
        if self._output is not None:
            self._output.look()
        said = f"; it said: {' | '.join(self._last)}" if self._last else ""
        if state.get("OOMKilled") or state["ExitCode"] == _KILLED:
            # Nobody else kills it without our knowing, and not every host tells podman that it was the kernel.
            most = self.instance.limits.memory_bytes
            return self._fault(f"it was killed, having wanted more than its {most:,} bytes of memory{said}", "memory")
        error = re.sub(r"\s+", " ", state.get("Error") or "")[:_ERROR_MAX]
        return self._fault(f"it ended with exit code {state['ExitCode']}{error and f' ({error})'}{said}", "exit")

    async def _terminate(self, left_s: float) -> None:
        try:
            await self._api.send(f"/containers/{self.container}/stop", "text/plain", b"", timeout=max(1, round(left_s)))
        except PodmanFault as fault:
            if fault.status not in (0, 304, 404, 409):
                self.say("warning", f"it could not be told to stop: {str(fault)[:_ERROR_MAX]}")

    def _fault(self, detail: str, fault: str) -> CodeFault:
        return CodeFault(detail, instance=self.instance.id, fault=fault)


async def remove_pod(api: Api, name: str) -> None:
    """Killed first: to be removed podman would give it time that it has had, or has none of. Tried again where podman
    itself is still clearing away a container that has ended."""
    for pause_s in REMOVE_PAUSES_S:
        with contextlib.suppress(PodmanFault):
            await api.post(f"/pods/{name}/kill", signal="SIGKILL")
        with contextlib.suppress(PodmanFault):
            await api.delete(f"/pods/{name}", force="true")
            return
        await asyncio.sleep(pause_s)
    await api.delete(f"/pods/{name}", force="true")


def _loose(enforced: Enforced, memory_bytes: int, cpu: int, swaps: bool) -> list[str]:
    """What the kernel does not hold, or holds above what was asked for."""
    # The kernel keeps a quota in whole microseconds of a period, of which podman makes 100,000.
    held = {
        "memory": enforced.memory_bytes is not None and enforced.memory_bytes <= memory_bytes,
        "cpu": enforced.cpu is not None and enforced.cpu <= max(cpu, 10),
        "processes": enforced.pids is not None and enforced.pids <= PIDS_MAX,
        "swap": not swaps or enforced.swap_bytes == 0,
    }
    return [name for name, holds in held.items() if not holds]


def _host_swaps() -> bool:
    return len(Path("/proc/swaps").read_text("ascii").splitlines()) > 1
