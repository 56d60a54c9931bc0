"""The greeting in a container, run by ``podman run --rm`` for each request, as CGI would."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.greeting import ANSWER, PATH

_SCRIPT = 'printf "content-type: text/plain\\n\\nhello from $PATH_INFO"'
_RUN = (
    *("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "all", "--pids-limit", "64"),
    *("--security-opt", "no-new-privileges", "--memory", "128m", "--env", f"PATH_INFO={PATH}"),
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=512:512"),
)
"""Limits as our own containers have them; without a network it starts sooner than with one."""


class Podman:
    """``run_once`` is one request: container made, started, read, ended, gone."""

    def __init__(self, image: str) -> None:
        self._command = ["podman", *_engine(), *_RUN, image]

    def run_once(self) -> float:
        """Seconds until the whole answer is there."""
        start = time.perf_counter()
        done = subprocess.run(self._command, capture_output=True, timeout=60, check=False)
        took = time.perf_counter() - start
        if not done.stdout.decode().endswith(ANSWER):
            raise RuntimeError(f"podman run: {done.stderr.decode(errors='replace')[-500:]}")
        return took


@contextmanager
def podman() -> Iterator[Podman | None]:
    """None, after a line that says so, where no containers can be run."""
    missing = _missing()
    if missing:
        print(f"  without the lines of podman: {missing}", flush=True)
        yield None
        return
    image = f"localhost/maillage-bench:{os.getpid()}"
    layer = _layer(Path(shutil.which("busybox") or ""))
    entry = f"ENTRYPOINT {json.dumps(['/busybox', 'sh', '-c', _SCRIPT])}"
    made = subprocess.run(
        ["podman", "import", "-c", entry, "-", image], input=layer, capture_output=True, timeout=60, check=False
    )
    if made.returncode:
        raise RuntimeError(f"podman import: {made.stderr.decode(errors='replace')[-500:]}")
    try:
        yield Podman(image)
    finally:
        subprocess.run(["podman", "rmi", "-f", image], capture_output=True, timeout=60, check=False)


def _missing() -> str:
    """Why containers can't be run here, "" where they can."""
    for program in ("podman", "busybox"):
        if shutil.which(program) is None:
            return f"{program} is not installed (apt-get install podman runc busybox-static)"
    return "" if os.geteuid() == 0 else "containers need root"


def _engine() -> list[str]:
    """What works on hosts without systemd, and with both kinds of cgroups, too."""
    runc = shutil.which("runc") or shutil.which("runc", path="/usr/sbin:/sbin")
    return [*(["--runtime", runc] if runc else []), "--cgroup-manager", "cgroupfs"]


def _layer(busybox: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add(busybox, "busybox")
    return made.getvalue()
