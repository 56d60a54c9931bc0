"""The robot that is not of our making, as a process of its own: a virtual vehicle of vda-5050-lib (see agv.cjs)."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
START_S = 20.0
ABSENT = "node and vda-5050-lib are not installed (.ci/install-robot does it)"


def node() -> str:
    """The path of node, where the package is there as well; else the test is skipped."""
    found = shutil.which("node")
    if found is None or not (FOLDER / "node_modules" / "vda-5050-lib").is_dir():
        pytest.skip(ABSENT)
    return found


class Agv:
    """``user`` and ``password`` are its way into the broker."""

    def __init__(self, port: int, manufacturer: str, serial: str, user: str, password: str) -> None:
        self._arguments = [f"mqtt://127.0.0.1:{port}", manufacturer, serial]
        self._environment = {"AGV_USER": user, "AGV_PASSWORD": password, "PATH": os.environ["PATH"]}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, speed_mps: float = 2.0, map_id: str = "floor-1") -> "Agv":
        """Running and connected when it returns."""
        self._process = await asyncio.create_subprocess_exec(
            node(),
            str(FOLDER / "agv.cjs"),
            *self._arguments,
            str(speed_mps),
            map_id,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), START_S)
        assert said == b"ready\n", (await self._process.stderr.read()).decode()
        return self

    async def kill(self) -> None:
        """Cut it off."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """Switch it off."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), START_S)
