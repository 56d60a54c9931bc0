"""The process that looks through an image archive, apart from the one that serves: whatever an archive makes of a
parser, it is this process's memory, time and disk, all of them bounded.

``python -m maillage.engines.podman.vetter SOURCE TARGET NAME BOUNDS`` prints ``{}`` or the fault as JSON.
"""

import asyncio
import json
import resource
import subprocess
import sys
from pathlib import Path

import msgspec

from maillage.engines.podman.layouts import Unfit
from maillage.engines.podman.vetting import Bounds, vet
from maillage.services.compute.errors import CodeRefused

MEMORY_MAX = 1024**3
WITHIN_S = 300.0


async def vetted(source: Path, target: Path, name: str, bounds: Bounds) -> None:
    """Have a process do it. CodeRefused where the archive is not taken; ``target`` is then worth nothing."""
    arguments = [str(source), str(target), name, msgspec.json.encode(bounds).decode()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "maillage.engines.podman.vetter", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    fault = {"fault": "archive", "detail": "it could not be looked through within the memory and time there are"}
    try:
        async with asyncio.timeout(WITHIN_S):
            said, _ = await process.communicate()
        if process.returncode == 0:
            fault = json.loads(said)
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        _forget(target.with_suffix(".plain"))  # the process may have been killed before it could
    if fault:
        raise CodeRefused(fault["detail"], fault=fault["fault"])


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)


def main(arguments: list[str]) -> None:
    """Within its limits: copy what may be let in from ``source`` to ``target``, and tell the fault that was found."""
    source, target, name, bounds_text = arguments
    bounds = msgspec.json.decode(bounds_text, type=Bounds)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (int(WITHIN_S), int(WITHIN_S)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * bounds.bytes_max, 2 * bounds.bytes_max))
    fault = {}
    try:
        vet(Path(source), Path(target), name, bounds)
    except Unfit as unfit:
        fault = {"fault": unfit.fault, "detail": unfit.detail}
    sys.stdout.write(json.dumps(fault))


if __name__ == "__main__":
    main(sys.argv[1:])
