"""Servers in processes of their own, and the load on them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
START_WITHIN_S = 60.0
SETTLE_WITHIN_S = 120.0
API_KEY = "the-key-of-a-benchmark"


class Server:
    """One that runs, and takes connections on ``port`` of the loopback."""

    def __init__(self, process: "subprocess.Popen[Any]", port: int) -> None:
        self._process = process
        self._children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self._workers = self._running_children()
        self.port = port

    def load(self, sites: int, first_s: int, seconds: float, connections: int, batch: int = 0) -> dict[str, Any]:
        """What the load generator reports; RuntimeError where an answer was not what it must be."""
        options = {
            "port": self.port,
            "key": API_KEY,
            "sites": sites,
            "first-s": first_s,
            "seconds": seconds,
            "connections": connections,
            "batch": batch,
        }
        return self._loaded("benchmarks.load", options)

    def load_apps(self, targets: Path, seconds: float, connections: int) -> dict[str, Any]:
        """The same for requests to apps; for ``targets`` see ``benchmarks.calls``."""
        options = {"port": self.port, "targets": targets, "seconds": seconds, "connections": connections}
        return self._loaded("benchmarks.calls", options)

    def rss_kib(self) -> int:
        """Resident memory of it."""
        return rss_kib(self._process.pid)

    def settle(self) -> None:
        """Wait until what it does on the side (a snapshot, in a process of its own) is done."""
        until = time.monotonic() + SETTLE_WITHIN_S
        while self._running_children() > self._workers:
            if time.monotonic() > until:
                raise RuntimeError(f"after {SETTLE_WITHIN_S:g} s a snapshot was still being taken")
            time.sleep(0.05)

    def _loaded(self, generator: str, options: dict[str, Any]) -> dict[str, Any]:
        command = [sys.executable, "-m", generator, *[f"--{name}={value}" for name, value in options.items()]]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise RuntimeError(f"the load generator gave up on the server at port {self.port}")
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def _running_children(self) -> set[str]:
        return set(self._children.read_text().split()) if self._children.exists() else set()


def rss_kib(process: int | str = "self") -> int:
    """Resident memory of a process; 0 where the system does not tell."""
    status = Path(f"/proc/{process}/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


@contextmanager
def maillage(folder: Path) -> Iterator[Server]:
    """The real server on a data folder, as anybody starts it."""
    env = _environment() | {"MAILLAGE_HOME": str(folder), "MAILLAGE_ADMIN_KEY": API_KEY}
    command = [sys.executable, "-m", "maillage", "up", "--port", "0"]
    with _running(command, env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"listening on http://\S+:(\d+)", said)
        if found is None:
            raise RuntimeError(f"maillage did not start: {said}")
        yield Server(process, int(found[1]))


@contextmanager
def granian(app: str, **told: str) -> Iterator[Server]:
    """An ASGI application on the server that maillage uses too: one worker, uvloop, no log of accesses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--workers", "1", "--loop", "uvloop"]
    command += ["--http", "1", "--no-ws", "--log-level", "warning", "--port", str(port), app]
    with _running(command, _environment() | told) as process:
        until = time.monotonic() + START_WITHIN_S
        while True:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{app} did not start")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Server(process, port)


@contextmanager
def _running(command: list[str], env: dict[str, str], **pipes: Any) -> "Iterator[subprocess.Popen[Any]]":
    """Ends it and what it started by force: nothing that it has is needed any more."""
    process = subprocess.Popen(command, cwd=ROOT, env=env, process_group=0, **pipes)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAILLAGE_", "GRANIAN_"))}
