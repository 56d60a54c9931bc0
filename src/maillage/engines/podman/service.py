"""The podman service behind the socket: one that was given, or a child of ours that goes when it is not needed."""

import asyncio
import contextlib
import os
import resource
import shutil
import subprocess
from pathlib import Path

from maillage.engines.podman.api import Api
from maillage.services.compute.errors import CodeRefused

IDLE_S = 30
"""A service that nobody asked anything for so long ends by itself, also when we are gone."""
START_S = 15.0
NPROC_MAX = 512
"""Of one user, and every instance has its own: what bounds a fork bomb from its first instant on."""
NOFILE_MAX = 4096
LOG_BYTES_MAX = 4 * 1024 * 1024
SOCKET_PATH_MAX = 107  # sun_path, unix(7)
PACKAGES = "podman runc netavark aardvark-dns iptables catatonit"
_CONF = """[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]
[engine]
runtime = "{runtime}"
cgroup_manager = "{cgroups}"
events_logger = "file"
"""


class Service:
    """``api`` is ready for use when ``ensure`` has returned."""

    def __init__(self, folder: Path, given: Path | None) -> None:
        self._folder = folder.absolute()
        self._given = given
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self.api = Api(str(self._socket))

    async def ensure(self) -> Api:
        """Have it run. CodeRefused with what is missing where it can't."""
        async with self._starting:
            if self._given is not None:
                if not await self.api.answers():
                    raise CodeRefused(f"no podman service answers at {self._given}", fault="host")
            elif self._process is None or self._process.returncode is not None or not await self.api.answers():
                await self._start()
        return self.api

    async def close(self) -> None:
        await self.api.close()
        await self._end()

    @property
    def _socket(self) -> Path:
        return self._given or self._folder / "podman.sock"

    async def _start(self) -> None:
        await self._end()
        podman = _found("podman")
        if podman is None:
            raise CodeRefused(
                "containers need podman, which is not installed on this machine; on Debian:"
                f" apt-get install --no-install-recommends {PACKAGES}",
                fault="host",
            )
        if os.geteuid() != 0:
            raise CodeRefused("containers need the node to run as root, and it does not", fault="host")
        if len(str(self._socket).encode()) > SOCKET_PATH_MAX:
            raise CodeRefused(f"{self._socket} is too long for a socket's path; choose a shorter folder", fault="host")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._socket.unlink(missing_ok=True)
        conf = self._folder / "containers.conf"
        conf.write_text(_configuration(), "utf-8")
        with (self._folder / "service.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(podman, "system", "service", f"--time={IDLE_S}", f"unix://{self._socket}"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"CONTAINERS_CONF": str(conf)},
                cwd=self._folder,  # kube play looks for a folder named like an image, to build it from
                start_new_session=True,  # what stops us at a terminal must not take it first
            )
        await self._await_answer()

    async def _await_answer(self) -> None:
        assert self._process is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while self._process.returncode is None:
                    if self._socket.exists() and await self.api.answers():
                        return
                    await asyncio.sleep(0.02)
        await self._end()
        said = (self._folder / "service.log").read_text("utf-8", "replace").strip()[-500:]
        raise CodeRefused(f"podman's service does not start: {said or 'it says nothing'}", fault="host")

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(5.0):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/usr/local/bin")


def _configuration() -> str:
    """Limits above the present ones could not be set; crun does not know a host with both kinds of cgroups."""
    return _CONF.format(
        nofile=_at_most(resource.RLIMIT_NOFILE, NOFILE_MAX),
        nproc=_at_most(resource.RLIMIT_NPROC, NPROC_MAX),
        runtime="runc" if _found("runc") else "crun",
        cgroups="systemd" if _systemd_has_cgroups() else "cgroupfs",
    )


def _systemd_has_cgroups() -> bool:
    return Path("/run/systemd/system").is_dir() and Path("/sys/fs/cgroup/cgroup.controllers").exists()


def _at_most(which: int, most: int) -> int:
    hard = resource.getrlimit(which)[1]
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
